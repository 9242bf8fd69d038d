//! Quarantine: what no person did is seen, and counts for nothing until there is a person.

use crate::common::{START, lead, minute, model, on_page, server_touch, touch};
use engine::{
    Cause, Evaluation, Lead, LedgerLimits, Model, Points, Scalar, Span, StageCause, StreamId, Suspicion, Touch, Trust,
    evaluate, evaluate_for, record,
};

/// Points for everything, a label, a state, a sequence, and what is known of the visitor.
fn everything() -> Model {
    model(
        r#"
version = 1
name = "everything"
half_life = "none"
[[stages]]
name = "cold"
[[stages]]
name = "warm"
enter = ">= 3"
[[rules]]
id = "any"
when = { field = "event", glob = "*" }
points = 1
[[rules]]
id = "twice"
when = { all = [{ field = "event", eq = "page_view" }, { field = "count.page_view", gte = 2 }] }
points = 10
[[rules]]
id = "from_search"
when = { all = [{ field = "event", eq = "page_view" }, { sequence = [{ field = "event", eq = "search" }, { field = "event", eq = "page_view" }] }] }
points = 100
[[rules]]
id = "cart"
while = { field = "cart.quantity", gt = 0 }
points = 1000
[[labels]]
label = "seen"
when = { field = "event", eq = "page_view" }
"#,
    )
}

fn bot(touch: Touch) -> Touch {
    Touch { suspect: Some(Suspicion::Bot), ..touch }
}

fn of_stream(stream: &str, touch: Touch) -> Touch {
    Touch { stream: StreamId::parse(stream).unwrap(), ..touch }
}

fn mail(id: &str, name: &str, mail: &str, link: &str, at: engine::Millis) -> Touch {
    let text = |text: &str| Scalar::Text(text.into());
    let mut properties = vec![("mail".into(), text(mail))];
    if !link.is_empty() {
        properties.push(("link".into(), text(link)));
    }
    Touch { properties: properties.into(), ..of_stream("mailtool", server_touch(id, name, at)) }
}

fn held(evaluation: &Evaluation) -> Vec<(&str, &str)> {
    evaluation.quarantined.iter().map(|(touch, why)| (touch.as_str(), why.name())).collect()
}

/// A browser's walk through the shop that touches everything a touch can change.
fn walk() -> Vec<Touch> {
    let attributes = Touch {
        properties: [("size".into(), Scalar::Integer(1))].into_iter().collect(),
        ..touch("b:4", "set_attributes", minute(3))
    };
    vec![
        Touch { country: Some("NL".into()), ..touch("b:1", "search", START) },
        on_page("/a", touch("b:2", "page_view", minute(1))),
        on_page("/b", touch("b:3", "page_view", minute(2))),
        attributes,
        touch("b:5", "add_to_cart", minute(4)),
        Touch { transaction: Some("T-1".into()), ..touch("b:6", "purchase", minute(5)) },
        touch("b:7", "add_to_cart", minute(6)),
    ]
}

#[test]
fn what_a_bot_did_is_visible_and_changes_nothing() {
    // given a bot that walked through the shop, and nothing else
    let lead = lead(walk().into_iter().map(bot));
    // when it is evaluated
    let evaluation = evaluate(&lead, &everything(), minute(60));
    // then every touch is there, named with its reason, and the visitor is as if nothing had happened
    assert_eq!(lead.touches().len(), 7);
    assert_eq!(
        held(&evaluation),
        ["b:1", "b:2", "b:3", "b:4", "b:5", "b:6", "b:7"].map(|id| (id, Suspicion::Bot.name()))
    );
    assert_eq!((evaluation.score, evaluation.lines.len()), (Points::ZERO, 0));
    assert_eq!(evaluation.why, StageCause::Initial);
    assert_eq!((evaluation.visits, evaluation.touchpoints, evaluation.cart.quantity), (0, 0, 0));
    assert_eq!((evaluation.labels, evaluation.attributes), (Vec::new(), Vec::new()));
    assert_eq!((evaluation.country, evaluation.last_seen, evaluation.purchased), (None, None, false));
    assert_eq!(evaluation.uncounted, [0, 1, 2, 3, 4, 5, 6]);
}

