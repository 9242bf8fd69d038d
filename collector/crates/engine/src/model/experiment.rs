//! Experiments: which share of the visitors of an offer is shown nothing, and which words the others see.

use super::offer_parse::content;
use super::reader::{Faults, Table, integer};
use super::{LocalisedContent, Offer, OfferPolicy, Share};
use crate::text::{identifier, is_id_byte};
use crate::tree::Tree;

/// What those are called who would be shown an offer and are not, so that what it brings about can be told.
pub const HOLDOUT: &str = "holdout";
/// The variant of an offer that has only one.
pub const DEFAULT: &str = "default";
/// The share that is held out where neither the offer nor the policy says: 5 %.
const HELD_OUT: Share = Share::percent(5);
/// The most variants of an offer, so that their shares fit into one property of a touch.
const MOST: usize = 8;
/// The keys of a variant.
const VARIANT: [&str; 3] = ["id", "weight", "content"];
/// What a share may be.
const SHARE: &str = "a share such as \"5%\" or \"2.5%\", at most \"50%\"; \"0%\" holds out nobody";
/// Where visitors of an offer are reshuffled.
const SEED: &str = "1 to 32 of a-z A-Z 0-9 _ . -";
/// How a variant may be called.
const NAME: &str = "1 to 20 of a-z A-Z 0-9 _ . -, and not \"holdout\"";

identifier!(
    /// The name of a variant, [`HOLDOUT`] among them.
    VariantName, "variant", 1..=20, is_id_byte, "1 to 20 of a-z A-Z 0-9 _ . -"
);
identifier!(
    /// What sorts the visitors of an offer anew when it changes.
    Seed, "seed", 1..=32, is_id_byte, "1 to 32 of a-z A-Z 0-9 _ . -"
);

/// One of several forms of an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    /// Unique in the offer.
    pub name: VariantName,
    /// How many of those who are shown the offer see this form, beside the weights of the others; 1 to 1,000.
    pub weight: u32,
    /// Its words, all of them; `None`: the offer's own.
    pub content: Option<LocalisedContent>,
}

/// How the visitors of an offer are divided.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Experiment {
    /// The share that is shown nothing; `None`: what the policy says.
    pub holdout: Option<Share>,
    /// In the order of the file; empty: one form, called [`DEFAULT`].
    pub variants: Vec<Variant>,
    /// Sorts visitors anew when it changes.
    pub seed: Option<Seed>,
}

/// Which part of 10,000 visitors falls to whom: the holdout first, then the variants in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shares(Vec<(String, u16)>);

impl Shares {
    /// Those of an offer.
    #[must_use]
    pub fn of(offer: &Offer, policy: &OfferPolicy) -> Self {
        let held_out = offer.experiment.holdout.or(policy.holdout).unwrap_or(HELD_OUT).hundredths();
        let mut shares = vec![(HOLDOUT.to_owned(), held_out)];
        let rest = u32::from(Share::WHOLE.hundredths() - held_out);
        let variants = &offer.experiment.variants;
        let total: u32 = variants.iter().map(|variant| variant.weight).sum();
        let (mut weights, mut before) = (0_u32, 0_u32);
        for variant in variants {
            weights += variant.weight;
            // At most 10,000 by 8,000: it fits, and so does what it is divided to.
            let until = (rest * weights).checked_div(total).unwrap_or_default();
            shares.push((variant.name.to_string(), u16::try_from(until - before).unwrap_or_default()));
            before = until;
        }
        if variants.is_empty() {
            shares.push((DEFAULT.to_owned(), u16::try_from(rest).unwrap_or_default()));
        }
        shares.retain(|(_, share)| *share > 0);
        Self(shares)
    }

    /// Reads them as they are noted: `holdout:500 default:9500`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let one = |part: &str| {
            let (name, share) = part.split_once(':')?;
            Some((VariantName::parse(name).ok()?.to_string(), share.parse::<u16>().ok()?))
        };
        let shares: Vec<_> = text.split(' ').map(one).collect::<Option<_>>()?;
        let sum: u32 = shares.iter().map(|(_, share)| u32::from(*share)).sum();
        (sum == u32::from(Share::WHOLE.hundredths())).then_some(Self(shares))
    }

    /// Everybody that there is, with their part of 10,000.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u16)> {
        self.0.iter().map(|(name, share)| (name.as_str(), *share))
    }

    /// The part of 10,000 that falls to one; nothing to who is not there.
    #[must_use]
    pub fn of_variant(&self, variant: &str) -> u16 {
        self.iter().find(|(name, _)| *name == variant).map_or(0, |(_, share)| share)
    }

    /// Whose bucket this is, counted from 0.
    #[must_use]
    pub fn at(&self, bucket: u16) -> &str {
        let mut end = 0;
        let found = self.iter().find(|(_, share)| {
            end += share;
            bucket < end
        });
        found.or_else(|| self.iter().last()).map_or(DEFAULT, |(name, _)| name)
    }
}

impl std::fmt::Display for Shares {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (place, (name, share)) in self.iter().enumerate() {
            write!(formatter, "{}{name}:{share}", if place == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

/// `holdout`, `variants` and `seed` of an offer.
pub(super) fn experiment(offer: &Table<'_>, personalised: bool, faults: &mut Faults) -> Experiment {
    let seed = offer.optional("seed", SEED, faults, |tree| Seed::parse(tree.text()?).ok());
    let mut variants: Vec<Variant> = Vec::new();
    for (number, table) in offer.tables("variants", &VARIANT, faults).iter().enumerate() {
        if number == MOST {
            faults.add(&table.path, table.line, "one more variant", format!("at most {MOST}"));
            break;
        }
        let name = table.required("id", NAME, faults, |tree| {
            VariantName::parse(tree.text()?).ok().filter(|name| name.as_str() != HOLDOUT)
        });
        let weight = table.optional("weight", "a whole number from 1 to 1000", faults, |tree| {
            u32::try_from(integer(tree)?).ok().filter(|weight| (1..=1_000).contains(weight))
        });
        let content = table.get("content").and_then(|_| content(table, personalised, faults));
        let Some(name) = name else { continue };
        if variants.iter().any(|variant| variant.name == name) {
            let found = format!("\"{name}\" again");
            faults.add(&table.inner("id"), table.line, found, "an id that no other variant of the offer has");
        }
        variants.push(Variant { name, weight: weight.unwrap_or(1), content });
    }
    Experiment { holdout: holdout(offer, faults), variants, seed }
}

/// The share that is held out.
pub(super) fn holdout(table: &Table<'_>, faults: &mut Faults) -> Option<Share> {
    let read = |tree: &Tree| Share::parse(tree.text()?).filter(|share| *share <= Share::percent(50));
    table.optional("holdout", SHARE, faults, read)
}
