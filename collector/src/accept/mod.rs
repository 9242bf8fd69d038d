//! Accept: from a request's bytes to an answer, once its events are on the disk.
//!
//! ```text
//! bytes ─ Envelope::parse ─► Envelope ─ validate ─► ValidEvent ─ enrich ─► Touch ─ log ─► Receipt
//! ```
//!
//! Each step takes only what the step before can build. Nothing here waits for the store.

mod address;
mod enrich;
mod follow;
mod merge;
mod programs;
mod server;
mod sources;
mod suspicion;
mod validate;

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use engine::{Millis, Suspicion, Touch, TouchId, Trust};
use store::log::Appending;
use store::{LeadKey, VisitorId};
use wire::{ConsentState, Envelope, Page, Receipt};

use crate::app::App;
use crate::geo::Place;
use crate::identity::Signed;
use crate::log_record::{LogRecord, MergeGround, TouchesRecord, UnconfirmedEmail};
use crate::metric::Metric;
use crate::problem::Problem;
use crate::refused::{MOST_REFUSED, Refused};
use crate::site::Site;
use merge::Merging;
use validate::ValidEvent;

pub(crate) use address::Address;
pub(crate) use enrich::context;
pub use merge::merge;
pub(crate) use programs::prepare as prepare_programs;
pub use server::accept_server;
pub(crate) use suspicion::of_headers as suspicion;

/// Who sends, as the request's headers say.
#[derive(Debug, Clone)]
pub struct Sender {
    /// The client's address; it goes no further than the rate limit and the place.
    pub address: IpAddr,
    /// `Origin`.
    pub origin: Option<String>,
    /// The signed id of the site's cookie.
    pub cookies: Vec<(String, String)>,
    /// Whether a first-party cookie can be set: `Sec-Fetch-Site` is `same-origin` or `same-site`.
    pub same_site: bool,
    /// `Sec-GPC: 1`.
    pub gpc: bool,
    /// Why this may be no person: the user agent is a program's, or what is asked for is fetched ahead.
    pub suspect: Option<Suspicion>,
}

/// Where the page keeps a visitor's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keep {
    /// The page has it already.
    Nothing,
    /// In a cookie of this name, set by the answer.
    Cookie {
        /// `gloed_<site>`.
        name: String,
        /// The signed id.
        value: String,
    },
    /// In the answer's `id`.
    Answer(String),
}

/// A request whose sender is known.
pub struct Admitted {
    /// The site.
    pub site: Arc<Site>,
    /// The visitor.
    pub key: LeadKey,
    /// Whether that is a person whom the shop knows, as far as is known here.
    pub person: bool,
    /// Whether a cookie can be set.
    same_site: bool,
    /// What the answer must tell the page to keep.
    pub keep: Keep,
    /// The envelope, its events included.
    pub envelope: Envelope,
    /// The address of its page, once somebody has asked for it.
    address: OnceLock<Address>,
    /// When it was received.
    pub received: Millis,
    /// Where the visitor is.
    pub place: Place,
    /// How far its events are believed.
    pub trust: Trust,
    /// Why its events may be no person's.
    pub suspect: Option<Suspicion>,
}

/// What a request with consent withdrawn asks for.
pub enum Admission {
    /// Go on.
    Granted(Box<Admitted>),
    /// Erase this visitor; nothing else of the request is used.
    Withdrawn {
        /// The site.
        site: Arc<Site>,
        /// Whom, when the request names somebody.
        key: Option<LeadKey>,
        /// Whether a signed id names them. Anybody can make up a seed; then there must be something to erase.
        signed: bool,
        /// How many events to answer.
        events: usize,
    },
}

/// The name of a site's cookie.
#[must_use]
pub fn cookie_name(site: &Site) -> String {
    format!("gloed_{}", site.config.key.as_str())
}

