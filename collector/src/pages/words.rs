//! Every text of the pages, in every language, side by side.

use engine::{Channel, Device, Money, Points, Scalar, Span, Suspicion};

use super::language::Language;

macro_rules! words {
    ($($name:ident: $dutch:literal, $english:literal;)*) => {
        /// The fixed texts of one language.
        pub(super) struct Words { $(pub(super) $name: &'static str,)* }

        const DUTCH: Words = Words { $($name: $dutch,)* };
        const ENGLISH: Words = Words { $($name: $english,)* };
    };
}

words! {
    leads: "Leads", "Leads";
    log_in: "Inloggen", "Log in";
    log_out: "Uitloggen", "Log out";
    skip: "Naar de inhoud", "Skip to content";
    password: "Wachtwoord", "Password";
    password_where: "Het wachtwoord staat in secrets.toml in de gegevensmap van de collector (admin_password), of in GLOED_ADMIN_PASSWORD.",
        "The password is in secrets.toml in the collector's data folder (admin_password), or in GLOED_ADMIN_PASSWORD.";
    password_wrong: "Dat wachtwoord klopt niet.", "That password is not right.";
    tagline: "Zie wie er warm loopt, en waarom.", "See who is warming up, and why.";
    site: "Winkel", "Shop";
    stage: "Stadium", "Stage";
    label: "Label", "Label";
    all: "alle", "all";
    filter: "Filteren", "Filter";
    clear_filter: "Filter wissen", "Clear filter";
    visitor: "Bezoeker", "Visitor";
    score: "Score", "Score";
    since: "Sinds", "Since";
    last_seen: "Laatst gezien", "Last seen";
    first_seen: "Eerst gezien", "First seen";
    visits: "Bezoeken", "Visits";
    touchpoints: "Contactmomenten", "Distinct touches";
    country: "Land", "Country";
    device: "Apparaat", "Device";
    labels: "Labels", "Labels";
    unknown: "onbekend", "unknown";
    none: "geen", "none";
    more: "Meer leads tonen", "Show more leads";
    most_shown: "Meer dan dit toont deze lijst niet. Filter om verder te zoeken.", "This list shows no more than this. Filter to look further.";
    nobody_title: "Nog geen leads", "No leads yet";
    nobody_text: "Zet deze regel in elke pagina van de winkel. Wie toestemming geeft en rondkijkt, verschijnt hier binnen een seconde.",
        "Put this line into every page of the shop. Whoever consents and looks around appears here within a second.";
    nobody_address: "Dit is het adres waarop deze collector luistert. Staat er een proxy voor, gebruik dan het adres dat uw bezoekers zien.",
        "This is the address that this collector listens on. Behind a proxy, use the address that your visitors see.";
    nobody_origins: "De tag werkt alleen op:", "The tag only works on:";
    nobody_matches: "Geen lead voldoet aan dit filter", "No lead matches this filter";
    why: "Waar de score vandaan komt", "Where the score comes from";
    why_text: "De score is precies de som van deze regels. Punten koelen af; de kolom ‘Verandert’ zegt wanneer en tot hoeveel.",
        "The score is exactly the sum of these lines. Points cool; the column ‘Changes’ says when and to how much.";
    line: "Wat er gebeurde", "What happened";
    when: "Wanneer", "When";
    points_then: "Toen", "Then";
    points_now: "Nu", "Now";
    changes: "Verandert", "Changes";
    never: "nooit", "never";
    total: "Score", "Score";
    exact: "Alle cijfers tonen", "Show every digit";
    rounded: "Afgerond tonen", "Show rounded";
    rounded_note: "Getoond wordt naar beneden afgerond, zodat geen getal een stadium belooft dat nog niet bereikt is.",
        "Shown numbers are rounded down, so that none promises a stage that is not reached yet.";
    no_lines: "Niets geeft nu punten.", "Nothing gives points now.";
    by_rule: "Per regel", "By rule";
    course: "Verloop", "Course";
    course_text: "Doorgetrokken: wat er was. Gestreept: wat komt als er niets gebeurt.",
        "Solid: what was. Dashed: what comes if nothing happens.";
    about: "Over deze bezoeker", "About this visitor";
    channel: "Kanaal van dit bezoek", "Channel of this visit";
    language: "Taal", "Language";
    cart: "Winkelmand", "Cart";
    empty: "leeg", "empty";
    bought: "Gekocht", "Bought";
    yes: "ja", "yes";
    not_yet: "nog niet", "not yet";
    no: "nee", "no";
    other_rules: "andere regels", "other rules";
    attributes: "Kenmerken", "Attributes";
    timeline: "Tijdlijn", "Timeline";
    timeline_text: "Het nieuwste eerst.", "Newest first.";
    all_touches: "Alle gebeurtenissen tonen", "Show every event";
    elsewhere: "Buiten de winkel", "Outside the shop";
    browser_only: "Alleen browser", "Browser only";
    browser_only_text: "Alles over deze lead komt van browsers, en die kan iedereen iets laten beweren. Zodra uw server iets meldt (een bestelling, een e-mail, een gesprek), verdwijnt dit teken.",
        "All that is known of this lead comes from browsers, which anybody can make say anything. The mark goes as soon as your server tells of something: an order, a mail, a call.";
    held: "Telt niet mee", "Does not count";
    held_until: "Wat van een programma kwam of vooraf geladen werd, telt alsnog zodra op hetzelfde apparaat een mens te zien is.",
        "What came from a program or was loaded ahead counts after all as soon as the same device shows a person.";
    by_gloed: "door Gloed", "by Gloed";
    from_server: "via de server", "from the server";
    overflow: "Van deze bezoeker kwam meer dan een lead bewaart. Niet alles telt daarom mee, of niet met alle bijzonderheden.",
        "This visitor sent more than a lead keeps. So not everything counts, or not with all its particulars.";
    refused: "Wat niet meetelde", "What did not count";
    refused_text: "De laatste gebeurtenissen van deze bezoeker die niet zijn opgenomen, hoogstens twintig. Wat erin stond is niet bewaard.",
        "The last events of this visitor that were not taken, twenty at most. What was in them is not kept.";
    received: "Ontvangen", "Received";
    event: "Gebeurtenis", "Event";
    reason: "Reden", "Reason";
    field: "Veld", "Field";
    merged: "Ook bekend als", "Also known as";
    id: "Id", "Id";
    back: "Alle leads", "All leads";
    not_found_title: "Deze bezoeker is er niet", "There is no such visitor";
    not_found_text: "Het id bestaat niet, of de gegevens van deze bezoeker zijn gewist.",
        "The id does not exist, or what was known of this visitor was erased.";
    no_site_title: "Deze winkel is er niet", "There is no such shop";
    no_site_text: "Geen winkel in de instellingen heeft deze sleutel.", "No shop in the settings has this key.";
    away_title: "Dat lukt nu even niet", "That does not work just now";
    away_text: "De opslag antwoordt niet. Er gaat niets verloren; probeer het over een ogenblik opnieuw.",
        "The store does not answer. Nothing is lost; try again in a moment.";
    foreign_title: "Geweigerd", "Refused";
    foreign_text: "Dit verzoek kwam van een andere website. Open de pagina zelf en probeer het opnieuw.",
        "This request came from another website. Open the page yourself and try again.";
    fault_title: "Er ging iets mis", "Something went wrong";
    fault_text: "De fout is geteld en staat in het logboek.", "The fault was counted and is in the log.";
    until: "tot", "until";
    of_campaign: "campagne", "campaign";
}

impl Language {
    /// The fixed texts.
    pub(super) const fn words(self) -> &'static Words {
        match self {
            Self::Dutch => &DUTCH,
            Self::English => &ENGLISH,
        }
    }

    pub(super) const fn either(self, dutch: &'static str, english: &'static str) -> &'static str {
        match self {
            Self::Dutch => dutch,
            Self::English => english,
        }
    }

    /// A decimal number as it is written: a comma in Dutch, and a real minus sign.
    pub(super) fn number(self, plain: &str) -> String {
        let signed = plain.replace('-', "\u{2212}");
        match self {
            Self::Dutch => signed.replace('.', ","),
            Self::English => signed,
        }
    }

    /// Points with one digit after the point, rounded down.
    pub(super) fn points(self, points: Points) -> String {
        let tenth = engine::points::ONE_POINT / 10;
        if (1..tenth).contains(&points.0) {
            return format!("<\u{a0}{}", self.number("0.1"));
        }
        let shown = points.shown();
        // One digit always, so that columns line up.
        self.number(&if shown.contains('.') { shown } else { format!("{shown}.0") })
    }

    /// Points with their sign.
    pub(super) fn signed_points(self, points: Points) -> String {
        let number = self.number(&points.to_string());
        if points.0 > 0 { format!("+{number}") } else { number }
    }

    /// An amount: `€ 79,95` in Dutch, `€79.95` in English; other currencies by their letters.
    pub(super) fn money(self, money: Money) -> String {
        let plain = money.to_string();
        match (plain.strip_suffix(" EUR"), self) {
            (Some(number), Self::Dutch) => format!("€\u{a0}{}", self.number(number)),
            (Some(number), Self::English) => format!("€{}", self.number(number)),
            (None, _) => self.number(&plain),
        }
    }

    /// A stage by the name that the model gives it.
    pub(super) fn stage(self, name: &str) -> &str {
        match (self, name) {
            (Self::Dutch, "cold") => "koud",
            (Self::Dutch, "hot") => "heet",
            _ => name,
        }
    }

    /// A kind of device.
    pub(super) const fn device(self, device: Device) -> &'static str {
        match device {
            Device::Phone => self.either("telefoon", "phone"),
            Device::Tablet => "tablet",
            Device::Desktop => self.either("computer", "computer"),
        }
    }

    /// A channel.
    pub(super) const fn channel(self, channel: Channel) -> &'static str {
        match channel {
            Channel::Direct => self.either("rechtstreeks", "direct"),
            Channel::Organic => self.either("zoekmachine", "search engine"),
            Channel::Paid => self.either("advertentie", "advertisement"),
            Channel::Social => self.either("sociaal netwerk", "social network"),
            Channel::Email => self.either("e-mail", "mail"),
            Channel::Referral => self.either("verwijzing", "referral"),
        }
    }

    /// An event that has a name of GA4 or of ours; `None` for the shop's own.
    pub(super) fn event(self, name: &str) -> Option<&'static str> {
        Some(match name {
            "page_view" => self.either("Pagina bekeken", "Viewed a page"),
            "user_engagement" => self.either("Pagina gebruikt", "Used a page"),
            "view_item_list" => self.either("Categorie bekeken", "Viewed a category"),
            "select_item" => self.either("Product gekozen uit een lijst", "Chose a product from a list"),
            "view_item" => self.either("Product bekeken", "Viewed a product"),
            "search" | "view_search_results" => self.either("Gezocht in de winkel", "Searched the shop"),
            "share" => self.either("Pagina gedeeld", "Shared a page"),
            "file_download" => self.either("Bestand gedownload", "Downloaded a file"),
            "add_to_wishlist" => self.either("Product bewaard", "Kept a product for later"),
            "add_to_cart" => self.either("In de winkelmand gelegd", "Added to the cart"),
            "remove_from_cart" => self.either("Uit de winkelmand gehaald", "Removed from the cart"),
            "view_cart" => self.either("Winkelmand bekeken", "Viewed the cart"),
            "begin_checkout" => self.either("Naar de kassa gegaan", "Went to the checkout"),
            "add_shipping_info" => self.either("Bezorging ingevuld", "Said where to deliver"),
            "add_payment_info" => self.either("Betaalwijze ingevuld", "Said how to pay"),
            "purchase" => self.either("Gekocht", "Bought"),
            "refund" => self.either("Geld teruggekregen", "Got a refund"),
            "sign_up" => self.either("Aangemeld", "Signed up"),
            "generate_lead" => self.either("Contact gevraagd", "Asked for contact"),
            "login" => self.either("Ingelogd", "Logged in"),
            "chat" => self.either("Gechat", "Chatted"),
            "email_sent" => self.either("E-mail verstuurd", "Mail sent"),
            "email_open" => self.either("E-mail geopend", "Opened a mail"),
            "email_click" => self.either("In een e-mail geklikt", "Clicked in a mail"),
            "email_forward" => self.either("E-mail doorgestuurd", "Forwarded a mail"),
            "email_reply" => self.either("E-mail beantwoord", "Replied to a mail"),
            "goal_reached" => self.either("Doel bereikt", "Reached a goal"),
            "call_outcome" => self.either("Gebeld", "Telephone call"),
            "set_attributes" => self.either("Kenmerken gezet", "Attributes set"),
            "consent" => self.either("Toestemming", "Consent"),
            "offer_shown" => self.either("Aanbieding getoond", "Offer shown"),
            "offer_dismissed" => self.either("Aanbieding weggeklikt", "Offer closed"),
            "offer_clicked" => self.either("Aanbieding aangeklikt", "Offer followed"),
            "label_added" => self.either("Label gekregen", "Label added"),
            "label_removed" => self.either("Label kwijt", "Label removed"),
            _ => return self.own_event(name),
        })
    }

    /// Why a touch counts for nothing.
    pub(super) const fn suspicion(self, why: Suspicion) -> &'static str {
        match why {
            Suspicion::Bot => self.either("een programma", "a program"),
            Suspicion::Prerender => self.either("vooraf geladen", "loaded ahead"),
            Suspicion::Scanner => self.either("mailscanner", "mail scanner"),
            Suspicion::Unattested => self.either("nog niemand gezien", "nobody seen yet"),
        }
    }

    /// What is said above a timeline in which so many touches are held.
    pub(super) fn held_notice(self, count: usize) -> String {
        match (self, count) {
            (Self::Dutch, 1) => "Eén gebeurtenis telt niet mee zolang er geen mens te zien is.".to_owned(),
            (Self::Dutch, _) => format!("{count} gebeurtenissen tellen niet mee zolang er geen mens te zien is."),
            (Self::English, 1) => "One event does not count as long as no person is seen.".to_owned(),
            (Self::English, _) => format!("{count} events do not count as long as no person is seen."),
        }
    }

    /// A duration, in whole units rounded down.
    pub(super) fn span(self, span: Span) -> String {
        let minutes = span.0.max(0) / 60_000;
        let (count, dutch, english) = match minutes {
            0..60 => (minutes, ["minuut", "minuten"], ["minute", "minutes"]),
            60..1_440 => (minutes / 60, ["uur", "uur"], ["hour", "hours"]),
            1_440..86_400 => (minutes / 1_440, ["dag", "dagen"], ["day", "days"]),
            86_400..525_600 => (minutes / 43_800, ["maand", "maanden"], ["month", "months"]),
            _ => (minutes / 525_600, ["jaar", "jaar"], ["year", "years"]),
        };
        let [one, many] = match self {
            Self::Dutch => dutch,
            Self::English => english,
        };
        format!("{count} {}", if count == 1 { one } else { many })
    }

    /// How long ago, or how far ahead.
    pub(super) fn relative(self, span: Span) -> String {
        if span.0.abs() < 60_000 {
            return if span.0 < 0 {
                self.either("zo meteen", "in a moment")
            } else {
                self.either("zojuist", "just now")
            }
            .to_owned();
        }
        let length = self.span(Span(span.0.abs()));
        match (self, span.0 > 0) {
            (Self::Dutch, true) => format!("{length} geleden"),
            (Self::Dutch, false) => format!("over {length}"),
            (Self::English, true) => format!("{length} ago"),
            (Self::English, false) => format!("in {length}"),
        }
    }

    /// For how long something has been so.
    pub(super) fn lasting(self, span: Span) -> String {
        match self {
            _ if span.0 < 60_000 => self.relative(Span(0)),
            Self::Dutch => format!("al {}", self.span(span)),
            Self::English => format!("for {}", self.span(span)),
        }
    }

    /// A value of a property or attribute.
    pub(super) fn scalar(self, value: &Scalar) -> String {
        match value {
            Scalar::Boolean(true) => self.words().yes.to_owned(),
            Scalar::Boolean(false) => self.words().no.to_owned(),
            Scalar::Text(_) | Scalar::Integer(_) => value.to_string(),
        }
    }

    /// Why too many passwords are refused.
    pub(super) fn wait(self, seconds: u32) -> String {
        let minutes = seconds.div_ceil(60);
        match self {
            Self::Dutch => format!("Te vaak geprobeerd. Wacht {minutes} min en probeer het opnieuw."),
            Self::English => format!("Too many attempts. Wait {minutes} min and try again."),
        }
    }

    /// What the counts above the list count.
    pub(super) fn counted(self, looked_at: usize, everything: bool) -> String {
        match (self, everything, looked_at) {
            (Self::Dutch, true, 1) => "De enige lead met punten.".to_owned(),
            (Self::English, true, 1) => "The only lead with points.".to_owned(),
            (Self::Dutch, true, _) => format!("Alle {looked_at} leads met punten."),
            (Self::English, true, _) => format!("All {looked_at} leads with points."),
            (Self::Dutch, false, _) => {
                format!("Geteld onder de {looked_at} warmste leads; niet verder gekeken dan deze lijst nodig had.")
            }
            (Self::English, false, _) => {
                format!("Counted among the {looked_at} warmest leads; looked no further than this list needed.")
            }
        }
    }

    /// Says that leads are still being looked at under a new model: so many hundredths are done.
    pub(super) fn sweeping(self, done: u16) -> String {
        match self {
            Self::Dutch => format!(
                "Er is een nieuw model gepubliceerd. Scores zijn van het nieuwe model; de volgorde is voor {done} % bijgewerkt."
            ),
            Self::English => format!(
                "A new model was published. Scores are those of the new model; the order is {done} % up to date."
            ),
        }
    }

    /// Said when looking ended early.
    pub(super) fn too_many(self, looked_at: usize) -> String {
        match self {
            Self::Dutch => format!("Alleen de {looked_at} warmste leads zijn bekeken; verderop kunnen er meer zijn."),
            Self::English => format!("Only the {looked_at} warmest leads were looked at; there may be more."),
        }
    }

    /// A visit's heading.
    pub(super) fn visit(self, number: u32) -> String {
        format!("{} {number}", self.either("Bezoek", "Visit"))
    }

    /// Said above a timeline that is cut.
    pub(super) fn shown_of(self, shown: usize, touches: usize) -> String {
        match self {
            Self::Dutch => format!("De laatste {shown} van {touches} gebeurtenissen."),
            Self::English => format!("The last {shown} of {touches} events."),
        }
    }

    /// The beginning of the prediction.
    pub(super) fn becomes(self, stage: &str) -> String {
        let stage = self.stage(stage);
        match self {
            Self::Dutch => format!("Wordt {stage}"),
            Self::English => format!("Becomes {stage}"),
        }
    }

    /// The end of the prediction.
    pub(super) const fn if_nothing(self) -> &'static str {
        self.either("als er niets gebeurt", "if nothing happens")
    }

    /// The prediction when nothing is to come.
    pub(super) fn stays(self, stage: &str) -> String {
        let stage = self.stage(stage);
        match self {
            Self::Dutch => format!("Blijft {stage} als er niets gebeurt"),
            Self::English => format!("Stays {stage} if nothing happens"),
        }
    }

    /// The chart in words, for who does not see it.
    pub(super) fn chart(self, highest: &str, now: &str) -> String {
        match self {
            Self::Dutch => format!("Verloop van de score: hoogstens {highest}, nu {now}"),
            Self::English => format!("Course of the score: at most {highest}, now {now}"),
        }
    }

    /// Pieces of something.
    pub(super) fn pieces(self, count: i64) -> String {
        match (self, count) {
            (Self::Dutch, 1) => "1 stuk".to_owned(),
            (Self::Dutch, _) => format!("{count} stuks"),
            (Self::English, 1) => "1 piece".to_owned(),
            (Self::English, _) => format!("{count} pieces"),
        }
    }

    /// Names of the days, Monday first.
    pub(super) const fn days(self) -> [&'static str; 7] {
        match self {
            Self::Dutch => ["maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag", "zondag"],
            Self::English => ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
        }
    }

    /// Names of the months.
    pub(super) const fn months(self) -> [&'static str; 12] {
        match self {
            Self::Dutch => [
                "januari",
                "februari",
                "maart",
                "april",
                "mei",
                "juni",
                "juli",
                "augustus",
                "september",
                "oktober",
                "november",
                "december",
            ],
            Self::English => [
                "January",
                "February",
                "March",
                "April",
                "May",
                "June",
                "July",
                "August",
                "September",
                "October",
                "November",
                "December",
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use engine::{Currency, Model, SiteFacts};

    use super::*;

    #[test]
    fn every_rule_and_score_of_every_preset_has_a_dutch_title() {
        let site = SiteFacts { currency: Currency::EUR, offsets: Vec::new() };
        for name in engine::presets::NAMES {
            let model = Model::parse(engine::preset(name).unwrap(), &site).unwrap();
            for rule in &model.rules {
                assert_ne!(Language::Dutch.title(&rule.title), &*rule.title, "{name}: {}", rule.id);
            }
            for score in &model.scores {
                assert_ne!(Language::Dutch.title(&score.title), &*score.title, "{name}: {}", score.name);
            }
        }
    }

    #[test]
    fn numbers_and_durations_are_written_as_the_language_has_them() {
        let (dutch, english) = (Language::Dutch, Language::English);
        assert_eq!(dutch.points(Points(34_567_890)), "34,5");
        assert_eq!(english.points(Points(-34_567_890)), "\u{2212}34.6");
        assert_eq!(english.points(Points(20_000)), "<\u{a0}0.1");
        assert_eq!(dutch.relative(Span::minutes(61)), "1 uur geleden");
        assert_eq!(english.relative(Span::minutes(-2 * 1_440)), "in 2 days");
        assert_eq!(dutch.money(Money { minor: 7_995, currency: Currency::EUR }), "€\u{a0}79,95");
    }
}
