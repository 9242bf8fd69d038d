//! A connection that goes wrong on purpose: a TCP proxy on the loopback interface, whose [`Disturbance`] a test changes
//! while it runs.
//!
//! ```text
//! client ─► arrives ─► waits as the disturbance says ─► server
//!        ◄─ waits as the disturbance says ◄─ arrives ◄──┘
//! ```
//!
//! It knows nothing of what it carries. What is on its way when the disturbance changes is treated as the new one says, so
//! that what was held arrives when the hold ends. Bytes are never changed, reordered or left out within a connection.

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
    task::{JoinHandle, JoinSet},
    time::{Instant, sleep_until},
};

use crate::Fault;

/// Bytes that travel together at most.
const CHUNK: usize = 16 * 1024;
/// Chunks on their way in one direction of one connection. Beyond it the sender waits, as with a full TCP window.
const IN_FLIGHT: usize = 64;

/// A direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// What clients send.
    ToServer,
    /// What the server answers.
    ToClient,
}

/// What goes wrong, for every connection alike or for those of one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disturbance {
    /// Nothing.
    None,
    /// Every byte arrives so much later, each way; the bandwidth stays.
    Delay(Duration),
    /// So many bytes a second arrive, each way of each connection; at least 1.
    Slow(u32),
    /// Nothing arrives either way, and no connection ends: a stall.
    Stall,
    /// Nothing of one direction arrives, all of the other does, and no connection ends: a one-way cut.
    Hold(Way),
    /// Every connection is reset, and every new one at once.
    Cut,
    /// A connection is reset when its client asks something; the server gets nothing of it.
    ResetBeforeRequest,
    /// A connection is reset when its server answers: what was asked has been done, and the client cannot know.
    ReplyLost,
}

/// A running proxy; dropping it closes all its connections.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    target: SocketAddr,
    disturbances: watch::Sender<Disturbances>,
    resets: AtomicU64,
}

/// What goes wrong for whom.
#[derive(Debug)]
struct Disturbances {
    all: Disturbance,
    /// Clients by their address, in place of what `all` have.
    of: BTreeMap<IpAddr, Disturbance>,
}

impl Disturbances {
    fn of(&self, client: IpAddr) -> Disturbance {
        self.of.get(&client).copied().unwrap_or(self.all)
    }
}

impl FaultProxy {
    /// Listens on a free loopback port, in front of `target`, and disturbs nothing yet. The target is only connected to
    /// when a client comes, so it need not run.
    ///
    /// # Errors
    /// When the system has no free port.
    pub async fn before(target: SocketAddr) -> Result<Self, Fault> {
        let listening = async {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            let address = listener.local_addr()?;
            Ok::<_, io::Error>((listener, address))
        };
        let (listener, address) = listening.await.map_err(Fault::system("opening a fault proxy"))?;
        let disturbances = watch::Sender::new(Disturbances { all: Disturbance::None, of: BTreeMap::new() });
        let shared = Arc::new(Shared { target, disturbances, resets: AtomicU64::new(0) });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, accepting })
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on this goes wrong for everybody, for connections that are open too.
    pub fn disturb(&self, disturbance: Disturbance) {
        self.shared.disturbances.send_replace(Disturbances { all: disturbance, of: BTreeMap::new() });
    }

    /// From now on this goes wrong for clients that come from this address, until [`disturb`](Self::disturb) is called again.
    pub fn disturb_client(&self, client: IpAddr, disturbance: Disturbance) {
        self.shared.disturbances.send_modify(|disturbances| {
            disturbances.of.insert(client, disturbance);
        });
    }

    /// How many connections were reset so far: whether a disturbance has met anybody.
    #[must_use]
    pub fn resets(&self) -> u64 {
        self.shared.resets.load(Ordering::Relaxed)
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        // The connections belong to the accepting task and end with it.
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((client, address)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        connections.spawn(async move { shared.connection(client, address.ip()).await });
        while connections.try_join_next().is_some() {}
    }
}

