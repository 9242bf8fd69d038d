//! The WebDriver protocol, as far as the tests need it: every command is one request with a JSON body, see the W3C
//! recommendation, and `goog/cdp/execute` of chromedriver carries the commands of the DevTools protocol.

use std::{
    env,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    time::Duration,
};

use hyper::Method;
use serde_json::{Value, json};

use crate::{
    Fault,
    http::Http,
    ports,
    process::{Process, Program},
};

/// How long the browser may take to close when the test is over.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

/// One chromedriver with one session. The order of fields is the order of dropping: the driver outlives the session.
#[derive(Debug)]
pub(crate) struct Driver {
    http: Http,
    session: Session,
    _process: Process,
}

/// An open session; closing it closes the browser.
#[derive(Debug)]
struct Session {
    address: SocketAddr,
    path: String,
}

impl Driver {
    /// Starts chromedriver and opens a session with `options` as `goog:chromeOptions`, to which the browser is added.
    pub(crate) async fn open(mut options: Value, page_load: &str) -> Result<Self, Fault> {
        let chromedriver = installed(&["chromedriver"], "chromium-driver")?;
        let browser = installed(&["chromium", "chromium-browser", "google-chrome"], "chromium")?;
        let address = ports::free_address()?;
        let process = Program::new("chromedriver", chromedriver)
            .argument(format!("--port={}", address.port()))
            .ready_when(format!("http://{address}/status"))
            .start()
            .await?;
        options["binary"] = json!(browser);
        if let Some(arguments) = options["args"].as_array_mut() {
            // In the driver's folder, so that it goes with it, however the test ends.
            arguments.push(json!(format!("--user-data-dir={}", process.folder().join("profile").display())));
        }
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "pageLoadStrategy": page_load,
            "timeouts": { "script": 30_000, "pageLoad": 60_000 },
            "goog:chromeOptions": options,
            "goog:loggingPrefs": { "browser": "ALL" },
        } } });
        let http = Http::new();
        let opened = exchange(&http, Method::POST, &format!("http://{address}/session"), &wanted).await?;
        let id = opened["sessionId"].as_str().ok_or_else(|| Fault::Browser {
            command: "POST /session".to_owned(),
            detail: format!("no session id in {opened}"),
        })?;
        Ok(Self { http, session: Session { address, path: format!("/session/{id}") }, _process: process })
    }

    /// One command of the session, such as `POST` `url`; gives the `value` of the answer.
    pub(crate) async fn command(&self, method: Method, path: &str, body: Value) -> Result<Value, Fault> {
        let Session { address, path: session } = &self.session;
        exchange(&self.http, method, &format!("http://{address}{session}/{path}"), &body).await
    }

    /// One command of the DevTools protocol.
    pub(crate) async fn devtools(&self, command: &str, parameters: Value) -> Result<Value, Fault> {
        let body = json!({ "cmd": command, "params": parameters });
        self.command(Method::POST, "goog/cdp/execute", body).await.map_err(|fault| match fault {
            Fault::Browser { detail, .. } => Fault::Browser { command: command.to_owned(), detail },
            other => other,
        })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Without a runtime here: a plain request, whose answer comes when the browser has closed. If it does not come,
        // the end of chromedriver closes the pipe to the browser, which ends it too.
        let Ok(mut stream) = TcpStream::connect_timeout(&self.address, CLOSE_LIMIT) else { return };
        let request = format!("DELETE {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.path, self.address);
        let asked = stream.set_read_timeout(Some(CLOSE_LIMIT)).and_then(|()| stream.write_all(request.as_bytes()));
        if asked.is_ok() {
            // Closing is all that matters; there is nobody to report to.
            drop(stream.read(&mut [0; 1]));
        }
    }
}

async fn exchange(http: &Http, method: Method, address: &str, body: &Value) -> Result<Value, Fault> {
    let command = format!("{method} {}", address.rsplit('/').next().unwrap_or(address));
    let body = if method == Method::GET { String::new() } else { body.to_string() };
    // A connection each: one that is kept may be closed by the driver in the moment in which it is used again.
    let headers = [("content-type", "application/json"), ("connection", "close")];
    let answer = http.send(method, address, &headers, body).await?;
    let mut json = answer.json()?;
    let value = json["value"].take();
    if answer.status.is_success() {
        return Ok(value);
    }
    let text = |name: &str| value[name].as_str().unwrap_or_default().lines().next().unwrap_or_default().to_owned();
    Err(Fault::Browser { command, detail: format!("{}: {}", text("error"), text("message")) })
}

/// The first of `names` on the search path.
fn installed(names: &[&str], package: &str) -> Result<PathBuf, Fault> {
    let path = env::var_os("PATH").unwrap_or_default();
    names
        .iter()
        .flat_map(|name| env::split_paths(&path).map(move |folder| folder.join(name)))
        .find(|at| at.is_file())
        .ok_or_else(|| Fault::Missing {
            what: names.join(" or "),
            remedy: format!("`apt-get install {package}`, or `.ci/prerequisites test`"),
        })
}
