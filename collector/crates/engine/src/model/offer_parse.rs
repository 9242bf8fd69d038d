//! From the text of a model to its offers.

use super::coupon_parse::{coupon, prefix_of_another};
use super::experiment::experiment;
use super::limit_parse::{budget, check_costs, frequency};
use super::parse::{day, when};
use super::reader::{Faults, Table, boolean, integer, short_text};
use super::trigger::trigger;
use super::{LocalisedContent, Offer, OfferContent, OfferPolicy, Reveal, SiteFacts, Slot, price_note};
use crate::calendar::{day_begins, day_ends};
use crate::condition::{Condition, Names, Scope};
use crate::touch::{EventName, OfferId};
use crate::tree::Tree;

const OFFER: [&str; 16] = [
    "id",
    "slot",
    "priority",
    "when",
    "from",
    "until",
    "content",
    "trigger",
    "goal",
    "coupon",
    "price_personalised",
    "frequency",
    "budget",
    "holdout",
    "variants",
    "seed",
];
const WORDS: [&str; 10] = [
    "title",
    "text",
    "button",
    "decline",
    "placeholder",
    "success_title",
    "success_text",
    "link",
    "disclosure",
    price_note::KEY,
];
const ID: &str = "1 to 64 of a-z A-Z 0-9 _ . -";
const DAY: &str = "a day such as 2026-10-01, in the site's time zone";
/// The most bytes that one text of an offer may have.
pub(super) const LONGEST_TEXT: usize = 1_000;

pub(super) fn offers(
    top: &Table<'_>,
    names: &Names<'_>,
    site: &SiteFacts,
    policy: OfferPolicy,
    faults: &mut Faults,
) -> Vec<Offer> {
    let mut offers: Vec<Offer> = Vec::new();
    let mut ids: Vec<OfferId> = Vec::new();
    for table in top.tables("offers", &OFFER, faults) {
        let id = table.required("id", ID, faults, |tree| OfferId::parse(tree.text()?).ok());
        if let Some(id) = &id {
            if ids.contains(id) {
                faults.add(&table.inner("id"), table.line, format!("\"{id}\" again"), "an id that no other offer has");
            }
            ids.push(id.clone());
        }
        let offer = offer(&table, id, names, site, faults);
        prefix_of_another(&table, offer.as_ref(), &offers, faults);
        if let Some(offer) = &offer {
            check_costs(&table, offer.budget, offer.coupon.as_ref(), policy.budget.counts_money(), faults);
        }
        offers.extend(offer);
    }
    offers
}

fn offer(
    table: &Table<'_>,
    id: Option<OfferId>,
    names: &Names<'_>,
    site: &SiteFacts,
    faults: &mut Faults,
) -> Option<Offer> {
    let slot_allowed = "popup, bar, slide-in, or the name of an inline place: 1 to 64 of a-z A-Z 0-9 _ . -";
    let slot = table.required("slot", slot_allowed, faults, |tree| Slot::parse(tree.text()?).ok());
    let priority = table.optional("priority", "a whole number from -1000 to 1000", faults, |tree| {
        integer(tree).filter(|priority| (-1_000..=1_000).contains(priority))
    });
    let when = match table.get("when") {
        Some(_) => when(table, Scope::Moment, names, faults),
        None => Some(Condition::All(Vec::new())),
    };
    let from = table.optional("from", DAY, faults, |tree| day_begins(day(tree)?, &site.offsets));
    let until = table.optional("until", DAY, faults, |tree| day_ends(day(tree)?, &site.offsets));
    if let (Some(from), Some(until)) = (from, until)
        && until <= from
    {
        let line = table.get("until").and_then(|tree| tree.line);
        faults.add(&table.inner("until"), line, "a day before from", "the last day of the offer, from or later");
    }
    let trigger = trigger(table, faults);
    let goal_allowed = "an event name: 1 to 64 of a-z A-Z 0-9 _ . : -";
    let goal = table.optional("goal", goal_allowed, faults, |tree| EventName::parse(tree.text()?).ok());
    let coupon = coupon(table, site, faults);
    if coupon.as_ref().is_some_and(|coupon| coupon.reveal == Reveal::Goal) && table.get("goal").is_none() {
        faults.add(&table.inner("goal"), table.line, "nothing", "the event that reveals the code, such as sign_up");
    }
    let personalised = table.optional("price_personalised", "true or false", faults, boolean);
    let personalised = personalised
        .unwrap_or_else(|| table.get("coupon").is_some() && when.as_ref().is_some_and(price_note::is_personal));
    let content = content(table, personalised, faults);
    let frequency = frequency(table, faults);
    let budget = budget(table, site.currency, faults);
    let experiment = experiment(table, personalised, faults);
    Some(Offer {
        id: id?,
        slot: slot?,
        priority: priority.unwrap_or_default(),
        when: when?,
        from,
        until,
        content: content?,
        trigger,
        goal,
        coupon,
        price_personalised: personalised,
        frequency,
        budget,
        experiment,
    })
}

