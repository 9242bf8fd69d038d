//! How heavy touches are: an upper bound of the bytes that they take in a ledger, quick to tell.

use crate::fold::Fold;
use crate::touch::{Item, PageFacts, SourceFacts, Touch};

/// Heavier than any touch that travels can be (WIRE.md: 20 items, 24 properties, each of bounded texts), so that a small
/// ledger need not be weighed.
const HEAVIEST: usize = 20 * 1_024;
/// The most that a touch without items and properties weighs beside its page, by the bounds of its texts.
const LIGHT: usize = 800;
/// Numbers, lengths and what says whether something is there.
const FRAME: usize = 64;
/// The same of one item.
const ITEM_FRAME: usize = 32;
/// The same of one property, and an integer.
const PROPERTY_FRAME: usize = 16;
/// The counts and times of a fold.
const FOLD_FRAME: usize = 40;
/// A digest of an id, at its longest.
const DIGEST: usize = 10;

/// Whether touches may be heavier than so many bytes, in a glance: what carries neither items nor properties is not weighed
/// but for its page, and taken at its heaviest.
pub(crate) fn may_exceed(touches: &[Touch], bytes: usize) -> bool {
    if touches.len().saturating_mul(HEAVIEST) <= bytes {
        return false;
    }
    let is_light = |touch: &Touch| touch.items.is_empty() && touch.properties.is_empty() && touch.removed.is_empty();
    let mut most: usize = 0;
    touches.iter().any(|touch| {
        most = most.saturating_add(if is_light(touch) {
            LIGHT + touch.page.as_ref().map_or(0, of_page)
        } else {
            of_touch(touch)
        });
        most > bytes
    })
}

/// An upper bound of a touch's bytes.
pub(crate) fn of_touch(touch: &Touch) -> usize {
    let ids = touch.id.as_str().len() + touch.name.as_str().len() + touch.stream.as_str().len();
    let about = length(touch.transaction.as_deref())
        + touch.offer.as_ref().map_or(0, |offer| offer.as_str().len())
        + touch.decision.as_ref().map_or(0, |decision| decision.as_str().len());
    let place = length(touch.country.as_deref()) + length(touch.region.as_deref()) + length(touch.language.as_deref());
    let items: usize = touch.items.iter().map(of_item).sum();
    let properties: usize =
        touch.properties.iter().map(|(name, value)| name.len() + length(value.text()) + PROPERTY_FRAME).sum();
    let removed: usize = touch.removed.iter().map(|name| name.len() + 1).sum();
    FRAME
        + ids
        + about
        + place
        + touch.page.as_ref().map_or(0, of_page)
        + of_source(&touch.source)
        + items
        + properties
        + removed
}

/// An upper bound of a fold's bytes, beside those of the touch that stands for it.
pub(crate) fn of_fold(fold: &Fold) -> usize {
    FOLD_FRAME + fold.ids.len() * DIGEST
}

fn of_page(page: &PageFacts) -> usize {
    page.host.len() + page.path.len() + length(page.title.as_deref())
}

fn of_source(source: &SourceFacts) -> usize {
    let campaign =
        length(source.source.as_deref()) + length(source.medium.as_deref()) + length(source.campaign.as_deref());
    campaign + length(source.referrer_host.as_deref())
}

fn of_item(item: &Item) -> usize {
    let texts = item.id.len() + length(item.name.as_deref()) + length(item.category.as_deref());
    texts + length(item.variant.as_deref()) + ITEM_FRAME
}

fn length(text: Option<&str>) -> usize {
    text.map_or(0, str::len)
}
