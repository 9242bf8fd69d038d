//! A browser of few words: one connection a request, cookies kept, no redirects followed.

use std::collections::BTreeMap;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use web_demo::serve;
use web_demo::settings::{DiscountCode, Origin, Settings, SiteKey, Tag};

/// The collector's origin in these tests. Nothing listens there.
pub(crate) const COLLECTOR: &str = "http://127.0.0.1:7070";

/// The settings of the demo.
pub(crate) fn settings() -> Settings {
    Settings {
        collector: Origin::parse(COLLECTOR).unwrap(),
        site: SiteKey::parse("demo-shop").unwrap(),
        tag: Tag::One,
        consent_in_tag: false,
        allow_wasm: true,
        codes: vec![DiscountCode::parse("WARM10=10").unwrap()],
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}

/// A shop of its own, and a visitor in it.
pub(crate) struct Browser {
    address: std::net::SocketAddr,
    cookies: BTreeMap<String, String>,
    stop: Option<oneshot::Sender<()>>,
    pub(crate) shop: JoinHandle<()>,
}

impl Browser {
    pub(crate) async fn open(settings: Settings) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let shop = tokio::spawn(serve(listener, settings, async move {
            stopped.await.ok();
        }));
        Self { address, cookies: BTreeMap::new(), stop: Some(stop), shop }
    }

    /// Asks the shop to end.
    pub(crate) fn stop_shop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.ask("GET", path, &[], "").await
    }

    pub(crate) async fn post(&mut self, path: &str, form: &str) -> Answer {
        self.ask("POST", path, &[("content-type", "application/x-www-form-urlencoded")], form).await
    }

    pub(crate) async fn ask(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n");
        head += &format!("content-length: {}\r\n", body.len());
        if !self.cookies.is_empty() {
            let pairs: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            head += &format!("cookie: {}\r\n", pairs.join("; "));
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        let mut stream = self.connect().await;
        stream.write_all(format!("{head}\r\n{body}").as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        let answer = parse(&bytes);
        self.remember(&answer);
        answer
    }

    fn remember(&mut self, answer: &Answer) {
        for (_, value) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (name, value) = value.split(';').next().unwrap().split_once('=').unwrap();
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

fn parse(bytes: &[u8]) -> Answer {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("an answer has a head");
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines
        .map(|line| line.split_once(':').unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Answer { status, headers, body: bytes[end + 4..].to_vec() }
}

/// Every address of the shop itself that the page names in `href` or `src`, without fragments.
pub(crate) fn links(html: &str) -> Vec<String> {
    ["href=\"", "src=\""]
        .iter()
        .flat_map(|attribute| html.split(attribute).skip(1))
        .filter_map(|rest| rest.split('"').next())
        .map(|address| address.split('#').next().unwrap().replace("&amp;", "&"))
        .filter(|address| address.starts_with('/'))
        .collect()
}
