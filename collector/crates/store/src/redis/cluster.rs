//! A cluster: calls go to the node that answers for their slot, and follow it when that changes.
//!
//! A call is repeated only when its node has said that it did not do it (`MOVED`, `ASK`, `TRYAGAIN`, `READONLY`, …), or when
//! nothing was sent. Each call fails for itself: those of partitions whose node is away, not the others.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use redis::{Cmd, ConnectionAddr, ConnectionInfo, ServerErrorKind, Value};
use tokio::runtime::Handle;

use super::address::host_and_port;
use super::call::Call;
use super::link::{Link, LinkError};
use super::servers::{Answer, away, settled};
use super::settings::Settings;
use super::topology::{Place, Topology, View};
use super::trip::Trip;
use crate::{BoxError, StoreError};

/// How often a call is sent at most.
const ATTEMPTS: u32 = 5;
/// The pause before a slot on its way between two nodes is asked for again; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// The nodes are not asked again who answers for what before so long.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// The nodes of a cluster.
#[derive(Debug)]
pub(super) struct Cluster {
    seed: ConnectionInfoWithoutAddress,
    seeds: Vec<Place>,
    settings: Settings,
    runtime: Handle,
    links: Mutex<HashMap<Place, Arc<Link>>>,
    known: RwLock<Arc<Topology>>,
    looked: tokio::sync::Mutex<Option<Instant>>,
}

/// How nodes are connected to: all alike.
#[derive(Clone)]
struct ConnectionInfoWithoutAddress(ConnectionInfo);

impl std::fmt::Debug for ConnectionInfoWithoutAddress {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Holds a password.
        formatter.write_str("…")
    }
}

impl ConnectionInfoWithoutAddress {
    fn at(&self, (host, port): &Place) -> ConnectionInfo {
        let address = match self.0.addr() {
            ConnectionAddr::TcpTls { insecure, tls_params, .. } => ConnectionAddr::TcpTls {
                host: host.clone(),
                port: *port,
                insecure: *insecure,
                tls_params: tls_params.clone(),
            },
            _ => ConnectionAddr::Tcp(host.clone(), *port),
        };
        self.0.clone().set_addr(address)
    }
}

/// Whether a node is told that it is taking over a slot.
type Asking = bool;
/// A call that still wants its answer: its place among the answers, and the node that it was told to go to, if any was.
type Unanswered = (usize, Call, Option<(Place, Asking)>);

/// What became of one sending of one call.
enum Sent {
    Answered(Value),
    /// It was not done: once more, wherever the slot is now.
    Elsewhere(String),
    /// It was not done: once more, at this node, which is taking over the slot and has to be told so, or has taken it over.
    At(Place, Asking),
    /// It was not done: once more, after a pause.
    Later(String),
    /// It was not done, since the node has lost the others: once more, after a pause, wherever the slot is then. It may be cut
    /// off for long, while another one answers for its slots.
    Alone(String),
    Failed(StoreError),
}

impl Cluster {
    pub(super) fn new(nodes: &[ConnectionInfo], settings: &Settings, runtime: Handle) -> Result<Self, BoxError> {
        let first = nodes.first().ok_or("there is no address")?;
        Ok(Self {
            seed: ConnectionInfoWithoutAddress(first.clone()),
            seeds: nodes.iter().map(host_and_port).collect(),
            settings: settings.clone(),
            runtime,
            links: Mutex::default(),
            known: RwLock::default(),
            looked: tokio::sync::Mutex::new(None),
        })
    }

