//! The examples of WIRE.md, and every rule it states, through the public interface.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use wire::schema::{DecideRequest, EventsRequest, LinkBody, MergeBody, ServerEventsRequest};
use wire::{
    ConsentState, Envelope, EnvelopeFault, EventCode, LinkRequest, MergeRequest, Scalar, ServerEnvelope, Whom, limits,
};

const CONTRACT: &str = include_str!("../WIRE.md");

/// The JSON block that follows a heading.
fn example(heading: &str) -> &'static str {
    let after = CONTRACT.split_once(heading).expect("heading").1;
    let block = after.split_once("```json\n").expect("block").1;
    block.split_once("```").expect("end").0
}

fn request(events: &str) -> Vec<u8> {
    format!(
        r#"{{"v":1,"site":"shop","seed":"Zm9vYmFyYmF6cXV4MTIzNA","stream":"q83vEjRWeJCrze8S","sent":1790000001250,
            "consent":{{"state":"granted"}},"events":[{events}]}}"#
    )
    .into_bytes()
}

fn only_fault(events: &str) -> (EventCode, String) {
    let envelope = Envelope::parse(&request(events)).expect("an envelope");
    let fault = envelope.events.into_iter().next().expect("one event").expect_err("a rejected event");
    (fault.code, fault.detail)
}

#[test]
fn the_first_example_reads_as_the_contract_says() {
    let text = example("## `POST /v1/events`");
    let _described: EventsRequest = serde_json::from_str(text).expect("the described type knows every field");

    let envelope = Envelope::parse(text.as_bytes()).expect("an envelope");

    assert_eq!(envelope.site.as_str(), "shop-nl");
    assert_eq!(envelope.consent.state, ConsentState::Granted);
    assert_eq!(envelope.ignored, 0);
    let add = envelope.events[1].as_ref().expect("a good event");
    assert_eq!((add.name.as_str(), add.value.as_deref(), add.n), ("add_to_cart", Some("79.95"), Some(2)));
    assert_eq!(add.items[0].category.as_deref(), Some("jassen"));
    assert_eq!(add.properties, [("label".to_owned(), Some(Scalar::Text("regen".to_owned())))]);
    assert_eq!(envelope.decide.expect("asked").slots.expect("slots"), ["popup"]);
}

