//! The texts of the page about offers, in every language, side by side.

use engine::Span;

use super::language::Language;
use crate::study::{ENOUGH_ORDERS, ExperimentReport, SHOWN, Verdict};

macro_rules! texts {
    ($($name:ident: $dutch:literal, $english:literal;)*) => {
        /// The fixed texts of one language.
        pub(super) struct Texts { $(pub(super) $name: &'static str,)* }

        const DUTCH: Texts = Texts { $($name: $dutch,)* };
        const ENGLISH: Texts = Texts { $($name: $english,)* };
    };
}

texts! {
    offers: "Aanbiedingen", "Offers";
    views: "Overzichten", "Views";
    none_title: "Nog geen aanbiedingen", "No offers yet";
    none_text: "Zet een aanbieding in het model van deze winkel; hier staat daarna wat zij oplevert.",
        "Put an offer into the model of this shop; then this page tells what it brings.";
    nobody: "Nog niemand heeft deze aanbieding gezien.", "Nobody has met this offer yet.";
    group: "Groep", "Group";
    by_stage: "Naar fase op het moment dat zij haar tegenkwamen", "By stage when they met it";
    visitors: "Bezoekers", "Visitors";
    counted: "Meegeteld", "Counted";
    bought: "Kochten", "Bought";
    revenue: "Omzet", "Revenue";
    cost: "Kosten codes", "Codes cost";
    margin: "Marge", "Margin";
    beside_margin: "Marge per bezoeker, naast niets tonen", "Margin a visitor, beside showing nothing";
    beside_revenue: "Omzet per bezoeker, naast niets tonen", "Revenue a visitor, beside showing nothing";
    between_note: "‘Tussen’ is met 95 % zekerheid, hoe vaak u ook kijkt. Staat 0 ertussen, dan kan het verschil toeval zijn. Alleen bestellingen die uw server meldt tellen mee.",
        "“Between” holds with 95 % certainty, however often you look. With 0 in between, the difference may be chance. Only orders that your server tells of count.";
    no_margin: "Zet [economics] margin in het model, dan oordeelt deze pagina over marge in plaats van omzet: korting verkoopt altijd meer.",
        "Put [economics] margin into the model, and this page judges margin instead of revenue: a discount always sells more.";
}

impl Language {
    /// The fixed texts about offers.
    pub(super) const fn offer_texts(self) -> &'static Texts {
        match self {
            Self::Dutch => &DUTCH,
            Self::English => &ENGLISH,
        }
    }

    /// Who is looked at.
    pub(super) fn period(self, since: Span, window: Span) -> String {
        let days = since.0 / 86_400_000;
        let window = self.span(window);
        match self {
            Self::Dutch => format!(
                "Bezoekers die een aanbieding in de afgelopen {days} dagen voor het eerst tegenkwamen. Een bezoeker telt mee zodra er \
                 sindsdien {window} voorbij zijn; daarna verandert er niets meer aan."
            ),
            Self::English => format!(
                "Visitors who first met an offer in the last {days} days. A visitor counts once {window} have passed since then, and \
                 nothing about it changes afterwards."
            ),
        }
    }

    /// What is to be said of an offer.
    pub(super) fn verdict(self, verdict: &Verdict, by_margin: bool) -> String {
        let what = if by_margin { self.either("marge", "margin") } else { self.either("omzet", "revenue") };
        match (self, verdict) {
            (Self::Dutch, Verdict::Earns) => format!("Levert meer {what} op dan niets tonen."),
            (Self::English, Verdict::Earns) => format!("Brings more {what} than showing nothing."),
            (Self::Dutch, Verdict::Costs) => format!("Levert minder {what} op dan niets tonen: deze aanbieding kost geld."),
            (Self::English, Verdict::Costs) => format!("Brings less {what} than showing nothing: this offer costs money."),
            (_, Verdict::TooEarly { visitors: Some(more) }) => {
                let more = self.count(*more);
                match self {
                    Self::Dutch => format!("Nog geen oordeel: er zijn nog ongeveer {more} bezoekers nodig."),
                    Self::English => format!("No verdict yet: needs about {more} more visitors."),
                }
            }
            (Self::Dutch, Verdict::TooEarly { visitors: None }) => {
                format!("Nog geen oordeel: in elke groep moeten eerst {ENOUGH_ORDERS} bezoekers iets kopen.")
            }
            (Self::English, Verdict::TooEarly { visitors: None }) => {
                format!("No verdict yet: first {ENOUGH_ORDERS} visitors of each group must buy something.")
            }
            (_, Verdict::NoHoldout) => self
                .either(
                    "Geen oordeel: iedereen ziet deze aanbieding (holdout = \"0%\"), dus valt er niets te vergelijken.",
                    "No verdict: everybody sees this offer (holdout = \"0%\"), so there is nothing to compare with.",
                )
                .to_owned(),
            (_, Verdict::SampleRatio) => self
                .either(
                    "Geen oordeel: de groepen zijn niet zo groot als ze horen te zijn. Iets verliest bezoekers van één groep; vertrouw geen getal hieronder tot dat gevonden is.",
                    "No verdict: the groups are not as large as they should be. Something loses visitors of one of them; trust no number below until that is found.",
                )
                .to_owned(),
        }
    }

    /// What was seen: how many of each group, and which share of them bought.
    pub(super) fn story(self, shown: (u64, &str), holdout: (u64, &str)) -> String {
        let (saw, did_not) = (self.count(shown.0), self.count(holdout.0));
        match self {
            Self::Dutch => format!(
                "Van de {saw} bezoekers die haar zagen kocht {}; van de {did_not} die haar zouden zien maar niets te zien kregen {}.",
                shown.1, holdout.1
            ),
            Self::English => format!(
                "Of {saw} visitors who saw it {} bought; of {did_not} who would have seen it and were shown nothing, {}.",
                shown.1, holdout.1
            ),
        }
    }

    /// What to know of the numbers before believing them.
    pub(super) fn warnings(self, offer: &ExperimentReport) -> Vec<String> {
        let told = [
            (
                offer.divided_otherwise,
                "bezoekers tellen niet mee: zij werden anders verdeeld dan het model nu doet.",
                "visitors are left out: they were divided otherwise than the model does now.",
            ),
            (
                offer.met_several,
                "bezoekers zagen meer dan één variant, omdat twee van hen één mens bleken. Zij tellen waar zij het eerst waren.",
                "visitors met several variants, since two of them turned out to be one person. They count where they came first.",
            ),
            (
                offer.orders_without_value,
                "bestellingen hebben geen bedrag in deze munt en brengen hier niets op.",
                "orders have no value in this currency and bring nothing here.",
            ),
        ];
        let told = told.into_iter().filter(|(count, ..)| *count > 0);
        told.map(|(count, dutch, english)| format!("{} {}", self.count(count), self.either(dutch, english))).collect()
    }

    /// A group of visitors by its variant.
    pub(super) fn variant(self, variant: &str) -> String {
        match variant {
            engine::HOLDOUT => self.either("niets getoond", "shown nothing").to_owned(),
            engine::model::DEFAULT | SHOWN => self.either("getoond", "shown").to_owned(),
            other => other.to_owned(),
        }
    }

    /// The two ends of an interval.
    pub(super) fn between(self, low: &str, high: &str) -> String {
        format!("{} {low} {} {high}", self.either("tussen", "between"), self.either("en", "and"))
    }

    /// A count with its thousands apart.
    pub(super) fn count(self, count: u64) -> String {
        let digits = count.to_string();
        let mut shown = String::new();
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && (digits.len() - place).is_multiple_of(3) {
                shown.push_str(self.either(".", ","));
            }
            shown.push(digit);
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_their_thousands_apart() {
        assert_eq!(
            [7, 999, 1_000, 1_234_567].map(|count| Language::Dutch.count(count)),
            ["7", "999", "1.000", "1.234.567"]
        );
        assert_eq!(Language::English.count(12_345), "12,345");
    }
}
