//! Offers on a lead's page: which would show on the page that the visitor saw last, why the others do not, and what would show them.

use engine::decide::{Audience, Becomes, Change, Explained, Range, Remedy};
use engine::{Lead, Millis, Model, Moment, PageFacts, Points, PoolName, Reason, StageIndex, Touch};

use super::language::Language;
use super::when::{Times, When};
use crate::explain;

/// One offer.
pub(super) struct OfferRow {
    pub(super) id: String,
    pub(super) slot: String,
    /// Why it does not show; `None`: it does.
    pub(super) refused: Option<Refused>,
}

/// Why an offer does not show, and what would show it.
pub(super) struct Refused {
    pub(super) why: &'static str,
    pub(super) code: &'static str,
    /// The part of the condition, as the model has it.
    pub(super) detail: String,
    /// What would have to be otherwise; empty where nothing helps.
    pub(super) needs: Vec<String>,
    /// Said instead of what would show it.
    pub(super) nothing: Option<&'static str>,
    /// When it shows by itself.
    pub(super) until: Option<When>,
}

/// The page that the visitor saw last.
pub(super) fn last_page(lead: &Lead) -> Option<&PageFacts> {
    lead.touches().iter().rev().filter(|touch| !touch.is_fold()).find_map(|touch: &Touch| touch.page.as_ref())
}

/// Every offer of the model, as the page that the visitor saw last would find it if it could fill every slot.
pub(super) fn rows(
    lead: &Lead,
    model: &Model,
    empty_pools: Vec<PoolName>,
    now: Millis,
    times: &Times<'_>,
) -> Vec<OfferRow> {
    let mut slots: Vec<_> = model.offers.iter().map(|offer| offer.slot.clone()).collect();
    slots.sort_unstable();
    slots.dedup();
    let moment = Moment { page: last_page(lead).cloned(), slots, empty_pools, ..Moment::default() };
    explain::of_lead(lead, model, &moment, now).into_iter().map(|one| row(one, model, times)).collect()
}

fn row(explained: Explained, model: &Model, times: &Times<'_>) -> OfferRow {
    let language = times.language;
    let refused = explained.refusal.map(|(reason, detail)| {
        let (needs, nothing) = match explained.remedy {
            Some(Remedy::Changes { changes, .. }) => {
                (changes.into_iter().map(|change| language.need(change, model, times)).collect(), None)
            }
            Some(Remedy::TooLarge) => (Vec::new(), Some(language.too_large())),
            Some(Remedy::NotChangeable(..)) | None => (Vec::new(), Some(language.not_changeable())),
        };
        let until = explained.until.map(|at| times.at(at));
        Refused { why: language.offer_refusal(reason), code: reason.code(), detail, needs, nothing, until }
    });
    OfferRow { id: explained.offer.to_string(), slot: explained.slot.to_string(), refused }
}

