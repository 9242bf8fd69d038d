//! What the product itself did, in words.

use super::language::Language;

impl Language {
    /// An event of our own; `None` for anybody else's.
    pub(super) fn own_event(self, name: &str) -> Option<&'static str> {
        Some(match name {
            "gloed_reserved" => self.either("Aanbieding klaargezet", "Offer reserved"),
            "gloed_announced" => self.either("Nieuwe fase gemeld", "New stage announced"),
            "gloed_noticed" => self.either("Melding", "Notice"),
            "gloed_recovered" => self.either("Winkelwagen alsnog besteld", "Cart recovered"),
            "gloed_redeemed" => self.either("Kortingscode gebruikt", "Discount code used"),
            "gloed_leaked" => {
                self.either("Kortingscode door een ander gebruikt", "Discount code used by somebody else")
            }
            "gloed_granted" => self.either("Kortingscode gegeven", "Discount code given"),
            _ => return None,
        })
    }
}
