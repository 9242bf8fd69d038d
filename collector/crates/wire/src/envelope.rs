//! The envelope: who asks, from where, with which consent.

use crate::event::{Event, Scalar, properties};
use crate::fault::{EnvelopeFault, EventFault};
use crate::fields::{Fields, Ledger, integer, kind};
use crate::tree::{Object, Value};
use crate::{limits, names};

/// A site's public write key: 1 to 64 of `a-z A-Z 0-9 _ -`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SiteKey(String);

impl SiteKey {
    /// Reads a write key.
    ///
    /// # Errors
    /// Says what is allowed.
    pub fn parse(text: &str) -> Result<Self, String> {
        let fits = !text.is_empty()
            && text.len() <= limits::ID_BYTES
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        if fits { Ok(Self(text.to_owned())) } else { Err("site must be 1 to 64 of a-z A-Z 0-9 _ -".to_owned()) }
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// 128 random bits made by the page, as 22 base64url characters.
#[derive(Clone, PartialEq, Eq)]
pub struct Seed(String);

impl Seed {
    /// The seed as the page wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Seed {
    // Who knows the seed is the visitor, so it never reaches a log.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Seed(…)")
    }
}

/// One device's or source's numbering: 8 to 32 base64url characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Stream(String);

impl Stream {
    /// Reads a stream; the error is what is allowed.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (fewest, most) = limits::STREAM_CHARACTERS;
        if (fewest..=most).contains(&text.len()) && is_base64url(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!("{fewest} to {most} base64url characters"))
        }
    }

    /// The stream as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The states of consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsentState {
    /// No choice yet: nothing may be stored.
    Required,
    /// The visitor said yes.
    Granted,
    /// The visitor said no, or a signal of the browser did.
    Denied,
    /// Counting without storage on the device.
    Cookieless,
}

/// What the visitor agreed to, and who says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// The state.
    pub state: ConsentState,
    /// Which text was agreed to.
    pub version: Option<String>,
    /// What recorded it: `tag`, `api`, a consent platform's name.
    pub source: Option<String>,
}

/// The page an event happened on, as the browser has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// Full address.
    pub url: Option<String>,
    /// Full address of the page before.
    pub referrer: Option<String>,
    /// Title.
    pub title: Option<String>,
    /// Language of the page, else of the browser.
    pub language: Option<String>,
    /// Width in CSS pixels.
    pub viewport: Option<u32>,
}

/// What a decision is asked about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ask {
    /// Places the page can fill; `None` means the default ones.
    pub slots: Option<Vec<String>>,
    /// Facts of the moment, read by conditions as `context.<name>`.
    pub properties: Vec<(String, Scalar)>,
    /// An offer whose goal was reached.
    pub claim: Option<String>,
    /// Whether the page wants to know why other offers did not show.
    pub explain: bool,
}

/// What can be told of an event even where it is rejected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sketch {
    /// Its name, where that is one.
    pub name: Option<String>,
    /// What it is told apart by in its stream: `n`, else `id`, else its place in the request.
    pub number: String,
}

/// One request, read. Its events are each good or rejected on their own.
#[derive(Debug, Clone)]
pub struct Envelope {
    /// The site's write key.
    pub site: SiteKey,
    /// The page's seed.
    pub seed: Option<Seed>,
    /// The signed id an earlier answer gave; not verified yet.
    pub id: Option<String>,
    /// The numbering the events belong to.
    pub stream: Stream,
    /// The device's clock when the body was made, ms since 1970.
    pub sent: i64,
    /// Consent as the page knows it.
    pub consent: Consent,
    /// Global Privacy Control as the page sees it.
    pub gpc: bool,
    /// The page has begun a new visitor (`gloed('reset')`): a cookie of the one before does not count.
    pub reset: bool,
    /// The page's browser says that a program drives it (`navigator.webdriver`).
    pub driven: bool,
    /// The page says that somebody has used it: there was real input on it, or in this visit.
    pub person: bool,
    /// The page of every event without one of its own.
    pub page: Option<Page>,
    /// The events, in order.
    pub events: Vec<Result<Event, EventFault>>,
    /// What can be told of each event, be it good or rejected; in the same order.
    pub sketches: Vec<Sketch>,
    /// Events that were acknowledged a moment ago, maybe by another collector: decisions of this request see them, and
    /// nothing else comes of them. What does not read is left out and ignored.
    pub acknowledged: Vec<Event>,
    /// Whether the body had a field `events` at all: required where events are recorded.
    pub has_events: bool,
    /// A decision asked for.
    pub decide: Option<Ask>,
    /// Texts of the envelope that were cut.
    pub truncated: Vec<String>,
    /// How many fields or values nobody reads.
    pub ignored: u32,
}

