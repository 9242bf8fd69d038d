//! The same path for what the shop's server tells: no page, no consent, no cookie; and one request may tell of several
//! visitors, each of whom gets a log record.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use engine::{Channel, Millis, Trust};
use store::{LeadKey, VisitorId};
use wire::{EventCode, EventFault, Receipt, ServerAnswer, ServerEnvelope, ServerEvent, ServerReceipt, Stream, Whom};

use super::validate::{self, ValidEvent};
use super::{Begun, Telling, count, enrich};
use crate::app::App;
use crate::geo::Place;
use crate::metric::Metric;
use crate::outcome::Outcome;
use crate::problem::Problem;
use crate::refused::Refused;
use crate::site::Site;

/// A server's event that is right in itself, and the visitor it is about.
struct Told {
    visitor: VisitorId,
    source: Stream,
    channel: Option<Channel>,
    valid: ValidEvent,
}

/// Takes in what the server of a site tells, and waits until it is on the disk.
///
/// # Errors
/// [`Problem::Envelope`] when the body cannot be read. [`Problem::LogUnavailable`] when not all of it was stored: then
/// the whole request is to be sent again, and what was stored of it counts once.
pub async fn accept_server(app: &App, site: &Arc<Site>, body: &[u8]) -> Result<ServerAnswer, Problem> {
    let received = app.clock.now();
    let envelope = ServerEnvelope::parse(body, received.0)?;
    Metric::FieldsIgnored.add(u64::from(envelope.ignored));
    let mut receipts = Vec::with_capacity(envelope.events.len());
    let mut tellings: BTreeMap<VisitorId, Telling> = BTreeMap::new();
    for (index, event) in envelope.events.into_iter().enumerate() {
        let whom = event.as_ref().ok().map(|event| (visitor(site, &event.whom, index).ok(), event.source.clone()));
        let (receipt, visitor) = match event.and_then(|event| told(site, event, index, received)) {
            Err(fault) => {
                // Of whom it was to be told is known where no more than the rest of it was wrong.
                if let (Some((Some(visitor), source)), Some(sketch)) = (whom, envelope.sketches.get(index)) {
                    let refused = Refused::at_the_door(&source, sketch, &fault, received);
                    tellings.entry(visitor).or_default().refused.push(refused);
                }
                (Receipt::from(&fault), None)
            }
            Ok(Told { visitor, source, channel, valid }) => {
                let address = OnceLock::new();
                let about = enrich::Circumstances {
                    address: &address,
                    site,
                    stream: &source,
                    page: None,
                    place: &Place::default(),
                    received,
                    trust: Trust::Server,
                    suspect: None,
                    channel,
                };
                tellings.entry(visitor).or_default().add(&valid, &about)?;
                (Receipt::Accepted { truncated: valid.event.truncated }, Some(visitor.to_string()))
            }
        };
        count(&receipt);
        receipts.push(ServerReceipt { receipt, visitor });
    }
    store(app, site, tellings).await?;
    Ok(ServerAnswer { v: 1, receipts, ignored: envelope.ignored })
}

/// One log record a visitor, all on their way at once: they share the log's next `fdatasync`.
async fn store(app: &App, site: &Site, tellings: BTreeMap<VisitorId, Telling>) -> Result<(), Problem> {
    let mut begun = Vec::with_capacity(tellings.len());
    for (visitor, telling) in tellings {
        let key = LeadKey::new(site.name.clone(), visitor);
        if app.erased.contains(&key) {
            // Not even into the log: who was erased leaves no bytes.
            telling.touches.iter().for_each(|_| Metric::EventOutcome.count(Outcome::Erased.as_str()));
        } else {
            begun.push(Begun::begin(app, key, telling)?);
        }
    }
    let mut stored = Ok(());
    for one in begun {
        // All are waited for: one that fails must leave the tail.
        stored = stored.and(one.durable(app).await);
    }
    stored
}

fn told(site: &Site, event: ServerEvent, index: usize, received: Millis) -> Result<Told, EventFault> {
    let ServerEvent { event, whom, source, channel } = event;
    let visitor = visitor(site, &whom, index)?;
    let channel = channel.map(|name| self::channel(&name, index)).transpose()?;
    // A server's clock is taken for right: its events say when they happened, not when they were sent.
    let valid = validate::one(event, index, received.0, received, site.config.currency)?;
    Ok(Told { visitor, source, channel, valid })
}

/// A bare id is good enough here: who has the server key can read and erase by it too.
fn visitor(site: &Site, whom: &Whom, index: usize) -> Result<VisitorId, EventFault> {
    let text = match whom {
        Whom::Person(person) => return Ok(site.identities.of_person(person)),
        Whom::Visitor(text) => text,
    };
    let known = site.identities.verify(text).map(|signed| signed.visitor).or_else(|| VisitorId::parse(text).ok());
    known.ok_or_else(|| EventFault {
        code: EventCode::BadVisitor,
        detail: format!("events[{index}].visitor is neither a signed id of this site nor a visitor's id"),
    })
}

fn channel(name: &str, index: usize) -> Result<Channel, EventFault> {
    let all = [Channel::Direct, Channel::Organic, Channel::Paid, Channel::Social, Channel::Email, Channel::Referral];
    all.into_iter().find(|channel| channel.name() == name).ok_or_else(|| EventFault {
        code: EventCode::WrongType,
        detail: format!("events[{index}].channel is none; allowed is one of {}", Channel::NAMES.join(", ")),
    })
}
