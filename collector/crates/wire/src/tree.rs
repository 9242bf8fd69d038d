//! JSON as it was read: a tree whose texts stand in the body wherever that is possible.
//!
//! A body is read once, whole, and most of it is looked at once and copied at most once. `serde_json::Value` would copy each
//! name and each text, and keep objects in trees of their own.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap as _, Serializer};

/// A value of a body.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value<'body> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// Text: where it stands, or by itself where it had to be unescaped.
    String(Cow<'body, str>),
    /// A list.
    Array(Vec<Value<'body>>),
    /// An object.
    Object(Object<'body>),
}

/// A number, as JSON tells them apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Number {
    /// Below zero.
    Negative(i64),
    /// Zero or above.
    Positive(u64),
    /// With a fraction or an exponent, or beyond the others.
    Fraction(f64),
}

/// Room for the fields of most objects.
const USUAL_FIELDS: usize = 8;

/// An object's fields in the order of their names. Of several of one name the last one counts.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Object<'body>(Vec<(Cow<'body, str>, Value<'body>)>);

impl<'body> Value<'body> {
    /// The object, if this is one.
    pub(crate) fn as_object(&self) -> Option<&Object<'body>> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The list, if this is one.
    pub(crate) fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(list) => Some(list),
            _ => None,
        }
    }

    /// The text, if this is one.
    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The truth value, if this is one.
    pub(crate) fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(truth) => Some(*truth),
            _ => None,
        }
    }

    /// The integer, if this is one that fits.
    pub(crate) fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Number(Number::Negative(number)) => Some(*number),
            Self::Number(Number::Positive(number)) => i64::try_from(*number).ok(),
            _ => None,
        }
    }

    /// The integer, if this is one that is not below zero.
    pub(crate) fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Number(Number::Positive(number)) => Some(*number),
            _ => None,
        }
    }

    /// Whether this is `null`.
    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// A field of an object.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        self.as_object()?.get(name)
    }
}

impl<'body> Object<'body> {
    /// A field.
    pub(crate) fn get(&self, name: &str) -> Option<&Value<'body>> {
        let place = self.0.binary_search_by(|(held, _)| (**held).cmp(name)).ok()?;
        self.0.get(place).map(|(_, value)| value)
    }

    /// How many fields it has, each name counted once.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Its fields, by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Value<'body>)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }

    fn of(mut fields: Vec<(Cow<'body, str>, Value<'body>)>) -> Self {
        // Stable, so that of one name the last stays last.
        fields.sort_by(|(left, _), (right, _)| left.cmp(right));
        fields.dedup_by(|later, earlier| {
            let same = later.0 == earlier.0;
            if same {
                std::mem::swap(later, earlier);
            }
            same
        });
        Self(fields)
    }
}

impl<'de> Deserialize<'de> for Value<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reading)
    }
}

struct Reading;