impl Envelope {
    /// Reads a body.
    ///
    /// # Errors
    /// [`EnvelopeFault`] when nothing of the request can be used. A fault in one event is in `events`.
    pub fn parse(body: &[u8]) -> Result<Self, EnvelopeFault> {
        let value = body_value(body)?;
        let object = body_object(&value)?;
        let mut ledger = Ledger::default();
        let mut truncated = Vec::new();
        let mut fields = Fields::new(object, "", &mut truncated);

        version(&mut fields)?;
        let site = SiteKey::parse(fields.required_text("site").map_err(envelope)?).map_err(EnvelopeFault::Envelope)?;
        let seed = fields.value("seed").map(seed).transpose()?;
        let id = fields.text("id", limits::URL_BYTES, &mut ledger);
        let stream = stream(fields.required_text("stream").map_err(envelope)?)?;
        let sent = fields.required_integer("sent").map_err(envelope)?;
        let consent = consent(fields.value("consent"), &mut ledger)?;
        let gpc = match fields.value("gpc") {
            None => false,
            Some(Value::Bool(on)) => *on,
            // Somebody meant to say something: in doubt it was a no.
            Some(_) => {
                ledger.ignored += 1;
                true
            }
        };
        let mut flag = |name: &str| fields.value(name).and_then(Value::as_bool).unwrap_or(false);
        let (reset, driven, person) = (flag("reset"), flag("driven"), flag("person"));
        let decide = fields.value("decide").map(|value| ask(value, &mut ledger)).transpose()?;
        let events_value = fields.value("events");
        let page_value = fields.value("page");
        let acknowledged_value = fields.value("acknowledged");
        fields.finish(&mut ledger);

        let page = page_value.and_then(|value| Page::read(value, "page", &mut truncated, &mut ledger));
        let events = events(events_value, |value, index| Event::read(value, index, &mut ledger))?;
        Ok(Self {
            site,
            seed,
            id,
            stream,
            sent,
            consent,
            gpc,
            reset,
            driven,
            person,
            page,
            sketches: sketches(events_value),
            acknowledged: acknowledged(acknowledged_value, &mut ledger),
            events,
            has_events: events_value.is_some(),
            decide,
            truncated,
            ignored: ledger.ignored,
        })
    }

    /// The page that a question with these events is about: its own, else that of the last event that has one.
    #[must_use]
    pub fn asking_page(&self) -> Option<&Page> {
        let last = || self.events.iter().flatten().rev().find_map(|event| event.page.as_ref());
        self.page.as_ref().or_else(last)
    }
}

impl Page {
    pub(crate) fn read(
        value: &Value<'_>,
        path: &str,
        truncated: &mut Vec<String>,
        ledger: &mut Ledger,
    ) -> Option<Self> {
        let Value::Object(object) = value else {
            ledger.ignored += 1;
            return None;
        };
        let mut fields = Fields::new(object, path, truncated);
        let page = Self {
            url: fields.text("url", limits::URL_BYTES, ledger),
            referrer: fields.text("referrer", limits::REFERRER_BYTES, ledger),
            title: fields.text("title", limits::TITLE_BYTES, ledger),
            language: fields.text("language", limits::LANGUAGE_BYTES, ledger),
            viewport: fields.value("viewport").and_then(Value::as_u64).and_then(|width| u32::try_from(width).ok()),
        };
        fields.finish(ledger);
        Some(page)
    }
}