/// Reads a body and finds out who sends it: site, rate, origin, consent, visitor, in this order. A refusal costs no
/// store command.
///
/// # Errors
/// Every [`Problem`] of WIRE.md that concerns a whole request.
pub fn admit(app: &App, body: &[u8], sender: &Sender) -> Result<Admission, Problem> {
    let received = app.clock.now();
    let (envelope, site) = match read(app, body) {
        Ok(read) => read,
        // What names no site of ours is limited too, all of a network's together.
        Err(problem) => {
            take(app, "", sender)?;
            return Err(problem);
        }
    };
    take(app, envelope.site.as_str(), sender)?;
    if sender.origin.as_deref().is_some_and(|origin| !site.allows_origin(origin)) {
        return Err(Problem::OriginNotAllowed);
    }
    Metric::FieldsIgnored.add(u64::from(envelope.ignored));

    let random = |error: getrandom::Error| Problem::Internal(error.to_string());
    let known = known_visitor(&site, &envelope, sender);
    if envelope.consent.state == ConsentState::Denied
        && envelope.events.iter().flatten().any(|event| event.name == wire::names::CONSENT)
    {
        // Who was erased before and came again is their successor: that is whom they withdraw now.
        let living = known.map(|known| living(app, &site, known.visitor)).transpose().map_err(random)?;
        let signed = known.is_some_and(|known| known.signed && living == Some(known.visitor));
        let key = living.map(|visitor| LeadKey::new(site.name.clone(), visitor));
        let events = envelope.events.len();
        return Ok(Admission::Withdrawn { site, key, signed, events });
    }
    if envelope.gpc || sender.gpc {
        return Err(Problem::ConsentMissing("Global Privacy Control is on, which counts as a no"));
    }
    if envelope.consent.state != ConsentState::Granted {
        return Err(Problem::ConsentMissing("consent.state must be granted: without it nothing is stored"));
    }

    if known.is_none() && envelope.id.is_none() {
        let detail = "seed or id is required: seed is 22 base64url characters made once by the page";
        return Err(wire::EnvelopeFault::Envelope(detail.to_owned()).into());
    }
    if !known.is_some_and(|known| known.signed) {
        let taken = app.new_visitors.take(envelope.site.as_str());
        taken.map_err(|retry_after| Problem::TooManyNewVisitors { retry_after })?;
    }
    let place = app.geo.place(sender.address);
    let (visitor, person, kept) = match known {
        Some(known) => present(app, &site, &known).map_err(random)?,
        None => (site.identities.fresh().map_err(random)?, false, false),
    };
    let key = LeadKey::new(site.name.clone(), visitor);
    let (trust, suspect) = suspicion::of_page(sender.suspect, &envelope);
    let same_site = sender.same_site;
    let keep = Keep::Nothing;
    let address = OnceLock::new();
    let mut admitted =
        Admitted { site, key, person, same_site, keep, envelope, address, received, place, trust, suspect };
    if !kept {
        admitted.renew();
    }
    Ok(Admission::Granted(Box::new(admitted)))
}

impl Admitted {
    /// The address of the request's page, taken apart once for all of its events and its decision.
    pub(crate) fn address(&self) -> &Address {
        self.address.get_or_init(|| Address::of(self.envelope.page.as_ref(), &self.site))
    }

    /// The question beside the events is about this page.
    pub(crate) fn asks_from(&mut self, page: Option<Page>) {
        if self.envelope.page != page {
            self.envelope.page = page;
            self.address = OnceLock::new();
        }
    }

    /// The visitor turned out to be somebody whose lead goes on under another id: the page is to have that one.
    pub(crate) fn becomes(&mut self, key: LeadKey, person: bool) {
        let same = self.key == key;
        // Who is a person stays one: a merge that says so may still be on its way.
        let person = person || (same && self.person);
        if !same || person != self.person {
            (self.key, self.person) = (key, person);
            self.renew();
        }
    }

    /// The answer gives the page its signed id.
    fn renew(&mut self) {
        let signed = self.site.identities.sign(self.key.visitor, self.person);
        self.keep = if self.same_site {
            Keep::Cookie { name: cookie_name(&self.site), value: signed }
        } else {
            Keep::Answer(signed)
        };
    }
}

/// Who a known visitor is now: whoever they were merged into; else themselves, or their successor. With whether that is a
/// person's id, and whether the page has it already.
fn present(app: &App, site: &Site, known: &Known) -> Result<(VisitorId, bool, bool), getrandom::Error> {
    let key = LeadKey::new(site.name.clone(), known.visitor);
    if !app.erased.contains(&key)
        && let Some((head, person)) = app.merges.successor(&key)
        && !app.erased.contains(&head)
    {
        return Ok((head.visitor, person, false));
    }
    let living = living(app, site, known.visitor)?;
    let same = living == known.visitor;
    Ok((living, known.person && same, known.kept && same))
}

/// The visitor, or, who was erased, their successor: a new visitor, and the same one however often the page asks.
fn living(app: &App, site: &Site, visitor: VisitorId) -> Result<VisitorId, getrandom::Error> {
    let gone = |visitor: &VisitorId| app.erased.contains(&LeadKey::new(site.name.clone(), *visitor));
    let mut successors = std::iter::successors(Some(visitor), |one| Some(site.identities.successor(*one)));
    let found = successors.by_ref().take(ERASED_IN_A_ROW).find(|visitor| !gone(visitor));
    found.map_or_else(|| site.identities.fresh(), Ok)
}

