//! The limits of WIRE.md, in one place for the page that keeps them and the collector that enforces them.

/// Bytes of a body as it travels.
pub const BODY_BYTES: usize = 64 * 1024;
/// Bytes of a body after decompression.
pub const BODY_BYTES_DECOMPRESSED: usize = 512 * 1024;
/// Events in one request.
pub const EVENTS: usize = 50;
/// Acknowledged events that a request for a decision carries.
pub const ACKNOWLEDGED: usize = 20;
/// Items in one event.
pub const ITEMS: usize = 20;
/// Properties in one event.
pub const PROPERTIES: usize = 24;
/// Bytes of a property's name.
pub const PROPERTY_NAME_BYTES: usize = 64;
/// Bytes of a property's text.
pub const PROPERTY_TEXT_BYTES: usize = 256;
/// Depth of JSON nesting.
pub const DEPTH: usize = 16;
/// Bytes of a page's address.
pub const URL_BYTES: usize = 2_048;
/// Bytes of a referrer.
pub const REFERRER_BYTES: usize = 1_024;
/// Bytes of a page's title.
pub const TITLE_BYTES: usize = 256;
/// Bytes of a language tag.
pub const LANGUAGE_BYTES: usize = 16;
/// Bytes of an event's name.
pub const EVENT_NAME_BYTES: usize = 64;
/// Bytes of an item's or offer's id, of a transaction's id, of a consent's version and source.
pub const ID_BYTES: usize = 64;
/// Bytes of an item's name.
pub const ITEM_NAME_BYTES: usize = 128;
/// Bytes of a decision's id.
pub const DECISION_BYTES: usize = 32;
/// Bytes of an e-mail address (RFC 5321: 254).
pub const EMAIL_BYTES: usize = 254;
/// Slots in one request for a decision.
pub const SLOTS: usize = 10;
/// The largest integer a JavaScript number holds exactly.
pub const LARGEST_INTEGER: i64 = (1 << 53) - 1;
/// Characters of a seed: 128 bits as base64url.
pub const SEED_CHARACTERS: usize = 22;
/// Fewest and most characters of a stream.
pub const STREAM_CHARACTERS: (usize, usize) = (8, 32);
/// Bytes of a shop's own id of a person.
pub const PERSON_BYTES: usize = 128;
/// The stream of server events that name no source.
pub const DEFAULT_SOURCE: &str = "server00";
/// Labels that one signed link gives.
pub const LINK_LABELS: usize = 10;
/// Bytes of a label.
pub const LABEL_BYTES: usize = 64;
/// Most days for which a signed link is good.
pub const LINK_DAYS: i64 = 90;