    /// As [`Servers::ask`](super::servers::Servers::ask).
    pub(super) async fn ask(&self, doing: &'static str, calls: Vec<Call>) -> Result<Vec<Value>, StoreError> {
        let mut answers: Vec<Option<Value>> = Vec::new();
        answers.resize_with(calls.len(), || None);
        let mut open: Vec<Unanswered> = calls.into_iter().enumerate().map(|(at, call)| (at, call, None)).collect();
        let mut pause = FIRST_PAUSE;
        for attempt in 1..=ATTEMPTS {
            let topology = self.topology().await;
            let (mut again, mut stale, mut wait, mut last) = (Vec::new(), false, false, String::new());
            for (at, call, sent) in self.send(doing, &topology, open).await {
                match sent {
                    Sent::Answered(value) => answers[at] = Some(value),
                    Sent::Failed(error) => {
                        // Whoever comes next should find the node that takes over.
                        self.look_again().await;
                        return Err(error);
                    }
                    Sent::At(place, asking) => {
                        // What moves once may have moved for good.
                        stale |= !asking;
                        last = format!(
                            "slot {} is on its way to {}:{}",
                            call.as_ref().map_or(0, |call| call.slot),
                            place.0,
                            place.1
                        );
                        again.extend(call.map(|call| (at, call, Some((place, asking)))));
                    }
                    Sent::Elsewhere(reason) => {
                        (stale, last) = (true, reason);
                        again.extend(call.map(|call| (at, call, None)));
                    }
                    Sent::Later(reason) => {
                        (wait, last) = (true, reason);
                        again.extend(call.map(|call| (at, call, None)));
                    }
                    Sent::Alone(reason) => {
                        (stale, wait, last) = (true, true, reason);
                        again.extend(call.map(|call| (at, call, None)));
                    }
                }
            }
            if again.is_empty() {
                return Ok(answers.into_iter().map(Option::unwrap_or_default).collect());
            }
            if attempt == ATTEMPTS {
                return Err(StoreError::Unavailable { doing, source: last.into() });
            }
            if stale {
                self.look_again().await;
            }
            if wait || attempt > 1 {
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            open = again;
        }
        Ok(Vec::new())
    }

    /// As [`Servers::ask_each`](super::servers::Servers::ask_each).
    pub(super) async fn ask_each(&self, doing: &'static str, command: &Cmd) -> Result<Vec<Answer>, StoreError> {
        let topology = self.topology().await;
        if topology.masters.is_empty() {
            return Err(StoreError::Unavailable { doing, source: "no node of the cluster answers".into() });
        }
        let ask = async |place: &Place| {
            let link = self.link(place).map_err(|source| StoreError::Unavailable { doing, source })?;
            let value = link.send_one(command.clone()).await.map_err(away(doing))?;
            Ok(Answer { place: link.place().to_owned(), value: settled(doing, link.place(), value)? })
        };
        let answers: Result<Vec<Answer>, StoreError> =
            join_all(topology.masters.iter().map(ask)).await.into_iter().collect();
        if answers.is_err() {
            self.look_again().await;
        }
        answers
    }

    /// Asks the nodes who answers for what, and says it.
    pub(super) async fn look(&self) -> Arc<Topology> {
        self.look_again().await;
        self.known()
    }

    /// Sends each call once: those of one node in one round trip, all nodes at the same time. One that was not done comes
    /// back.
    async fn send(
        &self,
        doing: &'static str,
        topology: &Topology,
        calls: Vec<Unanswered>,
    ) -> Vec<(usize, Option<Call>, Sent)> {
        let mut sent = Vec::with_capacity(calls.len());
        let mut by_node: BTreeMap<Place, Vec<(usize, Call, Asking)>> = BTreeMap::new();
        for (at, call, told) in calls {
            let owner = || topology.owner(call.slot).and_then(|number| topology.masters.get(number)).cloned();
            match told.or_else(|| owner().map(|place| (place, false))) {
                Some((place, asking)) => by_node.entry(place).or_default().push((at, call, asking)),
                None => {
                    let reason = format!("no node answers for slot {}", call.slot);
                    sent.push((at, Some(call), Sent::Elsewhere(reason)));
                }
            }
        }
        let trips = by_node.into_iter().map(|(place, calls)| self.send_to(doing, place, calls));
        sent.extend(join_all(trips).await.into_iter().flatten());
        sent
    }

    async fn send_to(
        &self,
        doing: &'static str,
        place: Place,
        calls: Vec<(usize, Call, Asking)>,
    ) -> Vec<(usize, Option<Call>, Sent)> {
        let places: Vec<usize> = calls.iter().map(|(at, ..)| *at).collect();
        let trip = Trip::of(calls.into_iter().map(|(_, call, asking)| (call, asking)));
        let answers = match self.link(&place) {
            Ok(link) => trip.send(&link).await,
            Err(error) => Err(LinkError::NotConnected { place: place.0.clone(), reason: error.to_string() }),
        };
        let sent: Vec<Sent> = match answers {
            Ok(answers) => answers.into_iter().map(|value| judged(doing, &place, value)).collect(),
            Err(LinkError::NotConnected { place, reason }) => {
                places.iter().map(|_| Sent::Elsewhere(format!("{place}: {reason}"))).collect()
            }
            Err(LinkError::NoAnswer { place, reason }) => {
                let error = || LinkError::NoAnswer { place: place.clone(), reason: reason.clone() };
                places.iter().map(|_| Sent::Failed(away(doing)(error()))).collect()
            }
        };
        let again = |(number, (at, sent))| {
            let call = (!matches!(sent, Sent::Answered(_) | Sent::Failed(_))).then(|| trip.call(number));
            (at, call, sent)
        };
        places.into_iter().zip(sent).enumerate().map(again).collect()
    }

    fn link(&self, place: &Place) -> Result<Arc<Link>, BoxError> {
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(link) = links.get(place) {
            return Ok(link.clone());
        }
        let link = Arc::new(Link::new(self.seed.at(place), &self.settings, self.runtime.clone())?);
        links.insert(place.clone(), link.clone());
        Ok(link)
    }

    /// The connection to a node by its host and port, when there is one.
    pub(super) fn link_to(&self, place: &str) -> Option<Arc<Link>> {
        let links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        links.values().find(|link| link.place() == place).cloned()
    }

    /// What was last found.
    pub(super) fn known(&self) -> Arc<Topology> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Who answers for what, as far as is known.
    async fn topology(&self) -> Arc<Topology> {
        let known = self.known();
        if known.masters.is_empty() { self.look().await } else { known }
    }

    /// Asks all nodes that are known. When none answers, what is known stays.
    async fn look_again(&self) {
        let mut looked = self.looked.lock().await;
        if looked.is_some_and(|looked| looked.elapsed() < BETWEEN_LOOKS) {
            return;
        }
        let known = self.known();
        let mut places: Vec<Place> = known.nodes.iter().chain(&self.seeds).cloned().collect();
        places.sort_unstable();
        places.dedup();
        let ask = async |place: &Place| {
            let link = self.link(place).ok()?;
            let mut command = redis::cmd("CLUSTER");
            command.arg("NODES");
            match link.send_one(command).await.ok()? {
                Value::BulkString(text) => Some(View::read(&String::from_utf8_lossy(&text), &place.0)),
                Value::VerbatimString { text, .. } => Some(View::read(&text, &place.0)),
                _ => None,
            }
        };
        let views: Vec<View> = join_all(places.iter().map(ask)).await.into_iter().flatten().collect();
        let topology = Topology::of(&views);
        if !topology.masters.is_empty() {
            if *known != topology {
                tracing::info!(masters = ?topology.masters, agreed = topology.agreed, "the cluster's masters");
            }
            let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
            links.retain(|place, _| topology.nodes.contains(place) || self.seeds.contains(place));
            drop(links);
            *self.known.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(topology);
        }
        *looked = Some(Instant::now());
    }
}

/// What an answer means for the call.
fn judged(doing: &'static str, place: &Place, value: Value) -> Sent {
    let Value::ServerError(error) = value else { return Sent::Answered(value) };
    let said = format!("{}:{} answers {} {}", place.0, place.1, error.code(), error.details().unwrap_or_default());
    match error.kind() {
        Some(ServerErrorKind::ReadOnly) => Sent::Elsewhere(said),
        Some(kind @ (ServerErrorKind::Ask | ServerErrorKind::Moved)) => {
            match error.details().and_then(|details| named(details, &place.0)) {
                Some(place) => Sent::At(place, kind == ServerErrorKind::Ask),
                None => Sent::Elsewhere(said),
            }
        }
        Some(ServerErrorKind::ClusterDown | ServerErrorKind::MasterDown) => Sent::Alone(said),
        Some(ServerErrorKind::TryAgain | ServerErrorKind::BusyLoading) => Sent::Later(said),
        _ => match settled(doing, &format!("{}:{}", place.0, place.1), Value::ServerError(error)) {
            Ok(value) => Sent::Answered(value),
            Err(error) => Sent::Failed(error),
        },
    }
}

/// The node in `slot host:port`.
fn named(details: &str, answering: &str) -> Option<Place> {
    let (host, port) = details.split_once(' ')?.1.rsplit_once(':')?;
    Some((if host.is_empty() { answering } else { host }.to_owned(), port.parse().ok()?))
}