fn read(app: &App, body: &[u8]) -> Result<(Envelope, Arc<Site>), Problem> {
    let envelope = Envelope::parse(body)?;
    let site = app.sites.get(envelope.site.as_str()).ok_or(Problem::UnknownSite)?.clone();
    Ok((envelope, site))
}

fn take(app: &App, site: &str, sender: &Sender) -> Result<(), Problem> {
    app.rates.take(site, sender.address).map_err(|retry_after| Problem::RateLimited { retry_after })
}

/// How often a device may have been erased before it gets a random id.
const ERASED_IN_A_ROW: usize = 64;

/// The visitor whom a request names.
#[derive(Clone, Copy)]
struct Known {
    visitor: VisitorId,
    /// Whether the page keeps the signed id where it belongs already.
    kept: bool,
    /// Whether a signed id names them, not a seed.
    signed: bool,
    /// Whether that is the id of a person whom the shop knows.
    person: bool,
}

/// Cookie, then signed id, then seed.
fn known_visitor(site: &Site, envelope: &Envelope, sender: &Sender) -> Option<Known> {
    let verified = |text: &str| {
        let Signed { visitor, person, current } = site.identities.verify(text)?;
        // One that was signed with the secret before is signed anew, so that it outlives that secret.
        Some(Known { visitor, kept: current, signed: true, person })
    };
    let name = cookie_name(site);
    let cookie = sender.cookies.iter().find(|(cookie, _)| *cookie == name).filter(|_| !envelope.reset);
    if let Some(known) = cookie.and_then(|(_, value)| verified(value)) {
        return Some(known);
    }
    if let Some(known) = envelope.id.as_deref().filter(|_| !envelope.reset).and_then(verified) {
        return Some(Known { kept: known.kept && !sender.same_site, ..known });
    }
    // A seed proves itself: whoever has it is the visitor. An id that does not verify says that the page has lost it.
    let visitor = site.identities.of_seed(envelope.seed.as_ref()?);
    Some(Known { visitor, kept: false, signed: false, person: false })
}

/// Takes the events of an admitted request in: validates, enriches, and waits until they are on the disk.
///
/// # Errors
/// [`Problem::LogUnavailable`]: nothing of the request was stored.
pub async fn accept(app: &App, admitted: &mut Admitted) -> Result<Vec<Receipt>, Problem> {
    let currency = admitted.site.config.currency;
    let valid = validate::validate(&mut admitted.envelope, admitted.received, currency);
    let (envelope, about) = (&admitted.envelope, circumstances(admitted));
    let mut receipts = Vec::with_capacity(valid.len());
    let mut telling = Telling::default();
    for (one, sketch) in valid.iter().zip(&envelope.sketches) {
        let receipt = match one {
            Err(fault) => {
                telling.refused.push(Refused::at_the_door(&envelope.stream, sketch, fault, admitted.received));
                Receipt::from(fault)
            }
            Ok(valid) => {
                telling.add(valid, &about)?;
                let cut = envelope.truncated.iter().chain(&valid.event.truncated);
                Receipt::Accepted { truncated: cut.cloned().collect() }
            }
        };
        count(&receipt);
        receipts.push(receipt);
    }
    let into = follow::follow(app, admitted, valid.iter().flatten(), &mut telling)?;
    store(app, admitted, telling, into).await?;
    Ok(receipts)
}

fn circumstances(admitted: &Admitted) -> enrich::Circumstances<'_> {
    enrich::Circumstances {
        site: &admitted.site,
        stream: &admitted.envelope.stream,
        page: admitted.envelope.page.as_ref(),
        address: &admitted.address,
        place: &admitted.place,
        received: admitted.received,
        trust: admitted.trust,
        // Whose page nobody has used yet may be offered something, and counts once somebody has.
        suspect: admitted.suspect.or((admitted.trust < Trust::Page).then_some(Suspicion::Unattested)),
        channel: None,
    }
}

/// What the page says was acknowledged a moment ago, maybe by another collector, as touches for this request's decision. The
/// ledger holds them already, or soon will: they are recorded nowhere.
///
/// # Errors
/// Never for these types; kept so that nothing panics.
pub(crate) fn acknowledged(admitted: &mut Admitted) -> Result<Vec<Touch>, Problem> {
    let events = std::mem::take(&mut admitted.envelope.acknowledged);
    let (sent, received, currency) = (admitted.envelope.sent, admitted.received, admitted.site.config.currency);
    let about = circumstances(admitted);
    let numbered = events.into_iter().enumerate().filter(|(_, event)| event.n.is_some());
    let valid = numbered.filter_map(|(index, event)| validate::one(event, index, sent, received, currency).ok());
    let internal = |error: engine::TextError| Problem::Internal(error.to_string());
    valid.map(|valid| enrich::enrich(&valid, &about).map_err(internal)).collect()
}

