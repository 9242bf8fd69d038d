//! Which variant of an offer a visitor gets: by hash, and the same one ever after.
//!
//! ```text
//! bucket  = first 8 bytes of SHA-256("gloed/1\n" offer "\n" seed "\n" stream), most significant first, × 10,000 >> 64
//! variant = whose part of the 10,000 it falls into: holdout first, then the variants in the order of the file
//! ```
//!
//! The stream is that of the visitor's earliest touch of a browser. Ledgers forget streams (folding) and shares change, so
//! the first decision writes down what came of it, in the reservation: what is written there holds as long as the model has
//! that variant. `collector/docs/EXPERIMENTS.md` has the same with vectors.

use sha2::{Digest as _, Sha256};

use crate::lead::Lead;
use crate::model::experiment::{HOLDOUT, Shares};
use crate::model::{LocalisedContent, Offer, OfferPolicy, Share};
use crate::text::Text;
use crate::touch::{OfferId, Properties, PropertyName, Scalar, StreamId, Touch, Trust, event};

/// The property of a reservation that names the variant.
pub const VARIANT_PROPERTY: &str = "variant";
/// The property of a reservation that says how visitors were divided when this one was: see [`Shares`].
pub const SHARES_PROPERTY: &str = "shares";
/// The property of a reservation that names the seed, where the offer has one.
pub const SEED_PROPERTY: &str = "seed";
/// The property of a reservation that names the visitor's stage at that moment.
pub const STAGE_PROPERTY: &str = "stage";

/// The bucket of a stream, 0 to 9,999. `seed` is empty where the offer has none.
#[must_use]
pub fn bucket(offer: &str, seed: &str, stream: &str) -> u16 {
    let mut hash = Sha256::new_with_prefix(b"gloed/1\n");
    for part in [offer, "\n", seed, "\n", stream] {
        hash.update(part.as_bytes());
    }
    let first = hash.finalize().iter().take(8).fold(0_u64, |first, byte| (first << 8) | u64::from(*byte));
    let bucket = (u128::from(first) * u128::from(Share::WHOLE.hundredths())) >> 64;
    // Below 10,000.
    u16::try_from(bucket).unwrap_or_default()
}

/// What a visitor was assigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Assigned {
    /// A variant, or [`HOLDOUT`].
    pub(super) variant: String,
    /// How visitors were divided then.
    shares: String,
    /// The seed of the offer.
    seed: String,
}

impl Assigned {
    /// What holds for a visitor: what was written down first, else what the hash says. `asking` is the stream of the page
    /// that asks, for whoever has no touch of a browser yet.
    pub(super) fn of(lead: &Lead, offer: &Offer, policy: &OfferPolicy, asking: Option<&StreamId>) -> Self {
        let shares = Shares::of(offer, policy);
        Self::written(lead, offer, &shares).unwrap_or_else(|| {
            let seed = seed(offer);
            let stream = earliest_stream(lead).or(asking).map_or("", StreamId::as_str);
            let variant = shares.at(bucket(offer.id.as_str(), seed, stream)).to_owned();
            Self { variant, shares: shares.to_string(), seed: seed.to_owned() }
        })
    }

    /// What was written down first and still holds.
    fn written(lead: &Lead, offer: &Offer, shares: &Shares) -> Option<Self> {
        let mut noted = lead.touches().iter().filter_map(|touch| Noted::of(touch, &offer.id));
        let held = noted.find(|noted| noted.seed == seed(offer) && shares.of_variant(noted.variant) > 0)?;
        Some(Self { variant: held.variant.to_owned(), shares: held.shares.to_owned(), seed: held.seed.to_owned() })
    }

    /// Whether nothing is shown.
    pub(super) fn holds_out(&self) -> bool {
        self.variant == HOLDOUT
    }

    /// The words that this visitor sees; `None`: none at all.
    pub(super) fn content<'o>(&self, offer: &'o Offer) -> Option<&'o LocalisedContent> {
        let own = offer.experiment.variants.iter().find(|variant| variant.name.as_str() == self.variant);
        let content = own.and_then(|variant| variant.content.as_ref()).unwrap_or(&offer.content);
        (!self.holds_out()).then_some(content)
    }

    /// What the reservation says of it.
    pub(super) fn properties(&self, stage: &str) -> Properties {
        let pairs = [
            (VARIANT_PROPERTY, self.variant.as_str()),
            (SHARES_PROPERTY, &self.shares),
            (SEED_PROPERTY, &self.seed),
            (STAGE_PROPERTY, stage),
        ];
        let said = pairs.into_iter().filter(|(_, value)| !value.is_empty());
        said.map(|(name, value)| (PropertyName::cut(name), Scalar::Text(Text::cut(value)))).collect()
    }
}

/// Whether the visitor was assigned to the holdout of an offer, and still is.
pub(super) fn is_held_out(lead: &Lead, offer: &Offer, policy: &OfferPolicy) -> bool {
    Assigned::written(lead, offer, &Shares::of(offer, policy)).is_some_and(|assigned| assigned.holds_out())
}

/// What a reservation says of the experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Noted<'t> {
    /// A variant, or [`HOLDOUT`].
    pub variant: &'t str,
    /// How visitors were divided when this one was: [`Shares::parse`] reads it.
    pub shares: &'t str,
    /// The seed that the offer had; empty: none.
    pub seed: &'t str,
    /// The visitor's stage at that moment.
    pub stage: &'t str,
}

impl<'t> Noted<'t> {
    /// What a touch says, if it is a reservation of this offer that says anything.
    #[must_use]
    pub fn of(touch: &'t Touch, offer: &OfferId) -> Option<Self> {
        let is_ours = touch.trust == Trust::Product && touch.is(event::RESERVED);
        if !is_ours || touch.offer.as_ref() != Some(offer) {
            return None;
        }
        let text = |name: &str| touch.properties.get(name).and_then(Scalar::text);
        Some(Self {
            variant: text(VARIANT_PROPERTY)?,
            shares: text(SHARES_PROPERTY).unwrap_or_default(),
            seed: text(SEED_PROPERTY).unwrap_or_default(),
            stage: text(STAGE_PROPERTY).unwrap_or_default(),
        })
    }
}

fn seed(offer: &Offer) -> &str {
    offer.experiment.seed.as_ref().map_or("", |seed| seed.as_str())
}

/// The stream of the earliest touch that a browser sent. What servers tell has streams too, which many visitors share.
fn earliest_stream(lead: &Lead) -> Option<&StreamId> {
    let from_a_browser = |touch: &&Touch| touch.trust <= Trust::Page && !touch.is_fold();
    lead.touches().iter().find(from_a_browser).map(|touch| &touch.stream)
}
