//! Each disturbance of the fault proxy, in front of a server that counts what it is asked and answers the same bytes.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tests::{
    fault_proxy::{Disturbance, FaultProxy, Way},
    waiting,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

/// Longer than anything undisturbed takes.
const SOON: Duration = Duration::from_secs(5);
/// So long nothing must arrive where nothing may.
const A_WHILE: Duration = Duration::from_millis(300);

/// A server that says back what it hears, and how many bytes it heard.
async fn echo() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let heard = Arc::new(AtomicUsize::new(0));
    let counted = heard.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let counted = counted.clone();
            tokio::spawn(async move {
                let mut bytes = [0; 1024];
                while let Ok(length @ 1..) = stream.read(&mut bytes).await {
                    counted.fetch_add(length, Ordering::SeqCst);
                    stream.write_all(&bytes[..length]).await.unwrap();
                }
            });
        }
    });
    (address, heard)
}

struct Scene {
    proxy: FaultProxy,
    client: TcpStream,
    heard: Arc<AtomicUsize>,
}

impl Scene {
    /// A client whose connection has worked once.
    async fn new() -> Self {
        let (address, heard) = echo().await;
        let proxy = FaultProxy::before(address).await.unwrap();
        let client = TcpStream::connect(proxy.address()).await.unwrap();
        let mut scene = Self { proxy, client, heard };
        assert_eq!(scene.ask(b"hello").await.unwrap(), b"hello");
        scene.heard.store(0, Ordering::SeqCst);
        scene
    }

    async fn ask(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        self.client.write_all(bytes).await?;
        self.answer(bytes.len()).await
    }

    async fn answer(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let mut answer = vec![0; length];
        timeout(SOON, self.client.read_exact(&mut answer)).await??;
        Ok(answer)
    }

    /// Nothing comes for a while.
    async fn silent(&mut self) -> bool {
        timeout(A_WHILE, self.client.read_u8()).await.is_err()
    }

    async fn heard(&self, bytes: usize) {
        waiting::until("bytes at the server", SOON, async || match self.heard.load(Ordering::SeqCst) {
            heard if heard == bytes => Ok(()),
            heard => Err(heard.to_string()),
        })
        .await
        .unwrap();
    }
}

fn is_reset(result: io::Result<Vec<u8>>) -> bool {
    result.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionReset)
}

#[tokio::test]
async fn a_delay_holds_each_way_and_leaves_the_bandwidth() {
    let mut scene = Scene::new().await;
    scene.proxy.disturb(Disturbance::Delay(Duration::from_millis(100)));

    // Twenty chunks in a row: were each delayed behind the one before, it would take four seconds
    let begin = Instant::now();
    for _ in 0..20 {
        scene.client.write_all(&[7; 1000]).await.unwrap();
        tokio::task::yield_now().await;
    }
    scene.answer(20_000).await.unwrap();

    let took = begin.elapsed();
    assert!((200..1_500).contains(&took.as_millis()), "{took:?}");
}

#[tokio::test]
async fn slow_bytes_come_one_by_one_each_way() {
    let mut scene = Scene::new().await;
    scene.proxy.disturb(Disturbance::Slow(20));

    let begin = Instant::now();
    assert_eq!(scene.ask(b"ten bytes.").await.unwrap(), b"ten bytes.");

    // The last byte leaves after half a second, and is alone on its way back.
    assert!(begin.elapsed() >= Duration::from_millis(545), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn a_stall_holds_both_ways_and_what_was_held_arrives_afterwards() {
    let mut scene = Scene::new().await;
    scene.proxy.disturb(Disturbance::Stall);

    scene.client.write_all(b"held").await.unwrap();

    assert!(scene.silent().await);
    scene.heard(0).await;
    scene.proxy.disturb(Disturbance::None);
    assert_eq!(scene.answer(4).await.unwrap(), b"held");
    assert_eq!(scene.proxy.resets(), 0);
}

#[tokio::test]
async fn a_one_way_cut_of_the_answers_lets_requests_pass() {
    let mut scene = Scene::new().await;
    scene.proxy.disturb(Disturbance::Hold(Way::ToClient));

    scene.client.write_all(b"asked").await.unwrap();

    scene.heard(5).await;
    assert!(scene.silent().await);
}

#[tokio::test]
async fn a_one_way_cut_of_the_requests_lets_answers_pass() {
    // Given an answer that is on its way and held
    let mut scene = Scene::new().await;
    scene.proxy.disturb(Disturbance::Hold(Way::ToClient));
    scene.client.write_all(b"first").await.unwrap();
    scene.heard(5).await;

    scene.proxy.disturb(Disturbance::Hold(Way::ToServer));
    scene.client.write_all(b"second").await.unwrap();

    assert_eq!(scene.answer(5).await.unwrap(), b"first");
    assert!(scene.silent().await);
    scene.heard(5).await;
}

#[tokio::test]
async fn a_cut_resets_open_connections_and_new_ones_until_it_ends() {
    let mut scene = Scene::new().await;
    scene.proxy.disturb(Disturbance::Cut);

    assert!(is_reset(scene.answer(1).await));
    let mut next = TcpStream::connect(scene.proxy.address()).await.unwrap();
    assert_eq!(next.read_u8().await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);

    scene.proxy.disturb(Disturbance::None);
    scene.client = TcpStream::connect(scene.proxy.address()).await.unwrap();
    assert_eq!(scene.ask(b"again").await.unwrap(), b"again");
    assert_eq!(scene.proxy.resets(), 2);
}

#[tokio::test]
async fn a_reset_before_the_request_leaves_the_server_without_it() {
    let mut scene = Scene::new().await;
    scene.proxy.disturb(Disturbance::ResetBeforeRequest);

    assert!(is_reset(scene.ask(b"never").await));

    assert_eq!((scene.proxy.resets(), scene.heard.load(Ordering::SeqCst)), (1, 0));
}

#[tokio::test]
async fn a_lost_reply_leaves_the_request_done_and_the_client_without_knowing() {
    let mut scene = Scene::new().await;
    scene.proxy.disturb(Disturbance::ReplyLost);

    assert!(is_reset(scene.ask(b"done").await));

    scene.heard(4).await;
    assert_eq!(scene.proxy.resets(), 1);
}

#[tokio::test]
async fn what_goes_wrong_for_one_client_leaves_the_others_alone() {
    // Given a client of another address
    let mut scene = Scene::new().await;
    let mut other = tests::raw::connect_from([127, 0, 0, 9], scene.proxy.address()).await.unwrap();

    scene.proxy.disturb_client([127, 0, 0, 9].into(), Disturbance::Cut);

    assert!(is_reset(timeout(SOON, other.read_u8()).await.unwrap().map(|_| Vec::new())));
    assert_eq!(scene.ask(b"hello").await.unwrap(), b"hello");
    assert_eq!(scene.proxy.resets(), 1);
    // And when nothing goes wrong any more, it comes again
    scene.proxy.disturb(Disturbance::None);
    scene.client = tests::raw::connect_from([127, 0, 0, 9], scene.proxy.address()).await.unwrap();
    assert_eq!(scene.ask(b"again").await.unwrap(), b"again");
}

#[tokio::test]
async fn an_orderly_end_is_handed_on_as_one() {
    let mut scene = Scene::new().await;

    scene.client.write_all(b"last").await.unwrap();
    scene.client.shutdown().await.unwrap();

    let mut rest = Vec::new();
    timeout(SOON, scene.client.read_to_end(&mut rest)).await.unwrap().unwrap();
    assert_eq!((&rest[..], scene.proxy.resets()), (&b"last"[..], 0));
}