#[test]
fn evidence_of_a_person_in_the_stream_lets_it_count_from_its_own_time() {
    // given the same walk, and the same without suspicion
    let (model, at) = (everything(), minute(60));
    let person = Touch { trust: Trust::Page, ..touch("b:9", "scroll", minute(30)) };
    let suspected = lead(walk().into_iter().map(bot).chain([person.clone()]));
    let unsuspected = lead(walk().into_iter().chain([person]));
    // when a person shows in its stream, then both mean the same
    let (one, other) = (evaluate(&suspected, &model, at), evaluate(&unsuspected, &model, at));
    assert_eq!((one.score, &one.lines, one.stage, one.since), (other.score, &other.lines, other.stage, other.since));
    assert_eq!((&one.why, one.visits, one.cart), (&other.why, other.visits, other.cart));
    assert_eq!((held(&one), one.since), (Vec::new(), minute(1)));
}

#[test]
fn only_a_trusted_touch_of_the_same_stream_that_is_beyond_suspicion_is_evidence() {
    let suspected = bot(touch("b:1", "page_view", START));
    let page = |id: &str| Touch { trust: Trust::Page, ..touch(id, "scroll", minute(1)) };
    let evidence = [
        ("another stream", of_stream("stream-2", page("p:1")), false),
        ("a browser's word", touch("p:1", "scroll", minute(1)), false),
        ("suspect itself", bot(page("p:1")), false),
        ("our own", Touch { trust: Trust::Product, ..page("p:1") }, false),
        ("a page with a person", page("p:1"), true),
        ("a server", server_touch("p:1", "order_paid", minute(1)), true),
        ("earlier", Touch { time: minute(-9), received: minute(-9), ..page("p:1") }, true),
    ];
    for (what, touch, counts) in evidence {
        let evaluation = evaluate(&lead([suspected.clone(), touch]), &everything(), minute(60));
        let found = evaluation.lines.iter().any(|line| line.cause == Cause::Touch { touch: suspected.id.clone() });
        assert_eq!((found, evaluation.quarantined.is_empty()), (counts, counts), "{what}");
    }
}

#[test]
fn of_copies_of_one_id_the_trusted_one_decides_and_then_the_unsuspected() {
    let browser = |suspect| Touch { suspect, ..touch("a", "page_view", START) };
    let page = |suspect| Touch { trust: Trust::Page, ..browser(suspect) };
    let (bot, prerender) = (Some(Suspicion::Bot), Some(Suspicion::Prerender));
    let cases = [
        ([browser(bot), browser(None)], None),
        ([browser(prerender), browser(bot)], bot),
        ([browser(bot), browser(Some(Suspicion::Unattested))], Some(Suspicion::Unattested)),
        ([browser(None), page(bot)], bot),
        ([browser(bot), page(None)], None),
    ];
    for ([one, other], expected) in cases {
        for copies in [[one.clone(), other.clone()], [other, one]] {
            assert_eq!(lead(copies).touches()[0].suspect, expected);
        }
    }
}

#[test]
fn clicks_on_three_links_within_ten_seconds_are_a_scanners() {
    // given three clicks in 10 s, an open just before them, and one of another mail half an hour later
    let at = |second: i64| START + Span::seconds(second);
    let mut touches = vec![
        mail("sent", "email_sent", "m1", "", minute(-60)),
        mail("open", "email_open", "m1", "", at(-3)),
        mail("c1", "email_click", "m1", "/a", at(0)),
        mail("c2", "email_click", "m1", "/b", at(4)),
        mail("c3", "email_click", "m1", "/c", at(10)),
        mail("later", "email_open", "m1", "", minute(30)),
        mail("c4", "email_click", "m1", "/a", minute(31)),
    ];
    let evaluation = evaluate(&lead(touches.clone()), &everything(), minute(60));
    // then the burst is held, and the open with it; what a person does later counts
    let scanner = Suspicion::Scanner.name();
    assert_eq!(held(&evaluation), [("open", scanner), ("c1", scanner), ("c2", scanner), ("c3", scanner)]);
    assert_eq!(evaluation.score, Points::whole(3));
    // and a millisecond more between the first and the last, or twice the same link, is a person's
    touches[4].time = at(10) + Span(1);
    assert_eq!(held(&evaluate(&lead(touches.clone()), &everything(), minute(60))), []);
    touches[4] = mail("c3", "email_click", "m1", "/b", at(9));
    assert_eq!(held(&evaluate(&lead(touches.clone()), &everything(), minute(60))), []);
    // and so are clicks that only a browser tells of
    touches[4] = mail("c3", "email_click", "m1", "/c", at(9));
    for touch in &mut touches {
        touch.trust = Trust::Browser;
    }
    assert_eq!(held(&evaluate(&lead(touches), &everything(), minute(60))), []);
}

#[test]
fn a_long_burst_is_held_whole() {
    // given twelve clicks, one every four seconds, on three links in turn
    let link = |number: i64| ["/a", "/b", "/c"][usize::try_from(number % 3).unwrap()];
    let click = |number: i64| {
        mail(&format!("c{number:02}"), "email_click", "m", link(number), START + Span::seconds(4 * number))
    };
    let burst = lead((0..12).map(click));
    // then every one of them is held
    assert_eq!(evaluate(&burst, &everything(), minute(60)).quarantined.len(), 12);
}

