//! The servers behind a store, and how calls reach them.

use redis::{Cmd, ServerError, Value};
use tokio::runtime::Handle;

use super::address::Address;
use super::call::Call;
use super::cluster::Cluster;
use super::keys;
use super::link::{Link, LinkError};
use super::settings::Settings;
use super::trip::Trip;
use crate::{BoxError, Partition, StoreError};

/// One server, or the nodes of a cluster.
#[derive(Debug)]
pub(super) enum Servers {
    /// One server holds everything.
    One(Box<Link>),
    /// Each node of a cluster holds some slots.
    Many(Box<Cluster>),
}

impl Servers {
    /// The servers at an address. Nothing is sent yet; connections will live on the runtime that this is called on.
    pub(super) fn new(address: &Address, settings: &Settings) -> Result<Self, BoxError> {
        let runtime = Handle::try_current()?;
        if address.has_tls() {
            // There is one already when somebody else in this process has chosen.
            drop(rustls::crypto::ring::default_provider().install_default());
        }
        match address.nodes() {
            [node] if !address.is_cluster() => Ok(Self::One(Box::new(Link::new(node.clone(), settings, runtime)?))),
            nodes => Ok(Self::Many(Box::new(Cluster::new(nodes, settings, runtime)?))),
        }
    }

    /// A number that partitions share whose keys one call may hold: on a cluster, that is one slot.
    pub(super) fn group(&self, partition: Partition) -> u16 {
        match self {
            Self::One(_) => 0,
            Self::Many(_) => keys::slot(partition),
        }
    }

    /// Makes calls in one round trip. The answers stand in the order of the calls; the first that a server refuses, or that
    /// gets no answer, is the error.
    pub(super) async fn ask(&self, doing: &'static str, calls: Vec<Call>) -> Result<Vec<Value>, StoreError> {
        match self {
            Self::One(link) => ask_one(link, doing, calls).await,
            Self::Many(cluster) => cluster.ask(doing, calls).await,
        }
    }

    /// Makes one call.
    pub(super) async fn ask_for_one(&self, doing: &'static str, call: Call) -> Result<Value, StoreError> {
        Ok(self.ask(doing, vec![call]).await?.pop().unwrap_or_default())
    }

    /// Sends a command to every server that holds data, and says what each answers.
    pub(super) async fn ask_each(&self, doing: &'static str, command: &Cmd) -> Result<Vec<Answer>, StoreError> {
        match self {
            Self::One(link) => {
                let value = link.send_one(command.clone()).await.map_err(away(doing))?;
                Ok(vec![Answer { place: link.place().to_owned(), value: settled(doing, link.place(), value)? }])
            }
            Self::Many(cluster) => cluster.ask_each(doing, command).await,
        }
    }

    /// Sends a command to the server at a place that [`ask_each`](Self::ask_each) named.
    pub(super) async fn ask_at(&self, doing: &'static str, place: &str, command: Cmd) -> Result<Answer, StoreError> {
        let answer = async |link: &Link| {
            let value = link.send_one(command).await.map_err(away(doing))?;
            Ok(Answer { place: place.to_owned(), value: settled(doing, place, value)? })
        };
        match self {
            Self::One(link) => answer(link).await,
            Self::Many(cluster) => {
                let link = cluster.link_to(place);
                let away = || StoreError::Unavailable { doing, source: format!("{place} is away").into() };
                answer(&*link.ok_or_else(away)?).await
            }
        }
    }
}

/// What one server answers.
pub(super) struct Answer {
    /// Host and port.
    pub(super) place: String,
    /// Its answer.
    pub(super) value: Value,
}

async fn ask_one(link: &Link, doing: &'static str, calls: Vec<Call>) -> Result<Vec<Value>, StoreError> {
    let trip = Trip::of(calls.into_iter().map(|call| (call, false)));
    let answers = trip.send(link).await.map_err(away(doing))?;
    answers.into_iter().map(|value| settled(doing, link.place(), value)).collect()
}

/// An answer, or the error that it is.
pub(super) fn settled(doing: &'static str, place: &str, value: Value) -> Result<Value, StoreError> {
    match value {
        Value::ServerError(error) => Err(refused(doing, place, &error)),
        value => Ok(value),
    }
}

/// What a server's refusal means for the caller.
fn refused(doing: &'static str, place: &str, error: &ServerError) -> StoreError {
    let said = format!("{place} answers {} {}", error.code(), error.details().unwrap_or_default());
    if error.code() == "WRONGTYPE" {
        return StoreError::Corrupt { what: format!("found while trying to {doing}: {said}"), source: None };
    }
    StoreError::Unavailable { doing, source: said.into() }
}

/// No answer.
pub(super) fn away(doing: &'static str) -> impl Fn(LinkError) -> StoreError {
    move |error| StoreError::Unavailable { doing, source: error.into() }
}
