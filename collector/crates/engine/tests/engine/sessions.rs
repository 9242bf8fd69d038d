//! Sessions: functions of one stream.

use crate::common::{lead, minute, model, on_page, server_touch, touch};
use engine::{Channel, Model, SourceFacts, StreamId, Touch, evaluate};

const MODEL: &str = "version = 1\nname = \"m\"\n[[stages]]\nname = \"cold\"";

fn visits(touches: impl IntoIterator<Item = Touch>) -> (u32, Option<Channel>) {
    let evaluation = evaluate(&lead(touches), &model(MODEL), minute(9_999));
    (evaluation.visits, evaluation.channel)
}

fn from(channel: Channel, campaign: Option<&str>, touch: Touch) -> Touch {
    let source = SourceFacts { channel, campaign: campaign.map(Into::into), ..SourceFacts::default() };
    Touch { source, ..touch }
}

#[test]
fn a_session_ends_after_thirty_minutes_without_a_touch_of_its_stream() {
    let view = |at: i64| touch(&format!("t{at}"), "page_view", minute(at));
    assert_eq!(visits([view(0), view(29), view(58)]).0, 1);
    assert_eq!(visits([view(0), view(30)]).0, 2);
    assert_eq!(visits([]), (0, None));
}

#[test]
fn each_stream_has_its_own_sessions() {
    let phone = StreamId::parse("stream-2").unwrap();
    let other = |at: i64| Touch { stream: phone.clone(), ..touch(&format!("p{at}"), "page_view", minute(at)) };
    // given two devices in turn: neither keeps the session of the other alive
    let view = |at: i64| touch(&format!("t{at}"), "page_view", minute(at));
    assert_eq!(visits([view(0), other(20), view(40), other(60)]).0, 4);
    assert_eq!(visits([view(0), other(1), view(20), other(21)]).0, 2);
}

#[test]
fn a_change_of_campaign_begins_a_session_and_a_page_without_one_does_not() {
    let view = |at: i64, channel, campaign| from(channel, campaign, touch(&format!("t{at}"), "page_view", minute(at)));
    let touches = [
        view(0, Channel::Email, Some("nieuwsbrief")),
        view(1, Channel::Direct, None),
        view(2, Channel::Email, Some("nieuwsbrief")),
    ];
    assert_eq!(visits(touches.clone()), (1, Some(Channel::Email)));
    let ad = view(3, Channel::Paid, Some("zomer"));
    assert_eq!(visits(touches.into_iter().chain([ad])), (2, Some(Channel::Paid)));
}

#[test]
fn an_advertisers_click_begins_a_session_though_it_names_no_campaign() {
    let view = |at: i64, channel| from(channel, None, touch(&format!("t{at}"), "page_view", minute(at)));
    // given a visit from a search engine in which an advertisement is clicked, whose page is loaded again
    let ad = [view(0, Channel::Organic), view(1, Channel::Paid), view(2, Channel::Paid), view(3, Channel::Direct)];
    assert_eq!(visits(ad), (2, Some(Channel::Paid)));
    // and a link in a mail that has a source only
    let mail = SourceFacts { channel: Channel::Email, source: Some("nieuwsbrief".into()), ..SourceFacts::default() };
    let opened = Touch { source: mail, ..touch("m", "page_view", minute(5)) };
    assert_eq!(visits([view(0, Channel::Organic), opened]), (2, Some(Channel::Email)));
}

#[test]
fn who_comes_back_from_paying_goes_on_with_the_session_however_long_it_took() {
    let back = |at: i64| {
        let source = SourceFacts { referrer_host: Some("www.mollie.com".into()), ..SourceFacts::default() };
        Touch { source, ..touch(&format!("b{at}"), "page_view", minute(at)) }
    };
    let view = |at: i64, channel| from(channel, None, touch(&format!("t{at}"), "page_view", minute(at)));
    assert_eq!(visits([view(0, Channel::Email), back(31)]), (1, Some(Channel::Email)));
    assert_eq!(visits([view(0, Channel::Email), back(31), view(60, Channel::Direct)]), (1, Some(Channel::Email)));
    assert_eq!(visits([view(0, Channel::Email), back(179)]), (1, Some(Channel::Email)));
    // but not hours later
    assert_eq!(visits([view(0, Channel::Email), back(180)]), (2, Some(Channel::Direct)));
    // nor does it keep alive what was over by itself
    assert_eq!(visits([view(0, Channel::Email), view(31, Channel::Direct)]), (2, Some(Channel::Direct)));
}

#[test]
fn a_mail_that_was_opened_is_no_visit_and_a_page_told_by_a_server_is() {
    assert_eq!(visits([server_touch("m", "email_open", minute(0))]).0, 0);
    assert_eq!(visits([on_page("/", server_touch("m", "page_view", minute(0)))]).0, 1);
}

#[test]
fn a_rule_that_asks_where_somebody_comes_from_hears_how_the_visit_began() {
    // given an advertisement, its landing page, and a form two pages on, which has no parameters in its address
    let source = SourceFacts {
        channel: Channel::Paid,
        source: Some("google".into()),
        medium: Some("cpc".into()),
        campaign: Some("zomer".into()),
        ..SourceFacts::default()
    };
    let ad = || Touch { source: source.clone(), ..touch("t0", "page_view", minute(0)) };
    let form = |at: i64| touch(&format!("f{at}"), "generate_lead", minute(at));
    let asks = |field: &str, value: &str| {
        let asked = "{ field = \"event\", eq = \"generate_lead\" }";
        let rule = "[[rules]]\nid = \"r\"\npoints = 1\n";
        model(&format!("{MODEL}\n{rule}when = {{ all = [{asked}, {{ field = \"{field}\", eq = \"{value}\" }}] }}"))
    };
    let lines = |model: &Model, touches: Vec<Touch>| evaluate(&lead(touches), model, minute(99)).lines.len();
    for (field, value) in [("channel", "paid"), ("source", "google"), ("medium", "cpc"), ("campaign", "zomer")] {
        let model = asks(field, value);
        // then the form counts as what the advertisement brought
        assert_eq!(lines(&model, vec![ad(), form(3)]), 1, "{field}");
        // and the next visit, another device, and what a server tells apart from any page do not
        assert_eq!(lines(&model, vec![ad(), form(33)]), 0, "{field}");
        let phone = Touch { stream: StreamId::parse("stream-2").unwrap(), ..form(3) };
        assert_eq!(lines(&model, vec![ad(), phone]), 0, "{field}");
        assert_eq!(lines(&model, vec![ad(), server_touch("s", "generate_lead", minute(3))]), 0, "{field}");
    }
    // whereas a step of a sequence is about its touch alone
    let step = "[[rules]]\nid = \"r\"\npoints = 1\nwhen = { sequence = [{ all = [\
                { field = \"event\", eq = \"generate_lead\" }, { field = \"channel\", eq = \"paid\" }] }] }";
    assert_eq!(lines(&model(&format!("{MODEL}\n{step}")), vec![ad(), form(3)]), 0);
}