/// A body's JSON, of bounded depth.
pub(crate) fn body_value(body: &[u8]) -> Result<Value<'_>, EnvelopeFault> {
    let value: Value<'_> = serde_json::from_slice(body).map_err(|error| EnvelopeFault::Malformed(error.to_string()))?;
    if deeper_than(&value, limits::DEPTH) {
        return Err(EnvelopeFault::Malformed(format!("nested deeper than {}", limits::DEPTH)));
    }
    Ok(value)
}

/// The object that every body is.
pub(crate) fn body_object<'value, 'body>(value: &'value Value<'body>) -> Result<&'value Object<'body>, EnvelopeFault> {
    let fault = || EnvelopeFault::Envelope(format!("the body is {}; allowed is an object", kind(value)));
    value.as_object().ok_or_else(fault)
}

/// Whether the body is of a version that is read.
pub(crate) fn version(fields: &mut Fields<'_, '_>) -> Result<(), EnvelopeFault> {
    match fields.value("v") {
        Some(version) if version.as_i64() == Some(1) => Ok(()),
        Some(version) => Err(EnvelopeFault::Version { found: version.to_string() }),
        None => Err(EnvelopeFault::Envelope("v is required; this collector reads 1".to_owned())),
    }
}

fn envelope(fault: EventFault) -> EnvelopeFault {
    EnvelopeFault::Envelope(fault.detail)
}

