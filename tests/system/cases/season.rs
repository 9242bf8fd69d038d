//! `season`: leads of one segment are reminded when a window opens, once a season.

use serde_json::{Value, json};
use tests::environment::SITE;

use super::{Case, row};

const DAY: i64 = 86_400_000;
const MODEL: &str = r#"
version = 1
name = "tyres"
[[stages]]
name = "cold"
[[rules]]
id = "change_season"
title = "The change of tyres is near"
while = { all = [
    { field = "attribute.segment", eq = "lease" },
    { any = [
        { all = [{ field = "date", gte = "10-01" }, { field = "date", lt = "12-01" }] },
        { all = [{ field = "date", gte = "03-01" }, { field = "date", lt = "05-01" }] },
    ] },
] }
notice = "season_reminder"
via = ["mail"]
per = { times = 1, every = "90d" }
"#;

fn segment(name: &str) -> Value {
    json!({ "properties": { "segment": name } })
}

/// Month, day and hour in Amsterdam of an instant at which a window opens.
fn local(at: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(at).unwrap();
    let zone = jiff::tz::TimeZone::get("Europe/Amsterdam").unwrap();
    at.to_zoned(zone).strftime("%m-%d %H:%M").to_string()
}

/// Moves the clock to `DAYS` before the next window opens, from whenever the test runs.
async fn to_before_a_window(case: &Case, days: i64) {
    let now = case.advance("1s").await;
    let opens = (0..400).map(|day| now + day * DAY).find(|at| ["03-01", "10-01"].contains(&&local(*at)[..5]));
    let wait = (opens.unwrap() - now) / DAY - days;
    if wait > 0 {
        case.advance(&format!("{wait}d")).await;
    }
}

#[tokio::test]
async fn season_reminds_leads_of_the_segment_when_the_window_opens_once_a_season() {
    let case = Case::of_model(MODEL).await;
    to_before_a_window(&case, 20).await;
    // given a lead of the segment and one of another, weeks before the window
    let lease = case.tells("lease", "set_attributes", segment("lease")).await;
    case.tells("private", "set_attributes", segment("private")).await;
    assert_eq!(case.messages("season_reminder").await, Vec::<Value>::new());

    // when the window opens, then the one is told of, at midnight of the site
    case.advance("30d").await;
    let told = case.messages("season_reminder").await;
    assert_eq!(told.len(), 1, "{told:#?}");
    assert_eq!((&told[0]["visitor"], &told[0]["via"]), (&json!(lease), &json!(["mail"])));
    let opened = local(told[0]["since"].as_i64().unwrap());
    assert!(["03-01 00:00", "10-01 00:00"].contains(&opened.as_str()), "{opened}");
    let late = told[0]["announced_at"].as_i64().unwrap() - told[0]["since"].as_i64().unwrap();
    assert!((0..1_500).contains(&late), "{late} ms late, with nothing but the date to wake it");
    assert!(told[0].get("cart").is_none(), "{told:#?}");

    // and whoever leaves the segment and comes back within the season is not told of again
    case.tells("lease", "set_attributes", segment("private")).await;
    case.tells("lease", "set_attributes", segment("lease")).await;
    case.advance("20d").await;
    assert_eq!(case.messages("season_reminder").await.len(), 1);

    // and whoever comes into it within the window is told of then
    let late = case.tells("late", "set_attributes", segment("lease")).await;
    assert_eq!(case.messages_of("season_reminder", &late).await.len(), 1);

    // but the next season is another one, of which both are told
    case.advance("220d").await;
    let told = case.messages_of("season_reminder", &lease).await;
    assert_eq!(told.len(), 2, "{told:#?}");
    assert_ne!(local(told[1]["since"].as_i64().unwrap()), opened, "the other window");
    assert_eq!(case.messages_of("season_reminder", &late).await.len(), 2);
}

#[tokio::test]
async fn season_opened_and_booked_is_a_funnel() {
    let case = Case::of_model(MODEL).await;
    to_before_a_window(&case, 2).await;
    // given a hundred leads of the segment, reminded
    let people: Vec<String> = (0..100).map(|number| format!("lease-{number}")).collect();
    let all = |count: usize, name: &'static str, more: Value| -> Vec<(&str, &str, Value)> {
        people[..count].iter().map(|person| (person.as_str(), name, more.clone())).collect()
    };
    case.tells_at(SITE, &all(100, "set_attributes", segment("lease"))).await;
    // somebody who opens another mail before, and whoever is of no segment, are no part of it
    case.tells("lease-99", "email_open", json!({ "properties": { "mail": "season" } })).await;
    case.tells("other", "appointment", json!({})).await;
    case.advance("10d").await;
    assert_eq!(case.messages("season_reminder").await.len(), 100);
    // when 61 of them open the mail, and 35 of these book
    case.tells_at(SITE, &all(61, "email_open", json!({ "properties": { "mail": "season" } }))).await;
    case.advance("1h").await;
    case.tells_at(SITE, &all(35, "appointment", json!({}))).await;

    // then that is what the report says
    let steps = [
        "{ all = [{ field = \"event\", eq = \"gloed_noticed\" }, { field = \"property.notice\", eq = \"season_reminder\" }] }",
        "{ all = [{ field = \"event\", eq = \"email_open\" }, { field = \"property.mail\", eq = \"season\" }] }",
        "{ field = \"event\", eq = \"appointment\" }",
    ];
    let mut report = vec!["report", "funnel", SITE, "--since", "30d"];
    report.extend(steps.iter().flat_map(|step| ["--step", step]));
    let printed = case.printed(&report);
    assert_eq!(row(&printed, "1")[1..], ["100", "–", "100.0 %"], "{printed}");
    assert_eq!(row(&printed, "2")[1..], ["61", "61.0 %", "61.0 %"], "{printed}");
    assert_eq!(row(&printed, "3")[1..], ["35", "57.4 %", "35.0 %"], "{printed}");

    // and a step that is none says what is allowed
    let (code, _, said) = case.run(&["report", "funnel", "--step", "{ field = \"evnt\", eq = \"a\" }"]);
    assert_ne!(code, Some(0));
    assert!(said.contains("step[0].field: found \"evnt\", allowed: event, page.path"), "{said}");
}