impl<'de> Visitor<'de> for Reading {
    type Value = Value<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any valid JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value<'de>, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value<'de>, E> {
        Ok(Value::Bool(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value<'de>, E> {
        let read = u64::try_from(number).map_or(Number::Negative(number), Number::Positive);
        Ok(Value::Number(read))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value<'de>, E> {
        Ok(Value::Number(Number::Positive(number)))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value<'de>, E> {
        Ok(Value::Number(Number::Fraction(number)))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::String(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value<'de>, E> {
        Ok(Value::String(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value<'de>, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value<'de>, A::Error> {
        let mut fields = Vec::with_capacity(USUAL_FIELDS);
        while let Some((Name(name), value)) = object.next_entry()? {
            fields.push((name, value));
        }
        Ok(Value::Object(Object::of(fields)))
    }
}

/// A field's name.
struct Name<'body>(Cow<'body, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(ReadingName).map(Self)
    }
}

struct ReadingName;

impl<'de> Visitor<'de> for ReadingName {
    type Value = Cow<'de, str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a field's name")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

/// As JSON again, for whoever is told what was found.
impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(truth) => serializer.serialize_bool(*truth),
            Self::Number(Number::Negative(number)) => serializer.serialize_i64(*number),
            Self::Number(Number::Positive(number)) => serializer.serialize_u64(*number),
            Self::Number(Number::Fraction(number)) => serializer.serialize_f64(*number),
            Self::String(text) => serializer.serialize_str(text),
            Self::Array(list) => serializer.collect_seq(list),
            Self::Object(object) => {
                let mut map = serializer.serialize_map(Some(object.len()))?;
                for (name, value) in object.iter() {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
    }
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What both readers make of a body: the same JSON, or the same complaint.
    fn alike(body: &[u8]) {
        let ours = serde_json::from_slice::<Value<'_>>(body);
        let theirs = serde_json::from_slice::<serde_json::Value>(body);
        match (ours, theirs) {
            (Ok(ours), Ok(theirs)) => assert_eq!(ours.to_string(), theirs.to_string()),
            (Err(ours), Err(theirs)) => assert_eq!(ours.to_string(), theirs.to_string()),
            (ours, theirs) => panic!("{ours:?} but {theirs:?} of {}", String::from_utf8_lossy(body)),
        }
    }

    /// JSON as it may be written: names that come twice, escapes, numbers of every kind, spaces.
    fn any_text() -> impl Strategy<Value = String> {
        let name = prop_oneof!["[a-c]{0,2}", Just(r"\u0061".to_owned()), Just(r#"\"\\\n"#.to_owned())];
        let leaf = prop_oneof![
            Just("null".to_owned()),
            any::<bool>().prop_map(|truth| truth.to_string()),
            any::<i64>().prop_map(|number| number.to_string()),
            any::<u64>().prop_map(|number| number.to_string()),
            (any::<i16>(), -320i16..310).prop_map(|(number, power)| format!("{number}.5e{power}")),
            Just("-0".to_owned()),
            "\"[ -!#-~é€😀]{0,9}\"".prop_map(|text| text.replace('\\', r"\u00e9")),
            Just(r#""\ud83d\ude00\u0000""#.to_owned()),
            // what is none
            Just(r#""\ud83d""#.to_owned()),
            Just("1e999".to_owned()),
            Just("01".to_owned()),
        ];
        leaf.prop_recursive(4, 40, 6, move |inner| {
            let field = (name.clone(), inner.clone()).prop_map(|(name, value)| format!(" \"{name}\" : {value}"));
            prop_oneof![
                prop::collection::vec(inner, 0..6).prop_map(|list| format!("[{}]", list.join(","))),
                prop::collection::vec(field, 0..9).prop_map(|fields| format!("{{{}}}", fields.join(","))),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_body_reads_as_serde_json_reads_it(text in any_text(), cut in 0..2_000usize) {
            alike(text.as_bytes());
            alike(&text.as_bytes()[..cut.min(text.len())]);
        }

        #[test]
        fn bytes_that_are_no_json_are_refused_with_the_same_words(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            alike(&bytes);
        }
    }

    #[test]
    fn of_several_fields_of_one_name_the_last_counts_and_nesting_has_an_end() {
        for body in [r#"{"b":1,"a":2,"b":3,"\u0062":4}"#, r#"{"a":1,"a":2}"#, "{}", r#"{"":0,"":{}}"#] {
            alike(body.as_bytes());
        }
        for depth in [126, 127, 128, 129, 10_000] {
            alike(format!("{}{}", "[".repeat(depth), "]".repeat(depth)).as_bytes());
            alike(format!("{}0{}", "{\"a\":".repeat(depth), "}".repeat(depth)).as_bytes());
        }
    }

    #[test]
    fn texts_stay_where_they_stand_unless_they_are_escaped() {
        let read: Value<'_> = serde_json::from_slice(br#"["as it is","with \"quotes\""]"#).unwrap();
        let list = read.as_array().unwrap();
        assert!(matches!(list, [Value::String(Cow::Borrowed("as it is")), Value::String(Cow::Owned(_))]), "{list:?}");
    }
}
