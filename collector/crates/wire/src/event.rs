//! One event of a request.

use crate::envelope::{Page, sequence_number};
use crate::fault::{EventCode, EventFault};
use crate::fields::{Fields, Ledger, cut_at, integer, kind};
use crate::tree::Value;
use crate::{limits, names};

/// A property's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scalar {
    /// Text of at most 256 bytes.
    Text(String),
    /// An integer.
    Integer(i64),
    /// True or false.
    Boolean(bool),
}

/// One item of a commerce event. Amounts are still text: only the collector knows the site's currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The shop's id of the article.
    pub id: String,
    /// Its name.
    pub name: Option<String>,
    /// Its category.
    pub category: Option<String>,
    /// Its variant.
    pub variant: Option<String>,
    /// Price of one, decimal text.
    pub price: Option<String>,
    /// How many.
    pub quantity: u32,
}

/// One event that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Sequence number in the stream; `None` for a server's event.
    pub n: Option<u64>,
    /// A server's own id of the event.
    pub id: Option<String>,
    /// Name: GA4's or the shop's.
    pub name: String,
    /// The device's clock when it happened, ms since 1970.
    pub time: i64,
    /// The page, when it differs from the envelope's.
    pub page: Option<Page>,
    /// Amount as decimal text.
    pub value: Option<String>,
    /// ISO 4217 code of `value` and of the items' prices; the site's when absent.
    pub currency: Option<String>,
    /// Id of a purchase or refund.
    pub transaction_id: Option<String>,
    /// What was looked at, added or bought.
    pub items: Vec<Item>,
    /// Further facts; `None` is an explicit `null` (removes an attribute).
    pub properties: Vec<(String, Option<Scalar>)>,
    /// The offer this is about.
    pub offer: Option<String>,
    /// The decision that showed it.
    pub decision: Option<String>,
    /// An address given with a sign-up; unconfirmed.
    pub email: Option<String>,
    /// Paths of texts that were cut.
    pub truncated: Vec<String>,
}

/// What names an event and says when it happened; read in another way from a page than from a server.
pub(crate) struct Head {
    pub(crate) n: Option<u64>,
    pub(crate) id: Option<String>,
    pub(crate) time: i64,
}

impl Event {
    /// Reads an event of a page.
    pub(crate) fn read(value: &Value<'_>, index: usize, ledger: &mut Ledger) -> Result<Self, EventFault> {
        let read = Self::read_with(value, index, ledger, |fields| {
            let time = fields.required_integer("time")?;
            let n = match fields.value("n") {
                None => None,
                Some(value) => {
                    Some(sequence_number(value).ok_or_else(|| fields.wrong_type("n", value, "1 to 2^53-1"))?)
                }
            };
            let id = match fields.value("id") {
                None => None,
                Some(Value::String(text)) if !text.is_empty() && text.len() <= limits::ID_BYTES => {
                    Some(text.as_ref().to_owned())
                }
                Some(value) => return Err(fields.wrong_type("id", value, "text of 1 to 64 bytes")),
            };
            Ok((Head { n, id, time }, ()))
        });
        read.map(|(event, ())| event)
    }

    /// Reads an event whose head, and whatever stands beside the fields that all events have, is read by `head`.
    pub(crate) fn read_with<Beside>(
        value: &Value<'_>,
        index: usize,
        ledger: &mut Ledger,
        head: impl FnOnce(&mut Fields<'_, '_>) -> Result<(Head, Beside), EventFault>,
    ) -> Result<(Self, Beside), EventFault> {
        let path = format!("events[{index}]");
        let Value::Object(object) = value else {
            return Err(EventFault {
                code: EventCode::WrongType,
                detail: format!("{path} is {}; allowed is an object", kind(value)),
            });
        };
        let mut truncated = Vec::new();
        let mut fields = Fields::new(object, &path, &mut truncated);
        let name = name(fields.required_text("name")?, &path)?;
        let (Head { n, id, time }, beside) = head(&mut fields)?;
        let amount = amount(&mut fields, "value")?;
        let currency = currency(&mut fields)?;
        let transaction_id = fields.text("transaction_id", limits::ID_BYTES, ledger);
        let offer = fields.text("offer", limits::ID_BYTES, ledger);
        let decision = fields.text("decision", limits::DECISION_BYTES, ledger);
        let email = fields.text("email", limits::EMAIL_BYTES, ledger);
        let given_page = fields.value("page");
        let given_items = fields.value("items");
        let given_properties = fields.value("properties");
        fields.finish(ledger);

        let page = given_page.and_then(|value| Page::read(value, &format!("{path}.page"), &mut truncated, ledger));
        let items = match given_items {
            Some(value) => items(value, &path, &mut truncated, ledger)?,
            None => Vec::new(),
        };
        let properties = given_properties
            .map(|value| properties(value, &format!("{path}.properties"), &mut truncated, ledger))
            .unwrap_or_default();
        let event = Self {
            n,
            id,
            name,
            time,
            page,
            value: amount,
            currency,
            transaction_id,
            items,
            properties,
            offer,
            decision,
            email,
            truncated,
        };
        Ok((event, beside))
    }
}

