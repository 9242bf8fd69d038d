//! The words of an explanation: rules, limits, and why a stage is what it is.

use engine::{Points, Span};

use super::language::Language;
use super::titles;

impl Language {
    /// The title of a rule or score. Those of the presets are known in Dutch too; a shop's own are as the shop wrote them.
    pub(super) fn title(self, title: &str) -> &str {
        match self {
            Self::Dutch => titles::dutch(title).unwrap_or(title),
            Self::English => title,
        }
    }

    /// The line of a rule's cap.
    pub(super) fn rule_cap(self, title: &str, cap: Points) -> String {
        self.cap(self.title(title), cap)
    }

    /// The line of the cap on what the browser gives.
    pub(super) fn browser_cap(self, cap: Points, every: Span) -> String {
        let (cap, every) = (self.number(&cap.to_string()), self.span(every));
        match self {
            Self::Dutch => format!("De browser geeft hoogstens {cap} in {every}"),
            Self::English => format!("The browser gives at most {cap} within {every}"),
        }
    }

    /// The line of a floor.
    pub(super) fn floor(self, at: Points) -> String {
        match self {
            Self::Dutch => format!("Nooit onder {}", self.points(at)),
            Self::English => format!("Never below {}", self.points(at)),
        }
    }

    /// The line of a ceiling.
    pub(super) fn ceiling(self, at: Points) -> String {
        match self {
            Self::Dutch => format!("Nooit boven {}", self.points(at)),
            Self::English => format!("Never above {}", self.points(at)),
        }
    }

    /// The line of a cap of a group or a score.
    pub(super) fn cap(self, name: &str, cap: Points) -> String {
        let cap = self.number(&cap.to_string());
        match self {
            Self::Dutch => format!("{name}: samen hoogstens {cap}"),
            Self::English => format!("{name}: at most {cap} together"),
        }
    }

    /// The stage is a touch's doing.
    pub(super) fn because_touch(self, rule: &str) -> String {
        match self {
            Self::Dutch => format!("door ‘{}’", self.title(rule)),
            Self::English => format!("because of ‘{}’", self.title(rule)),
        }
    }

    /// The stage came because something began or ceased to hold.
    pub(super) fn because_state(self, rule: &str) -> String {
        match self {
            Self::Dutch => format!("door ‘{}’, dat begon of niet meer gold", self.title(rule)),
            Self::English => format!("because ‘{}’ began or ceased to hold", self.title(rule)),
        }
    }

    /// The lead was handed back.
    pub(super) fn because_handed_back(self, rule: &str) -> String {
        match self {
            Self::Dutch => format!("teruggegeven door ‘{}’; wat daarvoor kwam telt niet meer", self.title(rule)),
            Self::English => format!("handed back by ‘{}’; what came before counts no more", self.title(rule)),
        }
    }

    /// The stage came by cooling.
    pub(super) const fn because_cooling(self) -> &'static str {
        self.either("doordat punten afkoelden of verliepen", "because points cooled or expired")
    }

    /// The stage never was another.
    pub(super) const fn because_initial(self) -> &'static str {
        self.either("sinds de eerste gebeurtenis", "since the first event")
    }

    /// Why an event became no touch, by the code of its receipt or its outcome.
    pub(super) fn refusal(self, code: &str) -> &'static str {
        match code {
            "missing_field" => self.either("een verplicht veld ontbreekt", "a required field is missing"),
            "wrong_type" => self.either("een veld is van een ander type", "a field is of another type"),
            "bad_name" => self.either("de naam is niet toegestaan", "the name is not allowed"),
            "reserved_name" => self.either("die naam gebruikt alleen Gloed zelf", "only Gloed itself uses that name"),
            "bad_amount" => self.either("het bedrag klopt niet", "the amount is not right"),
            "time_out_of_bounds" => self.either("de tijd kan niet kloppen", "the time cannot be right"),
            "stale" => self.either("kwam meer dan zeven dagen te laat", "came more than seven days late"),
            "conflict" => self.either(
                "hetzelfde nummer had al een andere inhoud; één van de twee telt",
                "the same number had another content before; one of the two counts",
            ),
            "over_limit" => self.either(
                "meer gebeurtenissen in één week dan een lead bewaart",
                "more events in one week than a lead keeps",
            ),
            _ => self.either("geweigerd", "refused"),
        }
    }
}
