//! Experiments: who is held out, who sees which variant, and that it stays so.

use crate::common::{START, at_page, decide_at, lead, minute, model, offer_touch, server_touch, touch, with};
use engine::decide::bucket;
use engine::{
    Chosen, HOLDOUT, Lead, LedgerLimits, Millis, Model, OfferId, Reason, Scalar, Span, StreamId, Touch, Trust, claim,
    compact, evaluate, merge,
};

/// Offer, seed, stream and bucket, made by another program than this: the WASM build is held to the same.
const BUCKETS: &str = include_str!("../buckets.tsv");

/// Streams of [`BUCKETS`] by their bucket of the offer `welcome`.
const LAST_HELD_OUT: &str = "visitor-010501";
const FIRST_SHOWN: &str = "visitor-014791";

/// A shop with one offer that has this of its own, and this policy.
fn shop(policy: &str, offer: &str) -> Model {
    model(&format!(
        "version = 1\nname = \"m\"\n{policy}\n[[stages]]\nname = \"cold\"\n[[offers]]\nid = \"welcome\"\nslot = \"bar\"\n\
         goal = \"sign_up\"\nfrequency = {{ per_visitor = 3 }}\n\
         coupon = {{ kind = \"fixed\", code = \"W5\", reveal = \"shown\" }}\ncontent.nl = {{ title = \"Welkom\" }}\n{offer}"
    ))
}

fn of_stream(stream: &str, touch: Touch) -> Touch {
    Touch { stream: StreamId::parse(stream).unwrap(), ..touch }
}

/// Somebody of whom one page view is known.
fn visitor(stream: &str) -> Lead {
    lead([of_stream(stream, touch("a", "page_view", START))])
}

fn chosen(lead: &Lead, model: &Model, now: Millis) -> Chosen {
    let mut decision = decide_at(lead, model, &at_page("/"), now);
    assert_eq!(decision.offers.len(), 1, "{decision:?}");
    decision.offers.remove(0)
}

/// What a decision reserves: what it notes stands in the ledger.
fn reserved(chosen: &Chosen, id: &str, decision: &str, now: Millis) -> Touch {
    Touch { properties: chosen.noted.clone(), ..offer_touch(id, "gloed_reserved", "welcome", decision, now) }
}

/// Seen red with the offer's id and the seed hashed the other way round.
#[test]
fn buckets_are_the_published_ones() {
    for row in BUCKETS.lines().skip(1) {
        let [offer, seed, stream, number] = row.split('\t').collect::<Vec<_>>()[..] else { panic!("{row}") };
        assert_eq!(bucket(offer, seed, stream).to_string(), number, "{row}");
    }
    let of = |stream| bucket("welcome", "", stream);
    assert_eq!((of(LAST_HELD_OUT), of(FIRST_SHOWN)), (499, 500));
}

#[test]
fn five_percent_are_held_out_unless_the_offer_or_the_policy_says_otherwise() {
    let variant = |stream: &str, model: &Model| chosen(&visitor(stream), model, minute(1)).variant;
    // given a model that says nothing
    let silent = shop("", "");
    assert_eq!(variant(LAST_HELD_OUT, &silent), HOLDOUT);
    assert_eq!(variant(FIRST_SHOWN, &silent), "default");
    // when the policy says something, then that holds; when the offer does, then that
    assert_eq!(variant(LAST_HELD_OUT, &shop("offers_policy = { holdout = \"4.99%\" }", "")), "default");
    assert_eq!(variant(LAST_HELD_OUT, &shop("offers_policy = { holdout = \"0%\" }", "holdout = \"5%\"")), HOLDOUT);
    assert_eq!(variant(LAST_HELD_OUT, &shop("", "holdout = \"0%\"")), "default");
}

#[test]
fn who_is_held_out_gets_a_trigger_and_neither_words_nor_code() {
    let model = shop("", "trigger = { kind = \"delay\", seconds = 3 }");
    let held = chosen(&visitor(LAST_HELD_OUT), &model, minute(1));
    assert_eq!((held.content, held.field, held.code, held.gives_code), (None, None, None, true));
    assert_eq!(held.trigger, engine::Trigger::Delay { seconds: 3 });
    let shown = chosen(&visitor(FIRST_SHOWN), &model, minute(1));
    assert_eq!(
        (shown.content.unwrap().title, shown.code.is_some(), shown.gives_code),
        ("Welkom".to_owned(), true, true)
    );
}