fn is_base64url(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

fn seed(value: &Value<'_>) -> Result<Seed, EnvelopeFault> {
    match value {
        Value::String(text) if text.len() == limits::SEED_CHARACTERS && is_base64url(text) => {
            Ok(Seed(text.as_ref().to_owned()))
        }
        _ => Err(EnvelopeFault::Envelope(format!("seed must be {} base64url characters", limits::SEED_CHARACTERS))),
    }
}

fn stream(text: &str) -> Result<Stream, EnvelopeFault> {
    Stream::parse(text).map_err(|allowed| EnvelopeFault::Envelope(format!("stream must be {allowed}")))
}

fn consent(value: Option<&Value<'_>>, ledger: &mut Ledger) -> Result<Consent, EnvelopeFault> {
    const ALLOWED: &str = "consent.state must be one of granted, denied, required, cookieless";
    let Some(Value::Object(object)) = value else {
        return Err(EnvelopeFault::Envelope("consent is required, an object with state".to_owned()));
    };
    let mut cut = Vec::new();
    let mut fields = Fields::new(object, "consent", &mut cut);
    let state = match fields.required_text("state").map_err(envelope)? {
        "granted" => ConsentState::Granted,
        "denied" => ConsentState::Denied,
        "required" => ConsentState::Required,
        "cookieless" => ConsentState::Cookieless,
        _ => return Err(EnvelopeFault::Envelope(ALLOWED.to_owned())),
    };
    let version = fields.text("version", limits::ID_BYTES, ledger);
    let source = fields.text("source", limits::ID_BYTES, ledger);
    fields.finish(ledger);
    Ok(Consent { state, version, source })
}

pub(crate) fn ask(value: &Value<'_>, ledger: &mut Ledger) -> Result<Ask, EnvelopeFault> {
    let Value::Object(object) = value else {
        return Err(EnvelopeFault::Envelope(format!("decide is {}; allowed is an object", kind(value))));
    };
    let mut cut = Vec::new();
    let mut fields = Fields::new(object, "decide", &mut cut);
    let slots = match fields.value("slots") {
        None => None,
        Some(Value::Array(list)) => {
            let texts: Vec<String> = list
                .iter()
                .filter_map(Value::as_str)
                .filter(|slot| !slot.is_empty() && slot.len() <= limits::ID_BYTES)
                .take(limits::SLOTS)
                .map(str::to_owned)
                .collect();
            let dropped = list.len() - texts.len();
            ledger.ignored = ledger.ignored.saturating_add(u32::try_from(dropped).unwrap_or(u32::MAX));
            Some(texts)
        }
        Some(other) => {
            return Err(EnvelopeFault::Envelope(format!("decide.slots is {}; allowed is a list of text", kind(other))));
        }
    };
    let claim = fields.text("claim", limits::ID_BYTES, ledger);
    let explain = fields.value("explain").and_then(Value::as_bool).unwrap_or(false);
    let given = fields.value("properties");
    fields.finish(ledger);
    let properties = given.map(|value| properties(value, "decide.properties", &mut cut, ledger)).unwrap_or_default();
    let properties = properties.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    Ok(Ask { slots, properties, claim, explain })
}

/// Reads each event of a body for itself.
pub(crate) fn events<One>(
    value: Option<&Value<'_>>,
    mut read: impl FnMut(&Value<'_>, usize) -> Result<One, EventFault>,
) -> Result<Vec<Result<One, EventFault>>, EnvelopeFault> {
    let list = match value {
        Some(Value::Array(list)) => list,
        None => return Ok(Vec::new()),
        Some(other) => return Err(EnvelopeFault::Envelope(format!("events is {}; allowed is a list", kind(other)))),
    };
    if list.len() > limits::EVENTS {
        return Err(EnvelopeFault::TooManyEvents { found: list.len() });
    }
    Ok(list.iter().enumerate().map(|(index, value)| read(value, index)).collect())
}

/// The last of the events that a request says were acknowledged.
fn acknowledged(value: Option<&Value<'_>>, ledger: &mut Ledger) -> Vec<Event> {
    let list = match value {
        None => return Vec::new(),
        Some(Value::Array(list)) => list.as_slice(),
        Some(_) => {
            ledger.ignored = ledger.ignored.saturating_add(1);
            return Vec::new();
        }
    };
    let last = &list[list.len().saturating_sub(limits::ACKNOWLEDGED)..];
    let read: Vec<Event> =
        last.iter().enumerate().filter_map(|(index, value)| Event::read(value, index, ledger).ok()).collect();
    let left_out = u32::try_from(list.len() - read.len()).unwrap_or(u32::MAX);
    ledger.ignored = ledger.ignored.saturating_add(left_out);
    read
}

/// Sketches each event of a body.
pub(crate) fn sketches(value: Option<&Value<'_>>) -> Vec<Sketch> {
    let sketch = |(place, value): (usize, &Value<'_>)| {
        let text = |field: &str| value.get(field).and_then(Value::as_str).filter(|text| text.len() <= limits::ID_BYTES);
        let number = value.get("n").and_then(sequence_number).map(|number| number.to_string());
        Sketch {
            name: text("name").filter(|name| names::is_event_name(name)).map(str::to_owned),
            number: number.or_else(|| text("id").map(str::to_owned)).unwrap_or_else(|| format!("[{place}]")),
        }
    };
    value.and_then(Value::as_array).into_iter().flatten().enumerate().map(sketch).collect()
}

/// Recursion is safe: serde_json itself stops at 128 levels.
fn deeper_than(value: &Value<'_>, levels: usize) -> bool {
    match value {
        Value::Array(list) => levels == 0 || list.iter().any(|value| deeper_than(value, levels - 1)),
        Value::Object(object) => levels == 0 || object.iter().any(|(_, value)| deeper_than(value, levels - 1)),
        _ => false,
    }
}

/// Whether a value is an integer in the range JavaScript keeps exactly; used by events for `n`.
pub(crate) fn sequence_number(value: &Value<'_>) -> Option<u64> {
    integer(value).and_then(|number| u64::try_from(number).ok()).filter(|number| *number > 0)
}
