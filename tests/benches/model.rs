//! The model of the bench: fifty rules, as the engine's own bench has them
//! (`collector/crates/engine/benches/engine/median.rs`), and fifty offers. As in a shop, most of what is asked is answered with
//! nothing: of a hundred decisions one or two show an offer, and each offer is shown to a visitor once.

use std::fmt::Write as _;

/// Event names that rules are about.
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

const HEAD: &str = r#"
version = 1
name = "bench"
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
"#;

/// The model as a file has it.
pub(crate) fn text() -> String {
    let mut text = HEAD.to_owned();
    for (number, name) in NAMES.iter().enumerate() {
        let event = format!("{{ field = \"event\", eq = \"{name}\" }}");
        add_rule(&mut text, number, &event, "per = { times = 5, every = \"1d\" }");
        let from_mail = format!("{{ all = [{event}, {{ field = \"channel\", eq = \"email\" }}] }}");
        add_rule(&mut text, 20 + number, &from_mail, "per = { times = 1, every = \"1d\" }");
        if number % 2 == 0 {
            let on_price = format!("{{ all = [{event}, {{ field = \"page.tag\", has = \"price\" }}] }}");
            add_rule(&mut text, 40 + number / 2, &on_price, "per = { times = 1, every = \"1d\" }");
        }
    }
    for number in 0..50 {
        add_offer(&mut text, number);
    }
    text
}

fn add_rule(text: &mut String, number: usize, when: &str, limit: &str) {
    let points = number % 20 + 1;
    add(text, format_args!("[[rules]]\nid = \"r{number}\"\nwhen = {when}\npoints = {points}\n{limit}\n"));
}

fn add_offer(text: &mut String, number: usize) {
    let when = match number % 5 {
        0 => "{ all = [{ field = \"stage\", gte = \"hot\" }, { field = \"visit.number\", gte = 6 }] }".to_owned(),
        1 => format!("{{ field = \"page.path\", glob = \"/category-{number}/**\" }}"),
        2 => "{ all = [{ field = \"label\", has = \"price\" }, { field = \"attribute.newsletter\", eq = true }] }".to_owned(),
        3 => "{ field = \"visit.number\", gte = 12 }".to_owned(),
        _ => "{ sequence = [{ field = \"event\", eq = \"add_to_cart\" }, { field = \"event\", eq = \"begin_checkout\" }], \
              without = { field = \"event\", in = [\"page_view\", \"purchase\"] }, within = \"30m\" }"
            .to_owned(),
    };
    let slot = ["popup", "bar", "home"][number % 3];
    add(
        text,
        format_args!(
            "[[offers]]\nid = \"o{number}\"\nslot = \"{slot}\"\npriority = {number}\nwhen = {when}\n\
             frequency = {{ per_visitor = 1 }}\n\
             content.nl = {{ title = \"Aanbieding {number}\", text = \"Alleen deze week.\" }}\n"
        ),
    );
}

fn add(text: &mut String, more: std::fmt::Arguments<'_>) {
    // A string takes everything.
    text.write_fmt(more).ok();
}
