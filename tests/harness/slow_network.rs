//! The slow network is as slow as it says.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use tests::slow_network::{Shape, SlowNetwork};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Long enough for two cores that others use too; delays may be longer than said, never shorter.
const SLACK: Duration = Duration::from_millis(250);

/// A server that reads one byte and then answers `answer` bytes, and closes when its client has closed.
async fn server(answer: usize) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut byte = [0; 1];
                while stream.read(&mut byte).await.unwrap_or(0) == 1 {
                    stream.write_all(&vec![b'x'; answer]).await.unwrap();
                }
            });
        }
    });
    address
}

async fn ask(stream: &mut TcpStream, answer: usize) -> Duration {
    let begin = Instant::now();
    stream.write_all(b"?").await.unwrap();
    stream.read_exact(&mut vec![0; answer]).await.unwrap();
    begin.elapsed()
}

fn assert_about(measured: Duration, expected: Duration) {
    assert!(measured >= expected.saturating_sub(Duration::from_millis(2)), "{measured:?}, expected {expected:?}");
    assert!(measured <= expected + SLACK, "{measured:?}, expected {expected:?}");
}

#[tokio::test]
async fn a_new_connection_costs_its_set_up_and_every_exchange_a_round_trip() {
    let network = SlowNetwork::before(server(1).await, Shape::PHONE).await.unwrap();
    let mut stream = TcpStream::connect(network.address()).await.unwrap();

    let (first, second) = (ask(&mut stream, 1).await, ask(&mut stream, 1).await);

    assert_about(first, Duration::from_millis(300));
    assert_about(second, Duration::from_millis(150));
}

#[tokio::test]
async fn bandwidth_is_limited_and_shared_by_all_connections() {
    // 100,000 bytes at 1.6 Mbit/s take 500 ms, twice that for two at a time.
    let network = SlowNetwork::before(server(100_000).await, Shape::PHONE).await.unwrap();
    let mut one = TcpStream::connect(network.address()).await.unwrap();
    let mut two = TcpStream::connect(network.address()).await.unwrap();

    let alone = ask(&mut one, 100_000).await;
    let (first, second) = tokio::join!(ask(&mut one, 100_000), ask(&mut two, 100_000));

    assert_about(alone, Duration::from_millis(300 + 500));
    assert_about(first.max(second), Duration::from_millis(150 + 1_000));
    assert!(first.min(second) > Duration::from_millis(900), "one had the link for itself: {first:?}, {second:?}");
}

#[tokio::test]
async fn a_close_travels_through_after_the_bytes_before_it() {
    let network = SlowNetwork::before(server(10).await, Shape::PHONE).await.unwrap();
    let mut stream = TcpStream::connect(network.address()).await.unwrap();
    stream.write_all(b"?").await.unwrap();
    stream.shutdown().await.unwrap();

    let mut all = Vec::new();
    stream.read_to_end(&mut all).await.unwrap();

    assert_eq!(all.len(), 10);
}

#[tokio::test]
async fn a_client_sees_the_end_of_its_connection_when_nobody_listens_behind() {
    let free = tests::ports::free_address().unwrap();
    let network = SlowNetwork::before(free, Shape::PHONE).await.unwrap();
    let mut stream = TcpStream::connect(network.address()).await.unwrap();

    let read = stream.read(&mut [0; 1]).await;

    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
}
