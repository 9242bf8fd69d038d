//! Everything from a browser is hostile: no bytes may panic the reader, and nothing it lets through is over its limit.

use proptest::prelude::*;
use serde_json::{Value, json};
use wire::{Envelope, ServerEnvelope, limits};

/// Any JSON a body may hold, with the contract's own field names often enough to get past the first check.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
        "[é€a]{200,400}".prop_map(Value::from),
        Just(json!("79.95")),
    ];
    let names = prop_oneof![
        Just("name"),
        Just("time"),
        Just("n"),
        Just("id"),
        Just("page"),
        Just("url"),
        Just("title"),
        Just("items"),
        Just("value"),
        Just("currency"),
        Just("properties"),
        Just("offer"),
        Just("email"),
        Just("price"),
        Just("quantity"),
        Just("slots"),
        Just("state"),
        Just("person"),
        Just("visitor"),
        Just("source"),
        Just("x"),
    ];
    leaf.prop_recursive(5, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(names.clone().prop_map(str::to_owned), inner, 0..8)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_an_envelope_or_a_fault(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        drop(Envelope::parse(&bytes));
        drop(ServerEnvelope::parse(&bytes, 0));
    }

    #[test]
    fn arbitrary_events_each_get_a_verdict_inside_the_limits(
        events in prop::collection::vec(any_json(), 0..8),
        page in any_json(),
        decide in any_json(),
    ) {
        let body = json!({
            "v": 1, "site": "shop", "seed": "Zm9vYmFyYmF6cXV4MTIzNA", "stream": "q83vEjRW", "sent": 1,
            "consent": { "state": "granted" }, "page": page, "events": events, "decide": decide,
        });
        let sent = events.len();
        if let Ok(envelope) = Envelope::parse(body.to_string().as_bytes()) {
            prop_assert_eq!(envelope.events.len(), sent);
            for event in envelope.events.iter().flatten() {
                prop_assert!(event.name.len() <= limits::EVENT_NAME_BYTES);
                prop_assert!(event.items.len() <= limits::ITEMS && event.properties.len() <= limits::PROPERTIES);
                if let Some(page) = &event.page {
                    prop_assert!(page.url.iter().all(|url| url.len() <= limits::URL_BYTES));
                    prop_assert!(page.title.iter().all(|title| title.len() <= limits::TITLE_BYTES));
                }
            }
        }
        let told = json!({ "v": 1, "events": events });
        if let Ok(envelope) = ServerEnvelope::parse(told.to_string().as_bytes(), 1) {
            prop_assert_eq!(envelope.events.len(), sent);
            for told in envelope.events.iter().flatten() {
                let id = told.event.id.as_deref().unwrap_or_default();
                prop_assert!((1..=limits::ID_BYTES).contains(&id.len()) && told.event.n.is_none());
                prop_assert!(told.event.properties.len() <= limits::PROPERTIES);
            }
        }
    }
}