fn name(text: &str, path: &str) -> Result<String, EventFault> {
    if !names::is_event_name(text) {
        let detail = format!("{path}.name must be 1 to 64 of a-z A-Z 0-9 _ . : -");
        return Err(EventFault { code: EventCode::BadName, detail });
    }
    if text.starts_with(names::RESERVED_PREFIX) {
        let detail = format!("{path}.name starts with {}, which only the product itself uses", names::RESERVED_PREFIX);
        return Err(EventFault { code: EventCode::ReservedName, detail });
    }
    Ok(text.to_owned())
}

/// Decimal text: an optional sign, digits, at most one point. How many digits a currency has is checked later.
fn amount(fields: &mut Fields<'_, '_>, name: &str) -> Result<Option<String>, EventFault> {
    match fields.value(name) {
        None => Ok(None),
        Some(Value::String(text)) if is_amount(text) => Ok(Some(text.as_ref().to_owned())),
        Some(Value::String(_)) => Err(EventFault {
            code: EventCode::BadAmount,
            detail: format!("{} must be a decimal number as text, such as \"79.95\"", fields.at(name)),
        }),
        Some(other) => Err(fields.wrong_type(name, other, "decimal text, such as \"79.95\"")),
    }
}

fn is_amount(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    all_digits(whole) && whole.len() <= 12 && all_digits(fraction) && fraction.len() <= 6
}

fn currency(fields: &mut Fields<'_, '_>) -> Result<Option<String>, EventFault> {
    match fields.value("currency") {
        None => Ok(None),
        Some(Value::String(text)) if text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_alphabetic()) => {
            Ok(Some(text.to_ascii_uppercase()))
        }
        Some(_) => Err(EventFault {
            code: EventCode::BadAmount,
            detail: format!("{} must be three letters of ISO 4217", fields.at("currency")),
        }),
    }
}

fn items(
    value: &Value<'_>,
    path: &str,
    truncated: &mut Vec<String>,
    ledger: &mut Ledger,
) -> Result<Vec<Item>, EventFault> {
    let Value::Array(list) = value else {
        let detail = format!("{path}.items is {}; allowed is a list", kind(value));
        return Err(EventFault { code: EventCode::WrongType, detail });
    };
    if list.len() > limits::ITEMS {
        truncated.push(format!("{path}.items"));
    }
    let mut items = Vec::with_capacity(list.len().min(limits::ITEMS));
    for (index, value) in list.iter().take(limits::ITEMS).enumerate() {
        let path = format!("{path}.items[{index}]");
        // An item without an id says nothing that a rule could use; the event beside it is still good.
        let Value::Object(object) = value else {
            ledger.ignored += 1;
            continue;
        };
        let mut fields = Fields::new(object, &path, truncated);
        let Some(id) = fields.text("id", limits::ID_BYTES, ledger).filter(|id| !id.is_empty()) else {
            ledger.ignored += 1;
            continue;
        };
        let item = Item {
            id,
            name: fields.text("name", limits::ITEM_NAME_BYTES, ledger),
            category: fields.text("category", limits::ID_BYTES, ledger),
            variant: fields.text("variant", limits::ID_BYTES, ledger),
            price: amount(&mut fields, "price")?,
            quantity: fields
                .value("quantity")
                .and_then(integer)
                .map_or(1, |number| u32::try_from(number.clamp(0, 1_000_000)).unwrap_or(1)),
        };
        fields.finish(ledger);
        items.push(item);
    }
    Ok(items)
}

/// Properties in the order of their names. A value that is no scalar is ignored and counted.
pub(crate) fn properties(
    value: &Value<'_>,
    path: &str,
    truncated: &mut Vec<String>,
    ledger: &mut Ledger,
) -> Vec<(String, Option<Scalar>)> {
    let Value::Object(object) = value else {
        ledger.ignored += 1;
        return Vec::new();
    };
    let mut properties = Vec::with_capacity(object.len().min(limits::PROPERTIES));
    for (name, value) in object.iter() {
        let scalar = match value {
            Value::String(text) => {
                let kept = cut_at(text, limits::PROPERTY_TEXT_BYTES);
                if kept.len() < text.len() {
                    truncated.push(format!("{path}.{}", cut_at(name, limits::PROPERTY_NAME_BYTES)));
                }
                Some(Scalar::Text(kept.to_owned()))
            }
            Value::Bool(boolean) => Some(Scalar::Boolean(*boolean)),
            Value::Number(_) => match integer(value) {
                Some(number) => Some(Scalar::Integer(number)),
                None => {
                    ledger.ignored += 1;
                    continue;
                }
            },
            Value::Null => None,
            Value::Array(_) | Value::Object(_) => {
                ledger.ignored += 1;
                continue;
            }
        };
        if name.is_empty() || name.len() > limits::PROPERTY_NAME_BYTES || properties.len() == limits::PROPERTIES {
            ledger.ignored += 1;
            continue;
        }
        properties.push((name.to_owned(), scalar));
    }
    properties.sort_by(|left, right| left.0.cmp(&right.0));
    properties
}
