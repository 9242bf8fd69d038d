//! What a fold no longer knows of the touches that it stands for.

use serde::{Deserialize, Serialize};

use crate::condition::Field;
use crate::text::Text;
use crate::touch::Touch;

/// Facts that some touch of a bucket had and that the bucket does not keep. What is not in it the bucket knows: either it
/// keeps it, or its touches never had it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lost(u16);

impl Lost {
    const HOST: u16 = 1;
    const ITEM_ID: u16 = 1 << 1;
    const ITEM_NAME: u16 = 1 << 2;
    const QUANTITY: u16 = 1 << 3;
    const CAMPAIGN: u16 = 1 << 4;
    const SOURCE: u16 = 1 << 5;
    const MEDIUM: u16 = 1 << 6;
    const COUNTRY: u16 = 1 << 7;
    const REGION: u16 = 1 << 8;
    const DEVICE: u16 = 1 << 9;
    const LANGUAGE: u16 = 1 << 10;
    const PROPERTIES: u16 = 1 << 11;

    /// Nothing is lost of a touch that stands for itself.
    pub(crate) const NONE: Self = Self(0);
    /// Whatever a bucket does not keep: of buckets that earlier versions made nothing more is known.
    pub(crate) const ALL: Self = Self((1 << 12) - 1);

    /// What a bucket loses of a touch.
    pub(crate) fn of(touch: &Touch) -> Self {
        let filled = |text: &Text<64>| !text.is_empty();
        let (items, source) = (&touch.items, &touch.source);
        let facts = [
            (Self::HOST, touch.page.as_ref().is_some_and(|page| !page.host.is_empty())),
            (Self::ITEM_ID, items.iter().any(|item| filled(&item.id))),
            (Self::ITEM_NAME, items.iter().any(|item| item.name.is_some())),
            (Self::QUANTITY, !items.is_empty()),
            (Self::CAMPAIGN, source.campaign.is_some()),
            (Self::SOURCE, source.source.is_some()),
            (Self::MEDIUM, source.medium.is_some()),
            (Self::COUNTRY, touch.country.is_some()),
            (Self::REGION, touch.region.is_some()),
            (Self::DEVICE, touch.device.is_some()),
            (Self::LANGUAGE, touch.language.is_some()),
            (Self::PROPERTIES, !touch.properties.is_empty()),
        ];
        Self(facts.iter().filter(|(_, had)| *had).fold(0, |lost, (fact, _)| lost | fact))
    }

    /// As a number, for the id of the touch that stands for the bucket.
    pub(crate) const fn bits(self) -> u16 {
        self.0
    }

    /// The same, read again.
    pub(crate) const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// Whether the value of a field is lost.
    pub(crate) fn covers(self, field: &Field) -> bool {
        let fact = match field {
            Field::PageHost => Self::HOST,
            Field::ItemId => Self::ITEM_ID,
            Field::ItemName => Self::ITEM_NAME,
            Field::Quantity => Self::QUANTITY,
            Field::Campaign => Self::CAMPAIGN,
            Field::Source => Self::SOURCE,
            Field::Medium => Self::MEDIUM,
            Field::Country => Self::COUNTRY,
            Field::Region => Self::REGION,
            Field::Device => Self::DEVICE,
            Field::Language => Self::LANGUAGE,
            Field::Property(_) => Self::PROPERTIES,
            _ => 0,
        };
        self.0 & fact != 0
    }
}
