//! Processes start, say when they are ready, end when asked, and leave nothing behind.

use std::time::{Duration, Instant};

use tests::{
    Fault,
    body::Page,
    http::Http,
    process::{Process, Program},
    raw::Raw,
    reference_server,
};

fn shell(script: &str) -> Program {
    Program::new("shell", "/bin/sh").argument("-c").argument(script)
}

/// Waits until the process has written something: before that a shell has not set its traps.
async fn first_words(process: &Process) -> String {
    let look = async || Some(process.output()).filter(|output| output.ends_with('\n')).ok_or_else(String::new);
    tests::waiting::until("output", Duration::from_secs(5), look).await.unwrap()
}

fn is_alive(id: u32) -> bool {
    std::path::Path::new(&format!("/proc/{id}")).exists()
}

#[tokio::test]
async fn output_is_kept_and_the_environment_is_only_what_was_given() {
    let mut process = shell("echo out $GIVEN $CARGO_MANIFEST_DIR; echo error >&2; exec sleep 60")
        .environment("GIVEN", "given")
        .start()
        .await
        .unwrap();
    first_words(&process).await;
    process.stop().await.unwrap();

    assert_eq!(process.output(), "out given\nerror\n");
}

#[tokio::test]
async fn dropping_ends_the_process_and_removes_its_folder() {
    let process = shell("exec sleep 60").start().await.unwrap();
    let (id, folder) = (process.id().unwrap(), process.folder().to_path_buf());
    assert!(is_alive(id) && folder.exists());

    drop(process);

    assert!(!is_alive(id) && !folder.exists());
}

#[tokio::test]
async fn stopping_lets_a_process_finish_and_killing_does_not() {
    let script = "trap 'echo finished; exit 7' TERM; echo ready; while :; do sleep 0.05; done";
    let mut stopped = shell(script).start().await.unwrap();
    let mut killed = shell(script).start().await.unwrap();
    first_words(&stopped).await;
    first_words(&killed).await;

    let status = stopped.stop().await.unwrap().unwrap();
    killed.kill_9().await.unwrap();

    assert_eq!(status.code(), Some(7));
    assert_eq!(stopped.output(), "ready\nfinished\n");
    assert_eq!(killed.output(), "ready\n");
}

#[tokio::test]
async fn a_process_that_ends_before_it_is_ready_is_reported_at_once_with_its_words() {
    let begin = Instant::now();

    let started = shell("echo no such file; exit 3").ready_when("http://127.0.0.1:1/").start().await;

    let Err(Fault::Ended { status, output, .. }) = started else { panic!("{started:?}") };
    assert!(status.contains('3') && output.contains("no such file"), "{status}: {output}");
    assert!(begin.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_binary_of_ours_is_found_answers_and_answers_again_after_kill_9() {
    let (address, mut server) = reference_server::start().await.unwrap();
    let http = Http::new();
    let mut page = Page::of_visitor("shop", 1);
    let event = page.event("page_view", serde_json::json!({}));
    let body = page.envelope("https://shop.example/", vec![event]);
    let url = format!("http://{address}/v1/events");

    let before = http.post(&url, &[], &body).await.unwrap();
    server.kill_9().await.unwrap();
    let during = http.post(&url, &[], &body).await;
    server.restart().await.unwrap();
    let after = http.post(&url, &[], &body).await.unwrap();

    assert_eq!(before.json().unwrap()["receipts"][0]["status"], "accepted");
    assert!(matches!(during, Err(Fault::NoAnswer { .. })), "{during:?}");
    assert_eq!(after.status, 200);
    assert!(server.processor_time().is_some());
}

#[tokio::test]
async fn a_raw_socket_sends_what_no_client_would() {
    let (address, _server) = reference_server::start().await.unwrap();
    let mut raw = Raw::connect_from([127, 1, 0, 9], address).await.unwrap();

    raw.send("GET /livez\r\nnot a header\r\n\r\n").await.unwrap();
    let answer = raw.read_to_end(Duration::from_secs(10)).await.unwrap();

    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
}