/// Waits until what a request tells is on the disk, and that its visitor is somebody else, if a link said so.
async fn store(app: &App, admitted: &mut Admitted, telling: Telling, into: Option<LeadKey>) -> Result<(), Problem> {
    if telling.touches.is_empty() {
        if !telling.refused.is_empty() {
            // Nobody is told that it is kept, so nobody waits for it.
            drop(Begun::begin(app, admitted.key.clone(), telling)?);
        }
        return Ok(());
    }
    let begun = Begun::begin(app, admitted.key.clone(), telling)?;
    // Both on their way at once: they share the log's next `fdatasync`.
    let merging = match &into {
        Some(into) => Merging::begin(app, &admitted.key, into, MergeGround::Person)?,
        None => None,
    };
    let told = begun.durable(app).await;
    let merged = match merging {
        Some(merging) => merging.durable(app).await.map(|()| into),
        None => Ok(None),
    };
    told?;
    if let Some(into) = merged? {
        admitted.becomes(into, true);
    }
    Ok(())
}

/// What one request tells of one visitor: becomes one log record.
#[derive(Default)]
struct Telling {
    touches: Vec<Touch>,
    email: Option<UnconfirmedEmail>,
    refused: Vec<Refused>,
}

impl Telling {
    /// Enriches an event. The last address in a request is the one that counts.
    fn add(&mut self, valid: &ValidEvent, about: &enrich::Circumstances<'_>) -> Result<(), Problem> {
        let touch = enrich::enrich(valid, about).map_err(|error| Problem::Internal(error.to_string()))?;
        self.touches.push(touch);
        if may_carry_email(&valid.event.name)
            && let Some(address) = valid.event.email.as_deref().filter(|address| is_email(address))
        {
            self.email = Some(UnconfirmedEmail { address: address.to_owned(), at: valid.time });
        }
        Ok(())
    }
}

fn count(receipt: &Receipt) {
    match receipt {
        Receipt::Accepted { truncated } => {
            Metric::EventReceipt.count("accepted");
            Metric::TextsTruncated.add(truncated.len() as u64);
        }
        Receipt::Rejected { code, .. } => Metric::EventReceipt.count(code),
    }
}

/// Makes touches durable and visible to this collector's decisions. Our own touches come this way too.
///
/// # Errors
/// [`Problem::LogUnavailable`]: nothing was stored.
pub async fn append(
    app: &App,
    key: &LeadKey,
    touches: Vec<Touch>,
    email: Option<UnconfirmedEmail>,
) -> Result<(), Problem> {
    if touches.is_empty() {
        return Ok(());
    }
    Begun::begin(app, key.clone(), Telling { touches, email, refused: Vec::new() })?.durable(app).await
}

/// Touches that the log has taken and that are on their way to the disk.
struct Begun {
    key: LeadKey,
    touches: Vec<TouchId>,
    appending: Appending,
}

impl Begun {
    /// Hands touches to the log: into the tail first, so that no decision misses them.
    fn begin(app: &App, key: LeadKey, telling: Telling) -> Result<Self, Problem> {
        let Telling { touches, email, mut refused } = telling;
        refused.truncate(MOST_REFUSED);
        let record = TouchesRecord { whose: (&key).into(), touches, email, refused };
        let payload = LogRecord::encode_touches(&record).map_err(|error| Problem::Internal(error.to_string()))?;
        let ids: Vec<TouchId> = record.touches.iter().map(|touch| touch.id.clone()).collect();
        app.tail.add(&key, record.touches);
        Ok(Self { key, touches: ids, appending: app.log.append(payload) })
    }

    /// Waits until they are on the disk.
    async fn durable(self, app: &App) -> Result<(), Problem> {
        let appended = self.appending.await;
        if appended.is_err() {
            app.tail.remove(&self.key, &self.touches);
        }
        appended.map(|_| ()).map_err(Problem::from)
    }
}

fn may_carry_email(name: &str) -> bool {
    matches!(name, wire::names::SIGN_UP | wire::names::GENERATE_LEAD)
}

/// Good enough to be worth confirming: one `@`, something before it, a dot in what follows.
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    !local.is_empty()
        && domain.split_once('.').is_some_and(|(name, end)| !name.is_empty() && !end.is_empty())
        && !text.contains(|character: char| character.is_whitespace() || character.is_control())
        && text.matches('@').count() == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_at_and_a_dot_after_it() {
        assert!(is_email("jan.jansen+x@voorbeeld.nl"));
        for refused in ["", "jan", "@x.nl", "jan@", "jan@x", "jan@.nl", "jan@x.", "a b@x.nl", "a@b@x.nl"] {
            assert!(!is_email(refused), "{refused}");
        }
    }
}