#[test]
fn a_question_is_about_the_page_of_the_request_or_of_its_last_event() {
    let head = r#""v":1,"site":"shop-nl","seed":"AAAAAAAAAAAAAAAAAAAAAA","stream":"q83vEjRW","sent":1"#;
    let event = |n: u8, page: &str| format!(r#"{{"n":{n},"name":"page_view","time":1{page}}}"#);
    let of = |path: &str| format!(r#","page":{{"url":"https://shop.example{path}"}}"#);
    let asks = |own: &str, events: &[String]| {
        let text =
            format!(r#"{{{head}{own},"consent":{{"state":"granted"}},"events":[{}],"decide":{{}}}}"#, events.join(","));
        let envelope = Envelope::parse(text.as_bytes()).expect("an envelope");
        envelope.asking_page().and_then(|page| page.url.clone())
    };
    let events = [event(1, &of("/a")), event(2, &of("/b")), event(3, "")];

    assert_eq!(asks("", &events).as_deref(), Some("https://shop.example/b"));
    assert_eq!(asks(&of("/c"), &events).as_deref(), Some("https://shop.example/c"));
    assert_eq!(asks("", &[event(1, "")]), None);
}

#[test]
fn the_second_example_reads_as_the_contract_says() {
    let text =
        example("## `POST /v1/decide`").replace("\"seed\": \"…\", \"stream\": \"…\"", "\"stream\": \"q83vEjRW\"");
    let _described: DecideRequest = serde_json::from_str(&text).expect("the described type knows every field");
    let ask = Envelope::parse(text.as_bytes()).expect("an envelope").decide.expect("asked");
    assert_eq!(ask.claim.as_deref(), Some("cart-newsletter"));
    assert_eq!(ask.properties, [("type".to_owned(), Scalar::Text("cart".to_owned()))]);
}

#[test]
fn the_examples_of_who_is_who_read_as_the_contract_says() {
    let text = example("## `POST /v1/server/merge`");
    let _described: MergeBody = serde_json::from_str(text).expect("the described type knows every field");
    let merge = MergeRequest::parse(text.as_bytes()).expect("a merge");
    assert_eq!((merge.visitor.as_str(), merge.ignored), ("g1.9kJ…", 0));
    assert!(matches!(&merge.into, Whom::Person(person) if person.as_str() == "customer-1017"));
    assert!(!format!("{merge:?}").contains("customer-1017"), "whose id reaches no log");

    let text = example("## `POST /v1/server/links`");
    let _described: LinkBody = serde_json::from_str(text).expect("the described type knows every field");
    let link = LinkRequest::parse(text.as_bytes()).expect("a link");
    assert_eq!((link.labels, link.merge, link.ignored), (vec!["seo".to_owned()], false, 0));
    assert_eq!((link.valid_for.as_deref(), link.url.as_deref()), (Some("30d"), Some("https://shop.example/bedankt")));
    // and a field that nobody reads is counted
    let more = text.replacen('{', r#"{ "colour": "red","#, 1);
    assert_eq!(LinkRequest::parse(more.as_bytes()).expect("a link").ignored, 1);
}

#[test]
fn what_can_be_told_of_an_event_is_told_of_bad_ones_too() {
    let events =
        r#"{"n":7,"name":"purchase","time":1,"value":"1,5"},{"id":"a","name":"met spatie"},7,{"n":0,"name":"a"}"#;
    let envelope = Envelope::parse(&request(events)).expect("an envelope");
    let told: Vec<(Option<&str>, &str)> =
        envelope.sketches.iter().map(|sketch| (sketch.name.as_deref(), sketch.number.as_str())).collect();
    assert_eq!(told, [(Some("purchase"), "7"), (None, "a"), (None, "[2]"), (Some("a"), "[3]")]);
    let fields: Vec<String> =
        envelope.events.iter().map(|event| event.as_ref().expect_err("bad").field().to_owned()).collect();
    assert_eq!(fields, ["value", "name", "", "time"]);
}

#[test]
fn the_servers_example_reads_as_the_contract_says() {
    let text = example("## `POST /v1/server/events`");
    let _described: ServerEventsRequest = serde_json::from_str(text).expect("the described type knows every field");

    let envelope = ServerEnvelope::parse(text.as_bytes(), 1_790_000_009_000).expect("an envelope");

    assert_eq!(envelope.ignored, 0);
    let [open, order] = envelope.events.as_slice() else { panic!("two events") };
    let (open, order) = (open.as_ref().expect("a good event"), order.as_ref().expect("a good event"));
    assert_eq!((open.event.id.as_deref(), open.event.n), (Some("mail-7781:open"), None));
    assert_eq!((open.event.time, order.event.time), (1_790_000_001_000, 1_790_000_009_000));
    assert!(matches!(&open.whom, Whom::Person(person) if person.as_str() == "customer-1017"));
    assert_eq!(order.whom, Whom::Visitor("g1.9kJ…".to_owned()));
    assert_eq!((open.source.as_str(), open.channel.as_deref()), ("mail-tool", Some("email")));
    assert_eq!(order.event.transaction_id.as_deref(), Some("2204"));
    assert!(!format!("{envelope:?}").contains("customer-1017"), "whose id reaches no log");
}

#[test]
fn a_servers_event_without_a_source_is_of_the_default_one_and_needs_no_number() {
    let body = br#"{"v":1,"site":"x","events":[{"id":"1","n":"seven","name":"a","person":"p"}]}"#;
    let envelope = ServerEnvelope::parse(body, 5).expect("an envelope");
    let told = envelope.events[0].as_ref().expect("a good event");
    assert_eq!((told.source.as_str(), told.event.time), (limits::DEFAULT_SOURCE, 5));
    assert_eq!(envelope.ignored, 2, "site and n");
}

#[test]
fn a_bad_event_leaves_its_neighbours_alone() {
    let envelope = Envelope::parse(&request(
        r#"{"n":1,"name":"page_view","time":1790000001000},{"n":2,"time":5},{"n":3,"name":"search","time":1790000001001}"#,
    ))
    .expect("an envelope");
    let outcomes: Vec<bool> = envelope.events.iter().map(Result::is_ok).collect();
    assert_eq!(outcomes, [true, false, true]);
}

#[test]
fn each_fault_of_an_event_has_its_code_and_its_place() {
    for (event, code, place) in [
        (r#"{"n":1,"time":1}"#, EventCode::MissingField, "events[0].name"),
        (r#"{"n":1,"name":"a"}"#, EventCode::MissingField, "events[0].time"),
        (r#"{"n":1,"name":7,"time":1}"#, EventCode::WrongType, "events[0].name"),
        (r#"{"n":1,"name":"a","time":"now"}"#, EventCode::WrongType, "events[0].time"),
        (r#"{"n":1,"name":"a","time":1.5}"#, EventCode::WrongType, "events[0].time"),
        (r#"{"n":-1,"name":"a","time":1}"#, EventCode::WrongType, "events[0].n"),
        (r#"{"n":1,"name":"a b","time":1}"#, EventCode::BadName, "events[0].name"),
        (r#"{"n":1,"name":"","time":1}"#, EventCode::BadName, "events[0].name"),
        (r#"{"n":1,"name":"gloed_granted","time":1}"#, EventCode::ReservedName, "gloed_"),
        (r#"{"n":1,"name":"a","time":1,"value":"1,50"}"#, EventCode::BadAmount, "events[0].value"),
        (r#"{"n":1,"name":"a","time":1,"value":1.5}"#, EventCode::WrongType, "events[0].value"),
        (r#"{"n":1,"name":"a","time":1,"currency":"EURO"}"#, EventCode::BadAmount, "events[0].currency"),
        (r#"{"n":1,"name":"a","time":1,"items":{}}"#, EventCode::WrongType, "events[0].items"),
        ("7", EventCode::WrongType, "events[0]"),
    ] {
        let (found, detail) = only_fault(event);
        assert_eq!(found, code, "{event}");
        assert!(detail.contains(place), "{event}: {detail}");
    }
}

#[test]
fn a_fault_of_the_envelope_says_what_is_allowed() {
    for (body, part) in [
        ("{", "not JSON"),
        ("[]", "allowed is an object"),
        (r#"{"v":1}"#, "site is required"),
        (r#"{"v":2}"#, "this collector reads 1"),
        (r#"{"v":1,"site":"a b"}"#, "site must be"),
        (r#"{"v":1,"site":"a","stream":"short"}"#, "stream must be"),
        (r#"{"v":1,"site":"a","seed":"x","stream":"q83vEjRW"}"#, "seed must be"),
        (r#"{"v":1,"site":"a","stream":"q83vEjRW","sent":1}"#, "consent is required"),
        (r#"{"v":1,"site":"a","stream":"q83vEjRW","sent":-9223372036854775808}"#, "allowed is an integer"),
        (r#"{"v":1,"site":"a","stream":"q83vEjRW","sent":1,"consent":{"state":"yes"}}"#, "granted, denied"),
    ] {
        let fault = Envelope::parse(body.as_bytes()).expect_err(body);
        assert!(fault.to_string().contains(part), "{body}: {fault}");
    }
}

#[test]
fn too_many_events_are_refused_with_both_numbers() {
    let one = r#"{"n":1,"name":"a","time":1}"#;
    let fault = Envelope::parse(&request(&vec![one; limits::EVENTS + 1].join(","))).expect_err("too many");
    assert_eq!(fault, EnvelopeFault::TooManyEvents { found: 51 });
    assert!(fault.to_string().contains("at most 50"));
}

#[test]
fn unknown_fields_are_counted_and_long_texts_are_cut_inside_no_character() {
    let title = "é".repeat(200);
    let event = format!(
        r#"{{"n":1,"name":"a","time":1790000001000,"colour":"red","page":{{"title":"{title}","x":1}},
            "properties":{{"list":[1],"fraction":1.5,"note":"{title}"}}}}"#
    );
    let envelope = Envelope::parse(&request(&event)).expect("an envelope");
    let event = envelope.events[0].as_ref().expect("good");
    assert_eq!(event.page.as_ref().and_then(|page| page.title.as_ref()).map(String::len), Some(256));
    assert_eq!(event.truncated, ["events[0].page.title", "events[0].properties.note"]);
    assert_eq!(envelope.ignored, 4, "colour, page.x, list, fraction");
}

#[test]
fn deep_nesting_is_refused_without_a_stack_overflow() {
    for depth in [17, 127, 200, 1_000_000] {
        let body = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(matches!(Envelope::parse(body.as_bytes()), Err(EnvelopeFault::Malformed(_))), "{depth}");
    }
}

#[test]
fn an_explicit_null_removes_an_attribute_and_is_told_from_absence() {
    let envelope =
        Envelope::parse(&request(r#"{"n":1,"name":"set_attributes","time":1,"properties":{"newsletter":null}}"#))
            .expect("an envelope");
    assert_eq!(envelope.events[0].as_ref().expect("good").properties, [("newsletter".to_owned(), None)]);
}
