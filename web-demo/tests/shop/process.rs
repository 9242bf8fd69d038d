//! Starting and stopping.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;

use crate::browser::{Browser, settings};

#[tokio::test]
async fn the_shop_stops_although_a_connection_idles() {
    // given a browser that keeps a connection open, and one that never finishes its request
    let mut browser = Browser::open(settings()).await;
    let idle = browser.connect().await;
    let mut slow = browser.connect().await;
    slow.write_all(b"GET / HTTP/1.1\r\nhost:").await.unwrap();
    assert_eq!(browser.get("/healthz").await.text(), "ok\n");

    // when the shop is told to stop
    browser.stop_shop();

    // then it does
    tokio::time::timeout(Duration::from_secs(10), &mut browser.shop).await.expect("stops in time").unwrap();
    drop(idle);
}

struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn healthy(address: SocketAddr) -> bool {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.ends_with("ok\n")
}

#[test]
fn the_program_answers_on_both_loopbacks_and_ends_at_sigterm() {
    // given the program on a free port
    let mut command = Command::new(env!("CARGO_BIN_EXE_web-demo"));
    command.args(["--listen", "127.0.0.1:0"]).env_remove("RUST_LOG").stderr(Stdio::piped()).stdout(Stdio::piped());
    let mut started = Started(command.spawn().unwrap());
    let mut log = BufReader::new(started.0.stderr.take().unwrap());
    let mut line = String::new();
    log.read_line(&mut line).unwrap();
    assert!(line.contains("the demo shop is ready"), "{line}");
    let address = line.split("http://").nth(1).unwrap().split('/').next().unwrap();
    let address: SocketAddr = address.parse().unwrap();

    // then it answers as 127.0.0.1, and as ::1 where the machine has it
    assert!(healthy(address));
    if line.contains("also_on_ipv6=true") {
        assert!(healthy(SocketAddr::from((Ipv6Addr::LOCALHOST, address.port()))));
    } else {
        assert!(TcpListener::bind((Ipv6Addr::LOCALHOST, address.port())).is_err(), "[::1] is free and not used");
    }

    // when it is told to end, it does so without complaint, having written nothing else
    let told = Command::new("kill").args(["-TERM", &started.0.id().to_string()]).status().unwrap();
    assert!(told.success());
    assert!(started.0.wait().unwrap().success());
    let mut rest = String::new();
    log.read_to_string(&mut rest).unwrap();
    started.0.stdout.take().unwrap().read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
}

#[test]
fn the_stub_needs_its_file() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_web-demo"));
    let ended = command.args(["--tag", "stub"]).output().unwrap();

    assert!(!ended.status.success());
    assert!(String::from_utf8(ended.stderr).unwrap().contains("--stub-file"));
}
