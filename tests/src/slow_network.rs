//! A network that is slow on purpose: a TCP proxy on the loopback interface.
//!
//! It stands before a server; a browser pointed at its address sees a phone's network: connections take a while to be
//! set up, every byte travels half a round trip, and all connections share one link of limited bandwidth each way.
//! Loss, slow start and jitter are not simulated.
//!
//! ```text
//! client ─► wait for set-up ─► packets queue for the link ─► half a round trip ─► server
//!        ◄─ half a round trip ◄─ packets queue for the other link ◄────────────────┘
//! ```

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{Semaphore, mpsc, watch},
    task::JoinHandle,
    time::{Instant, sleep, sleep_until},
};

use crate::Fault;

/// Bytes that travel together: what an Ethernet packet carries, so that connections share the link evenly.
const PACKET: usize = 1_460;
/// Packets on their way in one direction of one connection. Beyond it the sender waits, as with a full TCP window.
const IN_FLIGHT: usize = 64;
/// Connections at one time. Beyond it they wait to be accepted.
const CONNECTIONS: usize = 256;

/// How slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Time until a new connection carries its first byte.
    pub set_up: Duration,
    /// Time from a byte's departure to the arrival of an immediate answer, transmission apart.
    pub round_trip: Duration,
    /// Bandwidth towards the client, in bits a second, shared by all connections.
    pub down: u64,
    /// Bandwidth towards the server, in bits a second, shared by all connections.
    pub up: u64,
}

impl Shape {
    /// 150 ms and 1.6 / 0.75 Mbit/s: "Slow 4G" of the browser's developer tools and of Lighthouse.
    pub const PHONE: Self = Self {
        set_up: Duration::from_millis(150),
        round_trip: Duration::from_millis(150),
        down: 1_600_000,
        up: 750_000,
    };
}

/// A running proxy; dropping it closes all its connections.
#[derive(Debug)]
pub struct SlowNetwork {
    address: SocketAddr,
    accepting: JoinHandle<()>,
    traffic: Arc<Traffic>,
    /// Its receivers are the connections: a change ends them.
    hang_up: watch::Sender<()>,
}

impl SlowNetwork {
    /// Listens on a free loopback port, in front of `target`. The target is only connected to when a client comes, so
    /// it need not run yet.
    ///
    /// # Errors
    /// When the system has no free port.
    pub async fn before(target: SocketAddr, shape: Shape) -> Result<Self, Fault> {
        let listening = async {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            let address = listener.local_addr()?;
            Ok::<_, io::Error>((listener, address))
        };
        let (listener, address) = listening.await.map_err(Fault::system("opening the slow network"))?;
        let traffic = Arc::new(Traffic { last: Mutex::new(Instant::now()) });
        let hang_up = watch::Sender::new(());
        let accepting = tokio::spawn(accept(listener, target, shape, Arc::clone(&traffic), hang_up.clone()));
        Ok(Self { address, accepting, traffic, hang_up })
    }

    /// Waits until nothing has travelled and nobody has connected for `quiet`, then closes all connections: whoever
    /// comes next has to set up their own.
    pub async fn hang_up_after(&self, quiet: Duration) {
        loop {
            let until = self.traffic.last() + quiet;
            if until <= Instant::now() {
                self.hang_up.send_replace(());
                return;
            }
            sleep_until(until).await;
        }
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for SlowNetwork {
    fn drop(&mut self) {
        // The connections belong to the accepting task and end with it.
        self.accepting.abort();
    }
}

/// When something happened last on any connection.
#[derive(Debug)]
struct Traffic {
    last: Mutex<Instant>,
}

impl Traffic {
    fn note(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn last(&self) -> Instant {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn accept(
    listener: TcpListener,
    target: SocketAddr,
    shape: Shape,
    traffic: Arc<Traffic>,
    hang_up: watch::Sender<()>,
) {
    let up = Arc::new(Link::new(shape.up, Arc::clone(&traffic)));
    let down = Arc::new(Link::new(shape.down, Arc::clone(&traffic)));
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = tokio::task::JoinSet::new();
    while let Ok(permit) = Arc::clone(&room).acquire_owned().await {
        let Ok((client, _)) = listener.accept().await else { return };
        traffic.note();
        let (up, down, mut hung_up) = (Arc::clone(&up), Arc::clone(&down), hang_up.subscribe());
        connections.spawn(async move {
            // An end that fails has closed the other one too; the client sees it, and that is all there is to tell.
            tokio::select! {
                carried = carry(client, target, shape, &up, &down) => drop(carried),
                ended = hung_up.changed() => drop(ended),
            }
            drop(permit);
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn carry(client: TcpStream, target: SocketAddr, shape: Shape, up: &Link, down: &Link) -> io::Result<()> {
    sleep(shape.set_up).await;
    let server = TcpStream::connect(target).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let travel = shape.round_trip / 2;
    tokio::try_join!(one_way(from_client, to_server, up, travel), one_way(from_server, to_client, down, travel))?;
    Ok(())
}

/// Carries bytes one way until their sender closes, then hands the close on.
async fn one_way(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, link: &Link, travel: Duration) -> io::Result<()> {
    let (depart, mut arrive) = mpsc::channel::<(Instant, Vec<u8>)>(IN_FLIGHT);
    let sending = async move {
        loop {
            let mut packet = vec![0; PACKET];
            let length = from.read(&mut packet).await?;
            if length == 0 {
                return Ok(());
            }
            packet.truncate(length);
            let sent = link.transmit(length);
            // The link is busy until then: what comes behind is taken in no earlier.
            sleep_until(sent).await;
            if depart.send((sent + travel, packet)).await.is_err() {
                return Ok(());
            }
        }
    };
    let receiving = async move {
        while let Some((due, packet)) = arrive.recv().await {
            sleep_until(due).await;
            to.write_all(&packet).await?;
        }
        to.shutdown().await
    };
    tokio::try_join!(sending, receiving).map(|_: ((), ())| ())
}

/// One direction of the link: packets leave one after another.
#[derive(Debug)]
struct Link {
    bits_per_second: u64,
    free_at: Mutex<Instant>,
    traffic: Arc<Traffic>,
}

impl Link {
    fn new(bits_per_second: u64, traffic: Arc<Traffic>) -> Self {
        Self { bits_per_second, free_at: Mutex::new(Instant::now()), traffic }
    }

    /// Queues `bytes`, and gives the instant at which the last of them has left.
    fn transmit(&self, bytes: usize) -> Instant {
        self.traffic.note();
        let nanoseconds = (bytes as u64) * 8 * 1_000_000_000 / self.bits_per_second.max(1);
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        *free_at = (*free_at).max(Instant::now()) + Duration::from_nanos(nanoseconds);
        *free_at
    }
}
