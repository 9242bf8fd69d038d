//! Names of events, and of what they carry, in words. A name that is the shop's own has none, and is shown as it is.

use super::language::Language;

/// What a property or attribute is called.
pub(super) struct Name {
    pub(super) words: String,
    /// Whether that is the shop's own name for it, as it was sent.
    pub(super) own: bool,
}

impl Name {
    /// The name in words where it has any.
    pub(super) fn of(name: &str, language: Language) -> Self {
        let known = language.property(name);
        Self { words: known.unwrap_or(name).to_owned(), own: known.is_none() }
    }
}

impl Language {
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
            "gloed_reserved" => self.either("Aanbieding klaargezet", "Offer reserved"),
            "gloed_announced" => self.either("Nieuwe fase gemeld", "New stage announced"),
            "gloed_noticed" => self.either("Melding", "Notice"),
            "gloed_recovered" => self.either("Winkelmand alsnog besteld", "Cart recovered"),
            "gloed_redeemed" => self.either("Kortingscode gebruikt", "Discount code used"),
            "gloed_leaked" => {
                self.either("Kortingscode door een ander gebruikt", "Discount code used by somebody else")
            }
            "gloed_granted" => self.either("Kortingscode gegeven", "Discount code given"),
            _ => return None,
        })
    }

    /// A property or attribute that has a name of GA4, of the presets or of ours; `None` for the shop's own.
    fn property(self, name: &str) -> Option<&'static str> {
        Some(match name {
            "affiliation" => self.either("verkocht door", "sold by"),
            "coupon" => self.either("code", "code"),
            "discount" => self.either("korting", "discount"),
            "transaction_id" => self.either("bestelling", "order"),
            "shipping" => self.either("verzendkosten", "shipping"),
            "tax" => self.either("btw", "tax"),
            "shipping_tier" => self.either("bezorging", "delivery"),
            "payment_type" => self.either("betaalwijze", "payment"),
            "search_term" => self.either("gezocht op", "searched for"),
            "file_name" => self.either("bestand", "file"),
            "file_extension" => self.either("soort bestand", "kind of file"),
            "link_text" => self.either("tekst van de link", "words of the link"),
            "link_url" => self.either("link", "link"),
            "link_domain" => self.either("naar", "to"),
            "item_list_id" => self.either("lijst", "list"),
            "item_list_name" => self.either("lijst", "list"),
            "method" => self.either("manier", "by way of"),
            "content_type" => self.either("soort inhoud", "kind of content"),
            "content_id" => self.either("inhoud", "content"),
            "item_id" => self.either("product", "product"),
            "form_id" => self.either("formulier", "form"),
            "form_name" => self.either("formulier", "form"),
            "lead_source" => self.either("herkomst", "source"),
            "percent_scrolled" => self.either("gelezen tot (%)", "read to (%)"),
            "engagement_time_msec" => self.either("aandacht (ms)", "attention (ms)"),
            "mail" => self.either("e-mail", "mail"),
            "link" => self.either("link", "link"),
            "outcome" => self.either("uitkomst", "outcome"),
            "label" => self.either("label", "label"),
            "variant" => self.either("variant", "variant"),
            "currency" => self.either("valuta", "currency"),
            "value" => self.either("waarde", "value"),
            "stage" => self.either("fase", "stage"),
            "score" => self.either("score", "score"),
            "from" => self.either("van", "from"),
            "to" => self.either("naar", "to"),
            "model_version" => self.either("versie van het model", "version of the model"),
            "by_model" => self.either("door een nieuw model", "by a new model"),
            "held" => self.either("niet gemeld", "told to nobody"),
            "released" => self.either("alsnog gemeld", "told after all"),
            "model" => self.either("model", "model"),
            "notice" => self.either("melding", "notice"),
            "pool" => self.either("reeks codes", "pool of codes"),
            "newsletter" => self.either("nieuwsbrief", "newsletter"),
            "reason" => self.either("reden", "reason"),
            "company" => self.either("bedrijf", "company"),
            "industry" => self.either("branche", "industry"),
            "company_size" => self.either("medewerkers", "people in the company"),
            "job_title" => self.either("functie", "job title"),
            "seniority" => self.either("niveau", "seniority"),
            "city" => self.either("plaats", "place"),
            "age" => self.either("leeftijd", "age"),
            "customer" => self.either("klant", "customer"),
            "budget" => self.either("budget", "budget"),
            "authority" => self.either("mag beslissen", "may decide"),
            "need" => self.either("behoefte", "need"),
            _ => return None,
        })
    }
}