/// Seen red with a claim that does not look at what was written down.
#[test]
fn who_is_held_out_claims_no_code() {
    let model = shop("", "");
    let claimed = |touches: [Touch; 2]| {
        let lead = lead(touches);
        let offer = OfferId::parse("welcome").unwrap();
        claim(&lead, &evaluate(&lead, &model, minute(9)), &model, &offer, minute(9)).map(|grant| grant.already_granted)
    };
    let exposure = |stream: &str| {
        let chosen = chosen(&visitor(stream), &model, START);
        [reserved(&chosen, "r", "d1", START), offer_touch("s", "offer_shown", "welcome", "d1", minute(1))]
    };
    assert_eq!(claimed(exposure(LAST_HELD_OUT)), Err(Reason::Holdout));
    assert_eq!(claimed(exposure(FIRST_SHOWN)), Ok(false));
}

#[test]
fn an_exposure_of_who_is_held_out_counts_like_any_impression() {
    let model = shop("", "");
    let refused = |stream: &str| {
        let chosen = chosen(&visitor(stream), &model, START);
        let exposures = ["d1", "d2", "d3"].map(|decision| {
            let shown = offer_touch(&format!("s{decision}"), "offer_shown", "welcome", decision, minute(1));
            [of_stream(stream, reserved(&chosen, decision, decision, START)), of_stream(stream, shown)]
        });
        let lead = lead(exposures.into_iter().flatten());
        let explained = engine::Moment { explain: true, ..at_page("/") };
        decide_at(&lead, &model, &explained, minute(2)).considered[0].reason
    };
    assert_eq!(refused(LAST_HELD_OUT), Reason::AlreadyShown);
    assert_eq!(refused(FIRST_SHOWN), Reason::AlreadyShown);
}

const THREE: &str = "holdout = \"10%\"\n[[offers.variants]]\nid = \"plain\"\n[[offers.variants]]\nid = \"short\"\nweight = 2\n\
                     content.nl = { title = \"Hoi\" }\n";

#[test]
fn variants_share_what_is_left_by_weight_and_have_words_of_their_own() {
    let model = shop("", THREE);
    let shares = engine::model::Shares::of(&model.offers[0], &model.offers_policy);
    assert_eq!(shares.to_string(), "holdout:1000 plain:3000 short:6000");
    assert_eq!(engine::model::Shares::parse(&shares.to_string()), Some(shares.clone()));
    let titles = |from: usize| {
        let of = |number: usize| chosen(&visitor(&format!("visitor-{number:06}")), &model, minute(1));
        let all: Vec<Chosen> = (from..from + 3_000).map(of).collect();
        ["Welkom", "Hoi"].map(|title| {
            let has = |chosen: &&Chosen| chosen.content.as_ref().is_some_and(|content| content.title == title);
            all.iter().filter(has).count()
        })
    };
    // Three thousand of 30 % and 60 %: within four standard deviations.
    let [plain, short] = titles(0);
    assert!(plain.abs_diff(900) < 101 && short.abs_diff(1_800) < 108, "{plain} {short}");
}

/// Seen red with the assignment by hash alone.
#[test]
fn what_was_assigned_stays_whatever_becomes_of_streams_and_shares() {
    let silent = shop("", "");
    let first = chosen(&visitor(LAST_HELD_OUT), &silent, START);
    let note = reserved(&first, "r", "d1", START);
    let held = lead([of_stream(LAST_HELD_OUT, touch("a", "page_view", START)), note.clone()]);
    // when another device turns out to have come before, and when the shares change
    let mut merged = held.clone();
    merge(&mut merged, &lead([of_stream(FIRST_SHOWN, touch("b", "page_view", minute(-9)))]), &LedgerLimits::default());
    for (lead, model) in [(&merged, &silent), (&held, &shop("", "holdout = \"1%\"")), (&lead([note]), &silent)] {
        let again = chosen(lead, model, minute(99));
        assert_eq!(again.variant, HOLDOUT);
        // and what it was assigned by is what is written down again
        assert_eq!(again.noted.get("shares"), Some(&Scalar::Text("holdout:500 default:9500".into())));
    }
    // but not what the model has no more, nor with another seed
    assert_eq!(chosen(&held, &shop("", "holdout = \"0%\""), minute(99)).variant, "default");
    let reshuffled = shop("", "seed = \"autumn-2026\"");
    let own = |stream: &str| {
        let [before, after] = [&silent, &reshuffled].map(|model| chosen(&visitor(stream), model, START));
        let lead = lead([of_stream(stream, touch("a", "page_view", START)), reserved(&before, "r", "d1", START)]);
        (chosen(&lead, &reshuffled, minute(99)).variant, after.variant)
    };
    for number in 0..200 {
        let (now, as_if_new) = own(&format!("visitor-{number:06}"));
        assert_eq!(now, as_if_new);
    }
}

