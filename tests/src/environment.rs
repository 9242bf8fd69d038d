//! A collector with a configuration of its own, and what may stand around it: the demo shop, slow networks before both.
//!
//! ```text
//! browser or test ─► (slow network) ─► collector, public     shop ◄─ (slow network) ◄─ browser
//! test ──────────────────────────────► collector, private
//! ```
//!
//! Ports are chosen before anything starts, since the configuration names them. Configuration and models lie in a folder
//! of this environment, the data folder in the collector's own: it stays over restarts, and is kept when a test fails.

use std::{
    collections::BTreeMap,
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use hyper::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    Fault, admin, binaries,
    http::{Answer, Http},
    ports,
    process::{Process, Program},
    slow_network::{Shape, SlowNetwork},
    waiting, workspace,
};

/// The write key of the site that is there unless a setup says otherwise.
pub const SITE: &str = "shop";
/// Its origin.
pub const ORIGIN: &str = "https://shop.example";
/// The write key of the demo shop's site.
pub const DEMO_SITE: &str = "demo-shop";
/// How long what was acknowledged may take to be in the store.
const APPLIED_LIMIT: Duration = Duration::from_secs(30);

/// What to start, and how. The default is a collector alone with the site [`SITE`] and the product's own defaults.
#[derive(Debug, Clone)]
pub struct Setup {
    config: toml::Table,
    files: BTreeMap<String, String>,
    shop: Option<Vec<String>>,
    slow: Option<Shape>,
    log: String,
    test_clock: bool,
    core: Option<usize>,
}

impl Default for Setup {
    fn default() -> Self {
        Self::bare().site(SITE, &[ORIGIN])
    }
}

impl Setup {
    fn bare() -> Self {
        Self {
            config: toml::Table::new(),
            files: BTreeMap::new(),
            shop: None,
            slow: None,
            log: "info".to_owned(),
            test_clock: false,
            core: None,
        }
    }

    /// The demo: its shop, its site, its model. The shop's origins are added when their port is known.
    #[must_use]
    pub fn demo() -> Self {
        let root = workspace::root();
        let offers = root.join("web-demo/demo.offers.toml").display().to_string();
        Self { shop: Some(Vec::new()), ..Self::bare() }
            .site(DEMO_SITE, &[])
            .set("sites.0.name", "Demo shop")
            .set("sites.0.model", vec!["b2c".to_owned(), offers])
            .set("sites.0.page_may_see_score", true)
            .set("sites.0.page_may_explain", true)
    }

    /// Adds a site with the write key `key`; amounts in euro.
    #[must_use]
    pub fn site(mut self, key: &str, origins: &[&str]) -> Self {
        let origins = origins.iter().map(|origin| toml::Value::from(*origin)).collect();
        let site = toml::Table::from_iter([
            ("key".to_owned(), toml::Value::from(key)),
            ("origins".to_owned(), toml::Value::Array(origins)),
            ("currency".to_owned(), toml::Value::from("EUR")),
        ]);
        let sites = self.config.entry("sites").or_insert_with(|| toml::Value::Array(Vec::new()));
        if let Some(sites) = sites.as_array_mut() {
            sites.push(toml::Value::Table(site));
        }
        self
    }

    /// Sets one key of `gloed.toml` by its path, such as `limits.request_burst` or `sites.0.model`.
    #[must_use]
    pub fn set(mut self, path: &str, value: impl Into<toml::Value>) -> Self {
        let mut root = toml::Value::Table(std::mem::take(&mut self.config));
        let mut place = &mut root;
        for part in path.split('.') {
            place = step(place, part);
        }
        *place = value.into();
        if let toml::Value::Table(table) = root {
            self.config = table;
        }
        self
    }

    /// Writes a model file and makes it the whole model of the first site.
    #[must_use]
    pub fn model(mut self, text: &str) -> Self {
        self.files.insert("model.toml".to_owned(), text.to_owned());
        self.set("sites.0.model", vec!["model.toml".to_owned()])
    }

    /// Writes a file beside the configuration, such as a pool of codes.
    #[must_use]
    pub fn file(mut self, name: &str, text: &str) -> Self {
        self.files.insert(name.to_owned(), text.to_owned());
        self
    }

    /// Adds an argument of the demo shop's command line.
    #[must_use]
    pub fn shop_argument(mut self, argument: impl Into<String>) -> Self {
        self.shop.get_or_insert_default().push(argument.into());
        self
    }

    /// Puts a slow network before the collector's public listener and before the shop.
    #[must_use]
    pub fn slow(mut self, shape: Shape) -> Self {
        self.slow = Some(shape);
        self
    }

