//! The bench's median lead: six touches, fifty rules, fifty offers; and what grows from it.

use std::fmt::Write;

use engine::{
    Channel, Currency, EventName, Lead, LedgerLimits, Millis, Model, Moment, Money, PageFacts, Properties, SiteFacts,
    Slot, SourceFacts, StreamId, Text, Touch, TouchId, record,
};

/// 2026-09-21T13:46:40Z: when every lead begins.
const START: Millis = Millis(1_790_000_000_000);

/// What a visitor does in a shop, over and over.
const VISIT: [&str; 6] = ["page_view", "page_view", "view_item", "page_view", "add_to_cart", "page_view"];

/// Event names of a shop.
const NAMES: [&str; 20] = [
    "page_view",
    "view_item",
    "add_to_cart",
    "view_item_list",
    "select_item",
    "search",
    "share",
    "file_download",
    "add_to_wishlist",
    "remove_from_cart",
    "view_cart",
    "begin_checkout",
    "add_shipping_info",
    "add_payment_info",
    "sign_up",
    "login",
    "generate_lead",
    "email_open",
    "email_click",
    "purchase",
];

/// Once a day.
const DAILY: &str = "per = { times = 1, every = \"1d\" }";

/// A model of fifty rules and fifty offers, and of so many rules more about event names that nobody sends.
pub(crate) fn model(foreign: usize) -> Model {
    let site = SiteFacts { currency: Currency::EUR, offsets: Vec::new() };
    Model::parse(&text(foreign), &site).unwrap_or_else(|faults| panic!("{faults:#?}"))
}

/// The text of that model.
pub(crate) fn text(foreign: usize) -> String {
    let mut text = String::from(
        r#"
version = 1
name = "median"
half_life = "2d"
browser_cap = { points = 100, every = "1h" }
[page_tags]
checkout = ["/checkout", "/checkout/**"]
price = ["/price", "/price/**"]
[[stages]]
name = "cold"
[[stages]]
name = "warm"
enter = ">= 30"
[[stages]]
name = "hot"
enter = "> 70"
[[labels]]
label = "price"
when = { all = [{ field = "event", eq = "page_view" }, { field = "page.tag", has = "price" }] }
expires = "4w"
"#,
    );
    let mut rule = |id: usize, when: &str, more: &str| {
        let points = id % 20 + 1;
        writeln!(text, "[[rules]]\nid = \"r{id}\"\nwhen = {when}\npoints = {points}\n{more}").unwrap();
    };
    for (number, name) in NAMES.iter().enumerate() {
        // One for the event, one for those of them from a mail, one for half of them on some pages; all with limits, as
        // every rule of a preset has.
        let event = format!("{{ field = \"event\", eq = \"{name}\" }}");
        rule(number, &event, "per = { times = 5, every = \"1d\" }");
        rule(20 + number, &format!("{{ all = [{event}, {{ field = \"channel\", eq = \"email\" }}] }}"), DAILY);
        if number % 2 == 0 {
            rule(
                40 + number / 2,
                &format!("{{ all = [{event}, {{ field = \"page.tag\", has = \"price\" }}] }}"),
                DAILY,
            );
        }
    }
    for number in 0..foreign {
        rule(50 + number, &format!("{{ field = \"event\", eq = \"foreign_{number}\" }}"), DAILY);
    }
    for number in 0..50 {
        let when = match number % 5 {
            0 => "{ field = \"stage\", gte = \"warm\" }".to_owned(),
            1 => format!("{{ field = \"page.path\", glob = \"/category-{number}/**\" }}"),
            2 => "{ all = [{ field = \"label\", has = \"price\" }, { field = \"attribute.newsletter\", ne = true }] }".to_owned(),
            3 => "{ field = \"visit.number\", gte = 3 }".to_owned(),
            _ => "{ sequence = [{ field = \"event\", eq = \"add_to_cart\" }, { field = \"event\", eq = \"page_view\" }], \
                  without = { field = \"event\", in = [\"begin_checkout\", \"purchase\"] }, within = \"30m\" }"
                .to_owned(),
        };
        let slot = ["popup", "bar", "home"][number % 3];
        writeln!(
            text,
            "[[offers]]\nid = \"o{number}\"\nslot = \"{slot}\"\npriority = {number}\nwhen = {when}\n\
             content.nl = {{ title = \"Aanbieding {number}\" }}"
        )
        .unwrap();
    }
    text
}

/// The touch at a place of a ledger: visits of six touches, three hours apart, a minute between two touches.
pub(crate) fn touch(number: usize) -> Touch {
    let (visit, step) = (number / VISIT.len(), number % VISIT.len());
    let minutes = i64::try_from(visit * 180 + step).unwrap();
    let name = EventName::parse(VISIT[step]).unwrap();
    let stream = StreamId::parse("q83vEjRWeJCrze8S").unwrap();
    let id = TouchId::parse(&format!("q83vEjRWeJCrze8S:{number}")).unwrap();
    let page = PageFacts {
        host: Text::cut("www.shop.example"),
        path: Text::cut(["/", "/price", "/dames/jassen/regenjas", "/price/list"][number % 4]),
        title: Some(Text::cut("Regenjassen | Shop")),
    };
    let source = SourceFacts { channel: Channel::Email, campaign: Some("zomer".into()), ..SourceFacts::default() };
    let value = (step == 4).then_some(Money { minor: 4_995, currency: Currency::EUR });
    Touch {
        page: Some(page),
        source,
        value,
        country: Some("NL".into()),
        properties: Properties::default(),
        ..Touch::new(id, name, stream, Millis(START.0 + minutes * 60_000))
    }
}

/// A lead of so many touches.
pub(crate) fn lead(touches: usize) -> Lead {
    let mut lead = Lead::default();
    for number in 0..touches {
        record(&mut lead, touch(number), &LedgerLimits::default());
    }
    lead
}

/// A minute after the last touch of a lead.
pub(crate) fn now(lead: &Lead) -> Millis {
    lead.last_touched().map_or(START, |last| Millis(last.0 + 60_000))
}

/// A page that asks what to show.
pub(crate) fn moment() -> Moment {
    let page = PageFacts { host: Text::cut("www.shop.example"), path: Text::cut("/dames/jassen"), title: None };
    let slots = ["popup", "bar", "home"].map(|slot| Slot::parse(slot).unwrap());
    Moment { page: Some(page), slots: slots.into(), language: Some("nl".to_owned()), ..Moment::default() }
}