#[test]
fn the_earliest_stream_of_a_browser_decides_else_the_page_that_asks() {
    let model = shop("", "");
    // given what a server told first, of a stream that many share
    let told = Touch { trust: Trust::Server, ..of_stream(LAST_HELD_OUT, server_touch("x", "email_open", START)) };
    let seen = of_stream(FIRST_SHOWN, touch("a", "page_view", minute(1)));
    let also = of_stream(LAST_HELD_OUT, touch("b", "page_view", minute(2)));
    assert_eq!(chosen(&lead([told.clone(), seen, also]), &model, minute(3)).variant, "default");
    // and nobody's browser, then the page that asks
    let asking = |stream: &str| {
        let moment = engine::Moment { stream: StreamId::parse(stream).ok(), ..at_page("/") };
        decide_at(&lead([told.clone()]), &model, &moment, minute(3)).offers[0].variant.clone()
    };
    assert_eq!((asking(LAST_HELD_OUT), asking(FIRST_SHOWN)), (HOLDOUT.to_owned(), "default".to_owned()));
}

/// Seen red with the first reservation of an offer alone.
#[test]
fn compaction_keeps_what_was_assigned_first_and_what_was_shown_first() {
    let noted = |id: &str, variant: &str, hour: i64| {
        let properties = [("variant", Scalar::Text(variant.into()))];
        with(properties, offer_touch(id, "gloed_reserved", "welcome", id, minute(60 * hour)))
    };
    let shown = |id: &str, hour: i64| offer_touch(&format!("s{id}"), "offer_shown", "welcome", id, minute(60 * hour));
    let touches = [
        noted("r1", "a", 0),
        noted("r2", "a", 1),
        noted("r3", "a", 2),
        shown("r3", 2),
        noted("r4", "a", 3),
        shown("r4", 3),
        noted("r5", "b", 4),
        noted("r6", "b", 5),
    ];
    let kept = compact(&lead(touches), &LedgerLimits::default(), &[], START + Span::days(20)).lead;
    let kept: Vec<&str> = kept.touches().iter().map(|touch| touch.id.as_str()).collect();
    assert_eq!(kept, ["r1", "r3", "sr3", "sr4", "r5"]);
}

#[test]
fn what_is_no_experiment_is_refused_with_its_place() {
    let refused = |offer: &str, path: &str| {
        let text = format!(
            "version = 1\nname = \"m\"\n[[stages]]\nname = \"cold\"\n[[offers]]\nid = \"w\"\nslot = \"bar\"\n\
             content.nl = {{ title = \"W\" }}\n{offer}"
        );
        let faults = Model::parse(&text, &crate::common::site()).unwrap_err();
        assert_eq!(faults.iter().map(|fault| fault.path.as_str()).collect::<Vec<_>>(), [path], "{offer}");
    };
    refused("holdout = \"60%\"", "offers[0].holdout");
    refused("holdout = 5", "offers[0].holdout");
    refused("seed = \"\"", "offers[0].seed");
    refused("variants = [{ id = \"holdout\" }]", "offers[0].variants[0].id");
    refused("variants = [{ id = \"a\" }, { id = \"a\" }]", "offers[0].variants[1].id");
    refused("variants = [{ id = \"a\", weight = 0 }]", "offers[0].variants[0].weight");
    refused("variants = [{ id = \"a\", content = {} }]", "offers[0].variants[0].content");
    refused("[economics]\nmargin = \"0%\"", "economics.margin");
    refused("[economics]\nvalue_includes = [\"tax\", \"tax\"]", "economics.value_includes");
    refused("[economics]\nwindow = \"200d\"", "economics.window");
}