#[test]
fn a_click_two_seconds_after_its_mail_was_sent_is_a_scanners() {
    let sent = mail("sent", "email_sent", "m1", "", START);
    let scanner = Suspicion::Scanner.name();
    for (of, delay, expected) in
        [("m1", 2_000, vec![("click", scanner)]), ("m1", 2_001, vec![]), ("m2", 500, vec![]), ("m1", -1, vec![])]
    {
        let click = mail("click", "email_click", of, "/a", START + Span(delay));
        let evaluation = evaluate(&lead([sent.clone(), click]), &everything(), minute(60));
        assert_eq!(held(&evaluation), expected, "{of} after {delay} ms");
    }
}

#[test]
fn a_late_click_completes_the_burst_whatever_the_order_of_arrival() {
    let clicks = ["/a", "/b", "/c"].map(|link| mail(link, "email_click", "m", link, START));
    let mut late = Lead::default();
    for click in clicks.iter().rev() {
        record(&mut late, click.clone(), &LedgerLimits::default());
    }
    assert_eq!(late, lead(clicks));
    assert_eq!(evaluate(&late, &everything(), minute(1)).quarantined.len(), 3);
}

#[test]
fn what_is_held_is_no_part_of_what_a_person_did_elsewhere() {
    // given a bot that searched, looked around and bought, and then a person on another device: one page, the same order
    let order = |id: &str, at| Touch { transaction: Some("T-1".into()), ..touch(id, "purchase", minute(at)) };
    let bots = [touch("b:1", "search", START), touch("b:2", "page_view", minute(1)), order("b:3", 2)];
    let persons = [touch("p:1", "page_view", minute(3)), order("p:2", 4), touch("p:3", "add_to_cart", minute(5))];
    let persons = persons.map(|touch| of_stream("stream-2", touch));
    let with_bot = lead(bots.into_iter().map(bot).chain(persons.clone()));
    // then counts, sequences, orders and visits are the person's alone
    let (one, other) =
        (evaluate(&with_bot, &everything(), minute(9)), evaluate(&lead(persons), &everything(), minute(9)));
    assert_eq!((one.score, &one.lines), (other.score, &other.lines));
    assert_eq!(["search", "page_view", "purchase"].map(|name| one.count(&with_bot, name)), [0, 1, 1]);
    assert_eq!((one.visits, one.cart, one.uncounted), (1, other.cart, vec![0, 1, 2]));
}

#[test]
fn who_has_touched_nothing_yet_gives_nothing_and_may_be_asked_about_what_they_see() {
    // given somebody who has only looked, another device of whom nobody knows more, and a program
    let unattested = |touch: Touch| Touch { suspect: Some(Suspicion::Unattested), ..touch };
    let walked = walk().into_iter().map(unattested);
    let others = [
        of_stream("stream-2", unattested(touch("o:1", "page_view", minute(1)))),
        of_stream("stream-3", bot(touch("o:2", "page_view", minute(1)))),
    ];
    let (ledger, model, at) = (lead(walked.chain(others)), everything(), minute(60));
    let strict = evaluate(&ledger, &model, at);
    assert_eq!((strict.score, strict.visits, held(&strict).len()), (Points::ZERO, 0, 9));

    // when the page asks for an offer, then it is on its first visit with something in the cart, and without a point
    let asking = walk()[0].stream.clone();
    let seen = evaluate_for(&ledger, &model, &asking, false, at);
    assert_eq!((seen.visits, seen.cart.quantity, seen.labels.len()), (1, 1, 0));
    assert_eq!(
        (seen.score, &seen.lines, seen.stage, seen.since),
        (strict.score, &strict.lines, strict.stage, strict.since)
    );
    assert_eq!(held(&seen).len(), 2, "the program and the other device are no more than they were");

    // and once somebody has used it, that is as good as what will be recorded of it
    let used = evaluate_for(&ledger, &model, &asking, true, at);
    let person = Touch { trust: Trust::Page, ..touch("b:9", "user_engagement", minute(6)) };
    let mut recorded = ledger.clone();
    record(&mut recorded, person, &LedgerLimits::default());
    assert_eq!(used.score + Points::whole(1), evaluate(&recorded, &model, at).score);
    // and nothing of it holds for a program
    assert_eq!(evaluate_for(&ledger, &model, &StreamId::parse("stream-3").unwrap(), true, at).visits, 0);
}