impl Shared {
    async fn connection(&self, mut client: TcpStream, from: IpAddr) {
        let mut cut = self.disturbances.subscribe();
        let is_cut = |disturbances: &Disturbances| disturbances.of(from) == Disturbance::Cut;
        let server = tokio::select! {
            biased;
            // The sender lives as long as this does.
            _ = cut.wait_for(is_cut) => return self.reset(&[&client]),
            server = TcpStream::connect(self.target) => server,
        };
        // Whoever is not there refuses; a proxy can only reset.
        let Ok(mut server) = server else { return self.reset(&[&client]) };
        let ended = tokio::select! {
            biased;
            _ = cut.wait_for(is_cut) => Err(io::ErrorKind::ConnectionReset.into()),
            ended = self.carry(&mut client, &mut server, from) => ended,
        };
        if ended.is_err() {
            self.reset(&[&client, &server]);
        }
    }

    async fn carry(&self, client: &mut TcpStream, server: &mut TcpStream, from: IpAddr) -> io::Result<()> {
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        tokio::try_join!(
            one_way(from_client, to_server, Way::ToServer, self.course(from)),
            one_way(from_server, to_client, Way::ToClient, self.course(from)),
        )?;
        Ok(())
    }

    fn course(&self, client: IpAddr) -> Course {
        Course { disturbances: self.disturbances.subscribe(), client }
    }

    fn reset(&self, ends: &[&TcpStream]) {
        for end in ends {
            // Closing it then sends a reset. One that is closed already has no more to be told.
            end.set_zero_linger().ok();
        }
        self.resets.fetch_add(1, Ordering::Relaxed);
    }
}

/// What goes wrong for one client, as it changes.
struct Course {
    disturbances: watch::Receiver<Disturbances>,
    client: IpAddr,
}

impl Course {
    fn now(&mut self) -> Disturbance {
        self.disturbances.borrow_and_update().of(self.client)
    }
}

/// Carries bytes one way until their sender closes, then hands the close on.
async fn one_way(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    way: Way,
    mut course: Course,
) -> io::Result<()> {
    let (depart, mut arrive) = mpsc::channel::<(Instant, Vec<u8>)>(IN_FLIGHT);
    let reading = async move {
        loop {
            let mut chunk = vec![0; CHUNK];
            let length = from.read(&mut chunk).await?;
            if length == 0 {
                return Ok(());
            }
            chunk.truncate(length);
            if depart.send((Instant::now(), chunk)).await.is_err() {
                return Ok(());
            }
        }
    };
    let writing = async move {
        while let Some((begun, chunk)) = arrive.recv().await {
            let mut left = &chunk[..];
            while !left.is_empty() {
                let length = passing(left.len(), begun, way, &mut course).await?;
                let (now, later) = left.split_at(length);
                to.write_all(now).await?;
                left = later;
            }
        }
        to.shutdown().await
    };
    tokio::try_join!(reading, writing).map(|_: ((), ())| ())
}

/// Waits until some of `length` bytes may pass, which set out at `begun`, and says how many.
///
/// # Errors
/// When the connection is to be reset in place of them.
async fn passing(length: usize, begun: Instant, way: Way, course: &mut Course) -> io::Result<usize> {
    loop {
        let now = course.now();
        let (wait, passes) = match (now, way) {
            (Disturbance::ResetBeforeRequest, Way::ToServer) | (Disturbance::ReplyLost, Way::ToClient) => {
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            (Disturbance::Delay(delay), _) => (Some(begun + delay), length),
            (Disturbance::Slow(a_second), _) => {
                (Some(Instant::now() + Duration::from_secs(1) / a_second.max(1)), length.min(1))
            }
            // Whoever cuts ends the connection; until then nothing passes.
            (Disturbance::Stall | Disturbance::Cut, _) => (None, 0),
            (Disturbance::Hold(held), way) if held == way => (None, 0),
            _ => return Ok(length),
        };
        let due = async {
            match wait {
                Some(due) => sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            changed = course.disturbances.changed() => {
                changed.map_err(|_| io::Error::from(io::ErrorKind::ConnectionReset))?;
            }
            () = due => return Ok(passes),
        }
    }
}