    /// How much the collector writes of itself: `error` to `trace`; `info` unless said.
    #[must_use]
    pub fn log(mut self, level: &str) -> Self {
        level.clone_into(&mut self.log);
        self
    }

    /// Keeps leads on the Redis at `url`. The secrets, which collectors on one store share, lie in the configuration's folder
    /// unless `server.secrets` is set; where they are missing they are made.
    #[must_use]
    pub fn redis(self, url: impl Into<String>) -> Self {
        self.set("store.kind", "redis").set("store.url", url.into())
    }

    /// Gives the collector a clock that [`Environment::advance`] moves.
    #[must_use]
    pub fn test_clock(mut self) -> Self {
        self.test_clock = true;
        self
    }

    /// Keeps the collector on one core.
    #[must_use]
    pub fn on_core(mut self, core: usize) -> Self {
        self.core = Some(core);
        self
    }

    /// Starts it, and waits until it is ready.
    ///
    /// # Errors
    /// When a process cannot be started or is not ready in time.
    pub async fn start(mut self) -> Result<Environment, Fault> {
        let (public, private, shop) = (ports::free_address()?, ports::free_address()?, ports::free_address()?);
        let mut slow = Vec::new();
        let (mut reached, mut shop_reached) = (public, shop);
        if let Some(shape) = self.slow {
            let collector = SlowNetwork::before(public, shape).await?;
            let before_shop = SlowNetwork::before(shop, shape).await?;
            (reached, shop_reached) = (collector.address(), before_shop.address());
            slow.extend([collector, before_shop]);
        }
        if self.is_on_redis() && self.secrets(Path::new("")).is_none() {
            self = self.set("server.secrets", "secrets.toml");
        }
        self = self.set("server.public", public.to_string()).set("server.private", private.to_string());
        if self.shop.is_some() {
            let ports = [shop.port(), shop_reached.port()];
            let hosts = ["127.0.0.1", "localhost"];
            let origins: Vec<String> =
                ports.iter().flat_map(|port| hosts.map(|host| format!("http://{host}:{port}"))).collect();
            self = self.set("sites.0.origins", origins);
        }
        let folder = self.written()?;
        let config = folder.path().join("gloed.toml");
        if self.is_on_redis() {
            make_secrets(&config)?;
        }
        let mut collector = Program::new("gloed", binaries::gloed()?)
            .argument("serve")
            .argument("--config")
            .argument(&config)
            .environment("GLOED_LOG", format!("{},fjall=warn,lsm_tree=warn", self.log))
            .ready_when(format!("http://{private}/readyz"));
        if self.test_clock {
            collector = collector.argument("--test-clock");
        }
        if let Some(core) = self.core {
            collector = collector.on_core(core);
        }
        let collector = collector.start().await?;
        let shop_process = match &self.shop {
            None => None,
            Some(arguments) => {
                let mut program = Program::new("web-demo", binaries::web_demo()?)
                    .argument("--listen")
                    .argument(shop.to_string())
                    .argument("--collector")
                    .argument(format!("http://{reached}"))
                    .argument("--site")
                    .argument(DEMO_SITE)
                    .ready_when(format!("http://{shop}/healthz"));
                for argument in arguments {
                    program = program.argument(argument);
                }
                Some(program.start().await?)
            }
        };
        Ok(Environment {
            collector,
            shop: shop_process,
            public: reached,
            private,
            shop_address: shop_reached,
            secrets: self.secrets(folder.path()),
            config,
            http: Http::new(),
            slow,
            _folder: folder,
        })
    }

    fn is_on_redis(&self) -> bool {
        self.config.get("store").and_then(|store| store.get("kind")).and_then(toml::Value::as_str) == Some("redis")
    }

    /// The file of the secrets, when the configuration says where it is.
    fn secrets(&self, folder: &Path) -> Option<PathBuf> {
        let file = self.config.get("server")?.get("secrets")?.as_str()?;
        Some(folder.join(file))
    }

    /// The configuration as text, for a test that changes it by hand.
    #[must_use]
    pub fn text(&self) -> String {
        self.config.to_string()
    }

    /// A folder with `gloed.toml` and the model files.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn written(&self) -> Result<TempDir, Fault> {
        let writing = || {
            let folder = tempfile::Builder::new().prefix("gloed-config-").tempdir()?;
            fs::write(folder.path().join("gloed.toml"), self.text())?;
            for (name, text) in &self.files {
                fs::write(folder.path().join(name), text)?;
            }
            Ok(folder)
        };
        writing().map_err(Fault::system("writing the configuration"))
    }
}