impl Language {
    pub(super) const fn offers_title(self) -> &'static str {
        self.either("Aanbiedingen", "Offers")
    }

    /// Which page it is about.
    pub(super) fn offers_text(self, page: Option<&PageFacts>) -> String {
        match (self, page) {
            (Self::Dutch, Some(page)) => {
                format!("Op de pagina die deze bezoeker het laatst zag: {}", page.path.as_str())
            }
            (Self::English, Some(page)) => format!("On the page that this visitor saw last: {}", page.path.as_str()),
            (_, None) => {
                self.either("Deze bezoeker zag nog geen pagina.", "This visitor has seen no page yet.").to_owned()
            }
        }
    }

    pub(super) const fn offer_shows(self) -> &'static str {
        self.either("Zou nu verschijnen", "Would show now")
    }

    pub(super) const fn not_because(self) -> &'static str {
        self.either("Verschijnt niet:", "Does not show:")
    }

    pub(super) const fn would_show_if(self) -> &'static str {
        self.either("Zou verschijnen met:", "Would show with:")
    }

    pub(super) const fn by_itself(self) -> &'static str {
        self.either("Vanzelf, als er niets gebeurt:", "By itself, if nothing happens:")
    }

    const fn not_changeable(self) -> &'static str {
        self.either("Niets verandert dat nog voor deze bezoeker.", "Nothing changes that for this visitor any more.")
    }

    const fn too_large(self) -> &'static str {
        self.either("De voorwaarden zijn te groot om dat na te gaan.", "The conditions are too large to find out.")
    }

    /// Why an offer does not show.
    const fn offer_refusal(self, reason: Reason) -> &'static str {
        match reason {
            Reason::SequenceNotMatched => {
                self.either("wat eraan voorafgaat is niet gebeurd", "what comes before it did not happen")
            }
            Reason::StageTooLow => self.either("de fase is te laag", "the stage is too low"),
            Reason::StageNotAllowed => self.either("bedoeld voor een andere fase", "it is for another stage"),
            Reason::ScoreNotMatched => {
                self.either("de score is te hoog of te laag", "the score is too high or too low")
            }
            Reason::LabelMissing => self.either("een label ontbreekt", "a label is missing"),
            Reason::LabelExcludes => self.either("een label sluit dit uit", "a label rules it out"),
            Reason::AttributeNotMatched => self.either("een kenmerk past niet", "an attribute does not fit"),
            Reason::PageNotMatched => self.either("bedoeld voor een andere pagina", "it is for another page"),
            Reason::CartNotMatched => self.either("de winkelmand past niet", "the cart does not fit"),
            Reason::VisitNotMatched => self.either("bedoeld voor een ander bezoek", "it is for another visit"),
            Reason::CountNotMatched => {
                self.either("er gebeurde iets te vaak of te zelden", "something happened too often or too seldom")
            }
            Reason::LastSeenNotMatched => self
                .either("de bezoeker is te kort of te lang weg", "the visitor has been away too long or too briefly"),
            Reason::DateNotMatched => {
                self.either("het is een andere tijd van het jaar", "it is another time of the year")
            }
            Reason::AudienceNotMatched => self.either("bedoeld voor andere bezoekers", "it is for other visitors"),
            Reason::ContextNotMatched => {
                self.either("de pagina zegt iets anders over zichzelf", "the page says something else about itself")
            }
            Reason::SlotNotOffered => {
                self.either("de pagina heeft er geen plaats voor", "the page has no place for it")
            }
            Reason::NotYet => self.either("begint later", "it begins later"),
            Reason::Ended => self.either("is voorbij", "it is over"),
            Reason::AlreadyShown => self.either("vaak genoeg getoond", "shown often enough"),
            Reason::Reserved => self.either("staat al klaar op een pagina", "a page has it at hand already"),
            Reason::GoalReached => self.either("het doel is al bereikt", "its goal is reached already"),
            Reason::ShownThisSession => {
                self.either("in dit bezoek vaak genoeg getoond", "shown often enough in this visit")
            }
            Reason::ShownRecently => self.either("kort geleden nog getoond", "shown a short while ago"),
            Reason::DismissedRecently => self.either("kort geleden weggeklikt", "closed a short while ago"),
            Reason::MinGap => self.either("te kort na een andere aanbieding", "too soon after another offer"),
            Reason::SessionFull => {
                self.either("genoeg aanbiedingen in dit bezoek", "there were enough offers in this visit")
            }
            Reason::DayFull => self.either("genoeg aanbiedingen vandaag", "there were enough offers today"),
            Reason::OffersDismissed => self.either(
                "de bezoeker klikte aanbiedingen weg en wordt een tijd met rust gelaten",
                "the visitor closed offers and is left alone for a while",
            ),
            Reason::BudgetSpent => self.either("het budget is op", "the budget is spent"),
            Reason::Unavailable => self.either(
                "of er nog budget is, valt nu niet na te gaan",
                "whether there is any budget left cannot be found out now",
            ),
            Reason::Holdout => self.either(
                "deze bezoeker krijgt ter vergelijking niets te zien",
                "this visitor is shown nothing, for comparison",
            ),
            Reason::PoolEmpty => self.either("de kortingscodes zijn op", "there are no codes left"),
            Reason::LowerPriority => self.either("een andere aanbieding gaat voor", "another offer comes first"),
            _ => self.either("de voorwaarde geldt niet", "its condition does not hold"),
        }
    }

    /// One change, in words.
    fn need(self, change: Change, model: &Model, times: &Times<'_>) -> String {
        let plain = |number: i64| number.to_string();
        match change.becomes {
            Becomes::Wait { until } => {
                format!("{} {}", self.either("wachten tot", "waiting until"), times.at(until).absolute)
            }
            Becomes::Slot { slot } => {
                format!("{} ‘{slot}’", self.either("een pagina met de plaats", "a page with the place"))
            }
            Becomes::OfferAbsent { offer } => {
                format!("{} ‘{offer}’", self.either("zonder de aanbieding", "without the offer"))
            }
            Becomes::PoolFilled { pool } => format!("{} ‘{pool}’", self.either("nieuwe codes in", "new codes in")),
            Becomes::Score { score, range } => {
                let title = model.scores.get(score).map_or("", |score| &*score.title);
                format!("{} {}", self.title(title), self.points_range(range))
            }
            Becomes::Stage { range } => {
                let stage = |place| self.stage(model.stages.name(StageIndex(place))).to_owned();
                format!("{} {}", self.either("fase", "stage"), self.range(range, stage))
            }
            Becomes::Label { label, present: true } => format!("{} ‘{label}’", self.either("het label", "the label")),
            Becomes::Label { label, present: false } => {
                format!("{} ‘{label}’", self.either("zonder het label", "without the label"))
            }
            Becomes::Attribute { name, value: Some(value) } => {
                format!("{} {}: {}", self.either("kenmerk", "attribute"), name.as_str(), self.scalar(&value))
            }
            Becomes::Attribute { name, value: None } => {
                format!("{} {}", self.either("zonder het kenmerk", "without the attribute"), name.as_str())
            }
            Becomes::Page { page: Some(page) } => {
                format!("{} {}", self.either("een pagina zoals", "a page such as"), page.path.as_str())
            }
            Becomes::Page { page: None } => {
                self.either("geen pagina met een adres", "no page with an address").to_owned()
            }
            Becomes::Cart { quantity, value } => {
                let quantity = quantity.map(|range| self.range(range, |pieces| self.pieces(pieces)));
                let value = value.map(|range| self.range(range, |money| self.money(money)));
                let both: Vec<String> = quantity.into_iter().chain(value).collect();
                format!("{} {}", self.either("in de winkelmand", "in the cart"), both.join(", "))
            }
            Becomes::Events { name, times } => {
                let event = self.event(&name).map_or(name.clone(), str::to_owned);
                format!("‘{event}’ {}", self.times_more(times))
            }
            Becomes::Visits { more } => format!("{} {}", self.either("een bezoek,", "a visit,"), self.times_more(more)),
            Becomes::Touchpoints { range } => {
                format!("{} {}", self.range(range, plain), self.either("contactmomenten", "distinct touches"))
            }
            Becomes::Seen => self.either("de bezoeker doet nu iets", "the visitor does something now").to_owned(),
            Becomes::Sequence { steps } => {
                format!("{} {steps}", self.either("nu gebeurt nog:", "what still happens now:"))
            }
            Becomes::Audience(audience) => self.audience(audience),
            Becomes::Context { name, value } => {
                let value = value.map_or_else(|| self.words().none.to_owned(), |value| self.scalar(&value));
                format!("{} {}: {value}", self.either("de pagina zegt", "the page says"), name.as_str())
            }
        }
    }

    fn audience(self, audience: Audience) -> String {
        let unknown = || self.words().unknown.to_owned();
        let (name, value) = match audience {
            Audience::Consent(state) => (self.either("Toestemming", "Consent"), state),
            Audience::Country(country) => (self.words().country, country.unwrap_or_else(unknown)),
            Audience::Language(language) => (self.words().language, language.unwrap_or_else(unknown)),
            Audience::Device(device) => {
                (self.words().device, device.map_or_else(unknown, |device| self.device(device).to_owned()))
            }
            Audience::Channel(channel) => {
                (self.words().channel, channel.map_or_else(unknown, |channel| self.channel(channel).to_owned()))
            }
        };
        format!("{name}: {value}")
    }

    fn times_more(self, times: u32) -> String {
        match (self, times) {
            (Self::Dutch, _) => format!("nog {times} keer"),
            (Self::English, 1) => "once more".to_owned(),
            (Self::English, _) => format!("{times} times more"),
        }
    }

    /// From one to another, both included.
    fn range<T: PartialEq + Copy>(self, range: Range<T>, text: impl Fn(T) -> String) -> String {
        match (range.at_least, range.at_most) {
            (Some(least), Some(most)) if least == most => text(least),
            (Some(least), Some(most)) => format!("{} {} {}", text(least), self.either("tot en met", "to"), text(most)),
            (Some(least), None) => format!("{} {}", self.either("minstens", "at least"), text(least)),
            (None, Some(most)) => format!("{} {}", self.either("hoogstens", "at most"), text(most)),
            (None, None) => self.words().unknown.to_owned(),
        }
    }

    /// A range of points: "below 70" rather than "at most 69.999999".
    fn points_range(self, range: Range<Points>) -> String {
        let round = |points: Points| points.0 % 10 == 0;
        let least = range.at_least.map(|least| {
            let beside = Points(least.0.saturating_sub(1));
            let above = !round(least) && round(beside);
            let words = if above { self.either("boven", "above") } else { self.either("minstens", "at least") };
            format!("{words} {}", self.number(&if above { beside } else { least }.to_string()))
        });
        let most = range.at_most.map(|most| {
            let beside = Points(most.0.saturating_add(1));
            let below = !round(most) && round(beside);
            let words = if below { self.either("onder", "below") } else { self.either("hoogstens", "at most") };
            format!("{words} {}", self.number(&if below { beside } else { most }.to_string()))
        });
        let ends: Vec<String> = least.into_iter().chain(most).collect();
        ends.join(self.either(" en ", " and "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_points_are_said_by_the_thresholds_that_the_model_has() {
        let range = |at_least: Option<i64>, at_most: Option<i64>| Range {
            at_least: at_least.map(Points),
            at_most: at_most.map(Points),
        };
        let (dutch, english) = (Language::Dutch, Language::English);
        assert_eq!(english.points_range(range(Some(30_000_000), Some(69_999_999))), "at least 30 and below 70");
        assert_eq!(dutch.points_range(range(Some(70_000_001), None)), "boven 70");
        assert_eq!(dutch.points_range(range(None, Some(12_500_000))), "hoogstens 12,5");
    }
}
