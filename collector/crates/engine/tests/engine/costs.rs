//! What a discount costs: what a model may say of it, and what the schema says of that.

use crate::common::{model, site};
use crate::validator::faults;
use engine::model::CouponCost;
use engine::tree::Tree;
use engine::{Model, preset};

/// A shop with one offer, whose coupon also says this.
fn shop(cost: &str) -> String {
    let offer = "[[offers]]\nid = \"a\"\nslot = \"bar\"\ncontent.nl = { title = \"A\" }\n";
    let coupon = format!("coupon = {{ kind = \"fixed\", code = \"A\", reveal = \"shown\"{cost} }}\n");
    format!("{}\n{offer}{coupon}", preset("b2c").unwrap())
}

#[test]
fn a_cost_is_an_amount_or_a_share_with_a_bound() {
    let cost = |text: &str| model(&shop(text)).offers[0].coupon.as_ref().unwrap().cost;
    assert_eq!(cost(""), None);
    assert_eq!(cost(", cost = \"7.50\""), Some(CouponCost::Amount(750)));
    assert_eq!(cost(", cost = 7.5"), Some(CouponCost::Amount(750)));
    // given a share of ten percent, then it is known of an order, and its most only with a bound
    let open = cost(", cost = \"10%\"").unwrap();
    let bounded = cost(", cost = \"10%\", at_most = \"25.00\"").unwrap();
    assert_eq!((open.with_order(80_000), open.most()), (8_000, None));
    assert_eq!((bounded.with_order(80_000), bounded.most()), (2_500, Some(2_500)));
}

#[test]
fn a_cost_that_is_none_is_refused() {
    let amount = "an amount in the site's currency such as \"7.50\", or a share of the order such as \"10%\"";
    let most = "an amount above 0 in the site's currency, such as \"25.00\"";
    let varies = "nothing: only a cost that is a share of the order varies";
    for (text, key, found, allowed) in [
        (", cost = \"-1\"", "cost", "\"-1\"", amount),
        (", cost = \"7.505\"", "cost", "\"7.505\"", amount),
        (", cost = \"101%\"", "cost", "\"101%\"", amount),
        (", cost = \"10%\", at_most = 0", "at_most", "0", most),
        (", cost = \"7.50\", at_most = \"25.00\"", "at_most", "\"25.00\"", varies),
        (", at_most = \"25.00\"", "at_most", "\"25.00\"", varies),
    ] {
        let told = Model::parse(&shop(text), &site()).unwrap_err();
        let told: Vec<_> =
            told.iter().map(|fault| (fault.path.as_str(), fault.found.as_str(), fault.allowed.as_str())).collect();
        assert_eq!(told, [(format!("offers[0].coupon.{key}").as_str(), found, allowed)], "{text}");
    }
}

#[test]
fn the_schema_knows_costs() {
    let schema = serde_json::from_str(include_str!("../../../../docs/model.schema.json")).unwrap();
    let judged =
        |text: &str| faults(&schema, &schema, &crate::schema::json(&Tree::parse(&shop(text)).unwrap()), "").len();
    for right in [", cost = \"7.50\"", ", cost = 7.5", ", cost = \"10%\", at_most = \"25.00\""] {
        assert_eq!(judged(right), 0, "{right}");
    }
    for wrong in [", cost = \"-1\"", ", cost = \"ten\"", ", cost = true", ", cost = \"10%\", at_most = \"25%\""] {
        assert_ne!(judged(wrong), 0, "{wrong}");
    }
}