/// Makes the secrets that a configuration wants, where they are missing.
fn make_secrets(config: &Path) -> Result<(), Fault> {
    let making = || Fault::system("making secrets");
    let mut command = Command::new(binaries::gloed()?);
    let output = command.arg("make-secrets").arg("--config").arg(config).output().map_err(making())?;
    if output.status.success() {
        return Ok(());
    }
    Err(making()(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned())))
}

/// The value at `part` of a table, or of a list when `part` is a number; made when it is absent.
fn step<'a>(place: &'a mut toml::Value, part: &str) -> &'a mut toml::Value {
    let absent = toml::Value::Boolean(false);
    if place.is_array()
        && let Ok(index) = part.parse::<usize>()
        && let toml::Value::Array(list) = place
    {
        if list.len() <= index {
            list.resize(index + 1, absent);
        }
        return &mut list[index];
    }
    if !place.is_table() {
        *place = toml::Value::Table(toml::Table::new());
    }
    match place {
        toml::Value::Table(table) => table.entry(part).or_insert(absent),
        // Made a table just above.
        other => other,
    }
}

/// What runs. Dropping it stops everything.
#[derive(Debug)]
pub struct Environment {
    /// The collector's process.
    pub collector: Process,
    /// The demo shop's process, if there is one.
    pub shop: Option<Process>,
    public: SocketAddr,
    private: SocketAddr,
    shop_address: SocketAddr,
    config: PathBuf,
    secrets: Option<PathBuf>,
    http: Http,
    slow: Vec<SlowNetwork>,
    _folder: TempDir,
}

impl Environment {
    /// Where browsers reach the collector: its public listener, or the slow network before it.
    #[must_use]
    pub fn public(&self) -> SocketAddr {
        self.public
    }

    /// The collector's private listener.
    #[must_use]
    pub fn private(&self) -> SocketAddr {
        self.private
    }

    /// Where browsers reach the shop.
    #[must_use]
    pub fn shop_address(&self) -> SocketAddr {
        self.shop_address
    }

    /// Closes all connections through the slow networks, once nothing has travelled for `quiet`: the next visitor has none.
    pub async fn hang_up_after(&self, quiet: Duration) {
        for network in &self.slow {
            network.hang_up_after(quiet).await;
        }
    }

