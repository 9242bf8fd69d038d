//! Our own touches that nobody asks for any more, so that a ledger does not grow by what we did.
//!
//! What is asked of them: the last announcement and the last note of each notice (once only), notes of the last thirty days
//! (a state that flutters), how often a notice was told (its `per`), and by reports what was announced and told in a period.
//! So, older than the horizon, notes that told nothing go after thirty days, and of what was told the newest hundred of a
//! kind stay. Reservations are the engine's to let go, with the offers.

use std::collections::{BTreeMap, BTreeSet};

use engine::{Lead, Millis, Scalar, Touch, TouchId, Trust};

use crate::notice::{BUSY_PERIOD, NOTICE, NOTICED, was_told};
use crate::recovery::{NOTICED_BY, RECOVERED};
use crate::transition::ANNOUNCED;

/// So many of a kind stay, whatever their age: years of a lead that moves each week.
const REMEMBERED: usize = 100;

/// Lets those go.
pub(crate) fn forget(lead: &mut Lead, now: Millis) {
    let mut met: BTreeMap<(&str, &str, bool), usize> = BTreeMap::new();
    let mut noted_last: BTreeSet<&str> = BTreeSet::new();
    let mut going: BTreeSet<TouchId> = BTreeSet::new();
    for touch in lead.touches().iter().rev().filter(|touch| touch.trust == Trust::Product) {
        let (name, notice) = (touch.name.as_str(), text(touch, NOTICE));
        let told = name == ANNOUNCED || was_told(touch);
        let last = name == NOTICED && noted_last.insert(notice);
        let many = match name {
            ANNOUNCED | NOTICED => met.entry((name, notice, told)).or_default(),
            _ => continue,
        };
        *many += 1;
        let past = if told { *many > REMEMBERED } else { now.since(touch.time) > BUSY_PERIOD };
        if past && !last {
            going.insert(touch.id.clone());
        }
    }
    // What recovered a cart is remembered as long as what was told of that cart.
    let of_those =
        |touch: &&Touch| touch.is(RECOVERED) && going.iter().any(|id| id.as_str() == text(touch, NOTICED_BY));
    let recovered: Vec<TouchId> = lead.touches().iter().filter(of_those).map(|touch| touch.id.clone()).collect();
    going.extend(recovered);
    engine::compact::forget_own(lead, now, |touch| going.contains(&touch.id));
}

fn text<'t>(touch: &'t Touch, property: &str) -> &'t str {
    touch.properties.get(property).and_then(Scalar::text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use engine::{EventName, LedgerLimits, Span, StreamId, record};

    use super::*;

    const START: Millis = Millis(1_790_000_000_000);

    fn own(id: &str, name: &str, hour: i64, properties: &[(&str, &str)]) -> Touch {
        let [id, name, stream] = [id, name, "stream-1"];
        let (id, name, stream) =
            (TouchId::parse(id).unwrap(), EventName::parse(name).unwrap(), StreamId::parse(stream).unwrap());
        let properties = properties.iter().map(|(name, value)| ((*name).into(), Scalar::Text((*value).into())));
        let touch = Touch::new(id, name, stream, START + Span::minutes(60 * hour));
        Touch { trust: Trust::Product, properties: properties.collect(), ..touch }
    }

    fn kept(touches: Vec<Touch>, day: i64) -> Vec<String> {
        let mut lead = Lead::default();
        for touch in touches {
            record(&mut lead, touch, &LedgerLimits::default());
        }
        forget(&mut lead, START + Span::days(day));
        lead.touches().iter().map(|touch| touch.id.to_string()).collect()
    }

    #[test]
    fn of_announcements_the_newest_hundred_stay_and_all_of_the_last_week() {
        let announced = |hour: i64| own(&format!("a{hour}"), ANNOUNCED, hour, &[("stage", "warm")]);
        let after = kept((0..150).map(announced).collect(), 30);
        assert_eq!((after.len(), after[0].as_str()), (100, "a50"));
        assert_eq!(kept((0..150).map(announced).collect(), 6).len(), 150);
    }

    #[test]
    fn what_told_nothing_goes_after_thirty_days_but_for_the_last_and_what_was_told_stays() {
        let note =
            |id: &str, hour: i64, outcome: &str| own(id, NOTICED, hour, &[("notice", "cart"), ("outcome", outcome)]);
        let season = own("season", NOTICED, 3, &[("notice", "season"), ("outcome", "by_model")]);
        let code = own("code", "gloed_granted", 0, &[("code", "WARM10")]);
        let recovered = own("back", RECOVERED, 2, &[("notice", "cart"), ("noticed_by", "told")]);
        let notes = vec![
            code,
            note("told", 0, "told"),
            note("ceased", 1, "ceased"),
            recovered,
            season,
            note("late", 4, "ceased"),
        ];
        assert_eq!(kept(notes.clone(), 20).len(), 6);
        assert_eq!(kept(notes, 40), ["code", "told", "back", "season", "late"]);
    }
}
