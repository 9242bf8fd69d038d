//! A discount for who would have bought anyway: more orders than nobody, and less left of them.

use collector::study::{ExperimentReport, Experiments, Verdict};

use crate::bar;
use crate::draw::Draw;
use crate::shop::{LATER, START, Visitor, model};

/// Shops that are tried.
const SHOPS: u32 = 25;
/// Visitors of each, half of them hot.
const VISITORS: u64 = 2_400;

/// Whoever is hot buys in nine of ten cases, and uses a code if there is one; who is cold buys only with one, and seldom.
fn shop(draw: &mut Draw, first: u64) -> ExperimentReport {
    let model = model("holdout = \"20%\"", "");
    let mut study = Experiments::new(&model, START, LATER);
    for number in first..first + VISITORS {
        let hot = number % 2 == 0;
        let mut visitor = Visitor::new(number, hot);
        let code = visitor.meets(&model, 1).as_deref() == Some("default");
        let chance = match (hot, code) {
            (true, _) => 0.9,
            (false, true) => 0.01,
            (false, false) => 0.005,
        };
        if draw.share() < chance {
            #[expect(clippy::cast_possible_truncation, reason = "some thousands of cents")]
            let list = (8_000.0 * (0.3 * draw.normal()).exp()) as i64;
            let (paid, coupon) = if code { (list - list / 10, "TEN") } else { (list, "") };
            visitor.buys(paid, coupon, 10);
        }
        study.add(&visitor.lead);
    }
    study.finish().offers.remove(0)
}

/// Seen red with the discount left out of the margin: then no shop is told.
#[test]
fn bar_a_discount_for_sure_buyers_comes_out_negative() {
    let mut draw = Draw::fresh("sure buyers");
    let mut negative = 0_u32;
    for number in 0..SHOPS {
        let report = shop(&mut draw, u64::from(number) * VISITORS);
        let hot = report.bands.iter().find(|band| band.stage == "hot").unwrap().groups.last().unwrap();
        let margin = hot.against_holdout.and_then(|beside| beside.margin).unwrap();
        negative += u32::from(margin.found < 0.0 && hot.verdict == Some(Verdict::Costs));
    }
    let percent = 100.0 * f64::from(negative) / f64::from(SHOPS);
    assert!(bar::at_least("experiment_sure_buyers_margin", percent, "%", 100.0));
}