    /// The file of the configuration.
    #[must_use]
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// The collector's data folder.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.collector.folder().join("data")
    }

    /// The server key of a site, from the secrets that the collector made.
    ///
    /// # Errors
    /// When there is none.
    pub fn server_key(&self, site: &str) -> Result<String, Fault> {
        self.secret(&["sites", site, "server_key"])
    }

    /// The password of the marketer's pages.
    ///
    /// # Errors
    /// When there is none.
    pub fn admin_password(&self) -> Result<String, Fault> {
        self.secret(&["admin_password"])
    }

    fn secret(&self, path: &[&str]) -> Result<String, Fault> {
        let file = self.secrets.clone().unwrap_or_else(|| self.data().join("secrets.toml"));
        let text = fs::read_to_string(&file).map_err(Fault::system(format!("reading {}", file.display())))?;
        let unreadable = |detail: String| Fault::Unreadable {
            what: file.display().to_string(),
            detail,
            // Not its content: secrets do not belong into the output of tests.
            found: format!("{} bytes", text.len()),
        };
        let table: toml::Table =
            text.parse().map_err(|error: toml::de::Error| unreadable(error.message().to_owned()))?;
        let root = toml::Value::Table(table);
        let secret = path.iter().try_fold(&root, |value, part| value.get(part)).and_then(toml::Value::as_str);
        secret.map(str::to_owned).ok_or_else(|| unreadable(format!("{} is not in it", path.join("."))))
    }

    /// POST of a JSON body to the public listener, from a page of [`ORIGIN`].
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer, Fault> {
        self.post_with(path, &[("origin", ORIGIN)], body).await
    }

    /// The same with these headers, and no others but the content type.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn post_with(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Result<Answer, Fault> {
        self.http.post(&format!("http://{}{path}", self.public), headers, body).await
    }

    /// GET of a path of the private listener.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn get_private(&self, path: &str) -> Result<Answer, Fault> {
        self.http.get(&format!("http://{}{path}", self.private)).await
    }

    /// What the server key of `site` reads of a visitor.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn visitor(&self, site: &str, id: &str) -> Result<Answer, Fault> {
        self.with_server_key(Method::GET, site, &format!("/v1/visitors/{id}"), None).await
    }

    /// Erases a visitor with the server key of `site`.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn erase(&self, site: &str, id: &str) -> Result<Answer, Fault> {
        self.with_server_key(Method::DELETE, site, &format!("/v1/visitors/{id}"), None).await
    }

    /// Tells events with the server key of `site`, each as WIRE.md has a server's event.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn server_events(&self, site: &str, events: Vec<Value>) -> Result<Answer, Fault> {
        let body = json!({ "v": 1, "events": events });
        self.with_server_key(Method::POST, site, "/v1/server/events", Some(&body)).await
    }

    /// A request to the private listener with the server key of `site`.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn with_server_key(
        &self,
        method: Method,
        site: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, Fault> {
        let authorization = format!("Bearer {}", self.server_key(site)?);
        let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
        let body = body.map(Value::to_string).unwrap_or_default();
        self.http.send(method, &format!("http://{}{path}", self.private), &headers, body).await
    }

    /// Asks the collector one command through its admin socket.
    ///
    /// # Errors
    /// When nobody answers. A refusal is an answer.
    pub async fn admin(&self, command: &Value) -> Result<Value, Fault> {
        admin::ask(&self.data(), command).await
    }

    /// Moves the collector's test clock ahead by `by`, such as `90m`; gives the time that it then shows, ms since 1970.
    /// Everything that is due until then is in the store when this returns.
    ///
    /// # Errors
    /// When it is refused, as without [`Setup::test_clock`].
    pub async fn advance(&self, by: &str) -> Result<i64, Fault> {
        let answer = self.admin(&json!({ "command": "advance", "by": by })).await?;
        answer["now"].as_i64().ok_or_else(|| Fault::Unreadable {
            what: format!("the answer to an advance by {by}"),
            detail: "it shows no time".to_owned(),
            found: answer.to_string(),
        })
    }

    /// Everything in the outbox, of all sites, oldest first.
    ///
    /// # Errors
    /// When the collector does not answer.
    pub async fn outbox(&self) -> Result<Vec<Value>, Fault> {
        let mut messages = Vec::new();
        let mut after = Value::Null;
        loop {
            let mut page = self.admin(&json!({ "command": "outbox", "after": after, "limit": 1000 })).await?;
            if let Value::Array(found) = page["messages"].take() {
                messages.extend(found);
            }
            after = page["next"].take();
            if after.is_null() {
                return Ok(messages);
            }
        }
    }

    /// Waits until everything that was acknowledged is in the store, as far as the collector knows which one that is.
    ///
    /// # Errors
    /// When it is not within 30 s.
    pub async fn applied(&self) -> Result<(), Fault> {
        waiting::until("everything applied", APPLIED_LIMIT, async || {
            let answer = self.get_private("/readyz").await.map_err(|fault| fault.to_string())?;
            let ready = answer.json().map_err(|fault| fault.to_string())?;
            if ready["unapplied"] == 0 && ready["apply"] != "again" { Ok(()) } else { Err(ready.to_string()) }
        })
        .await
    }

    /// All metrics, by name and labels as Prometheus writes them: `gloed_event_outcomes_total{outcome="recorded"}`.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn metrics(&self) -> Result<BTreeMap<String, f64>, Fault> {
        let text = self.get_private("/metrics").await?.text();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let read = |line: &str| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        };
        Ok(lines.filter_map(read).collect())
    }

    /// One metric; 0 when it was never counted.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn metric(&self, name: &str) -> Result<f64, Fault> {
        Ok(self.metrics().await?.get(name).copied().unwrap_or_default())
    }
}

/// The visitor's id in the signed id that an answer gave.
#[must_use]
pub fn visitor_id(answer: &Value) -> Option<&str> {
    answer["id"].as_str()?.split('.').nth(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_set_by_its_path_in_tables_and_lists() {
        let setup = Setup::default()
            .site("other", &["https://other.example"])
            .set("limits.request_burst", 3)
            .set("sites.1.allow_query", vec!["q".to_owned()]);

        let config: toml::Table = setup.text().parse().unwrap();

        assert_eq!(config["limits"]["request_burst"].as_integer(), Some(3));
        assert_eq!(config["sites"][0]["key"].as_str(), Some(SITE));
        assert_eq!(config["sites"][1]["allow_query"][0].as_str(), Some("q"));
    }

    #[test]
    fn the_visitor_is_in_the_middle_of_the_signed_id() {
        assert_eq!(visitor_id(&serde_json::json!({ "id": "g1.abc.tag" })), Some("abc"));
        assert_eq!(visitor_id(&serde_json::json!({ "v": 1 })), None);
    }
}