/// `[offers.content]`: the field, and a table of words for each language. The first language of the file is the
/// fallback, or the one that `fallback` names. Where the price is `personalised` the small print says so.
pub(super) fn content(table: &Table<'_>, personalised: bool, faults: &mut Faults) -> Option<LocalisedContent> {
    let path = table.inner("content");
    let Some(tree) = table.get("content") else {
        faults.add(&path, table.line, "nothing", "[offers.content] with the words of at least one language");
        return None;
    };
    let content = Table::open(path, tree, faults)?;
    let field = content
        .optional("field", "\"email\"", faults, |tree| tree.text().filter(|text| *text == "email").map(str::to_owned));
    let mut languages = Vec::new();
    for (key, tree) in content.entries().filter(|(key, _)| !matches!(*key, "field" | "fallback")) {
        if key.len() != 2 || !key.bytes().all(|byte| byte.is_ascii_lowercase()) {
            faults.add(
                &content.inner(key),
                tree.line,
                "an unknown key",
                "field, fallback, or a language such as nl, en",
            );
            continue;
        }
        if let Some(words) = Table::at(content.inner(key), tree, &WORDS, faults) {
            let mut content = self::words(&words, faults);
            if personalised {
                let note = price_note::note(&words, key);
                content.disclosure =
                    Some(content.disclosure.iter().map(String::as_str).chain([note]).collect::<Vec<_>>().join(" "));
            }
            languages.push((tree.line, key.to_owned(), content));
        }
    }
    if languages.is_empty() {
        faults.add(
            &content.path,
            content.line,
            "no language",
            "the words of at least one language, such as content.nl",
        );
    }
    // A table of TOML is read by key; the place in the file says which came first.
    languages.sort_by_key(|(line, ..)| *line);
    let fallback = content.optional("fallback", "a language that has words here", faults, |tree| {
        tree.text().filter(|text| languages.iter().any(|(_, language, _)| language == text))
    });
    languages.sort_by_key(|(_, language, _)| fallback != Some(language.as_str()));
    let languages = languages.into_iter().map(|(_, language, words)| (language, words)).collect();
    Some(LocalisedContent { field, languages })
}

fn words(table: &Table<'_>, faults: &mut Faults) -> OfferContent {
    let allowed = format!("text of 1 to {LONGEST_TEXT} bytes");
    let mut text =
        |key| table.optional(key, &allowed, faults, |tree| short_text(tree, LONGEST_TEXT).map(str::to_owned));
    let (title, body) = (text("title"), text("text"));
    let mut content = OfferContent {
        title: title.unwrap_or_default(),
        text: body.unwrap_or_default(),
        button: text("button"),
        decline: text("decline"),
        placeholder: text("placeholder"),
        success_title: text("success_title"),
        success_text: text("success_text"),
        link: None,
        disclosure: text("disclosure"),
    };
    // Added to the small print where it is to be said.
    text(price_note::KEY);
    if table.get("title").is_none() {
        faults.add(&table.inner("title"), table.line, "nothing", allowed);
    }
    let link_allowed = "a path of the shop (/jassen), or an https:// address";
    content.link = table.optional("link", link_allowed, faults, |tree| safe_link(tree).map(str::to_owned));
    content
}

/// Only where a visitor can safely be sent: a `javascript:` address in a model must not become a script in the shop.
fn safe_link(tree: &Tree) -> Option<&str> {
    let link = short_text(tree, LONGEST_TEXT)?;
    let own = link.starts_with('/') && !link.starts_with("//") && !link.starts_with("/\\");
    let clean = link.bytes().all(|byte| byte.is_ascii_graphic());
    (clean && (own || link.starts_with("https://"))).then_some(link)
}
