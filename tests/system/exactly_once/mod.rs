//! Each event one to ten times, shuffled, over three collectors, up to a day late, before and after folding, ids used again
//! with other content: every score is the oracle's.
//!
//! A case is one visitor; its [`Story`] says what happens, how often that is told, and what it must come to by plain
//! counting. Beside the oracle stands a lone collector that hears everything once, in order, and folds nothing: it says
//! which of two contents of one id counts, and what each rule gives.
//!
//! Seen red: with the copy that came first kept where two contents share an id (`join` of the engine, a constant in place of
//! the comparison of ranks), 22 of 80 cases differed between the fleet and the lone collector.

mod story;

use std::{collections::BTreeMap, env, ops::Range, sync::Arc};

use serde_json::Value;
use story::{LARGE, MODEL, Story, Teller};
use tests::{
    Fault,
    bar::{Bar, Verdict},
    body,
    environment::{Environment, ORIGIN, SITE, Setup, visitor_id},
    http::Answer,
};
use tokio::task::JoinSet;

use crate::{random::Random, several::Fleet};

/// Cases of the short form, and of one pass of the long one: each lead wakes at an instant of its own while the clock is
/// moved, and moving it must end within a minute.
const PASS: u64 = 80;
/// Cases of the long form.
const LONG: u64 = 10_000;
/// Visitors who are on their way at the same time.
const AT_ONCE: usize = 48;
/// Events in one request.
const BATCH: usize = 10;
/// How far the clock is moved: what came before is older than the horizon of seven days, and folded by whole days.
const ONE_WEEK_ON: &str = "9d";

/// What a collector says of a visitor, as far as it must not depend on how often and in which order anything came.
#[derive(Debug, PartialEq, Eq)]
struct Read {
    score: String,
    stage: String,
    /// Half points by rule. Folded or not, each rule gives the same.
    rules: BTreeMap<String, i64>,
    folded: bool,
}

async fn read(collector: &Environment, id: &str) -> Read {
    let answer = collector.visitor(SITE, id).await.unwrap().json().unwrap();
    let mut rules = BTreeMap::new();
    let mut folded = false;
    for line in answer["lines"].as_array().into_iter().flatten() {
        let rule = line["rule"].as_str().unwrap_or_default().to_owned();
        *rules.entry(rule).or_default() += half_points(line["points_now"].as_str().unwrap());
        folded |= !line["folded"].is_null();
    }
    let text = |field: &str| answer[field].as_str().unwrap_or_default().to_owned();
    Read { score: text("score"), stage: text("stage"), rules, folded }
}

#[expect(clippy::cast_possible_truncation, reason = "halves of a few thousand")]
fn half_points(text: &str) -> i64 {
    (text.parse::<f64>().unwrap() * 2.0).round() as i64
}

/// Asks, and once more if the connection was closed meanwhile for having been silent: as a page does, the same again.
async fn answered<A: Future<Output = Result<Answer, Fault>>>(ask: impl Fn() -> A) -> Answer {
    match ask().await {
        Err(Fault::NoAnswer { .. }) => ask().await.unwrap(),
        answer => answer.unwrap(),
    }
}

/// Sends events to one collector, whose clock is `ahead` of this machine's; gives the visitor's id.
async fn tell(collector: &Environment, story: &Story, id: &str, ahead: i64, events: Vec<(Teller, Value)>) -> String {
    let mut known = id.to_owned();
    let (pages, servers): (Vec<_>, Vec<_>) = events.into_iter().partition(|(teller, _)| *teller == Teller::Page);
    for part in pages.chunks(BATCH) {
        let events = part.iter().map(|(_, event)| event.clone()).collect();
        let mut body = story.page.envelope(&format!("{ORIGIN}/"), events);
        body["sent"] = (body::now() + ahead).into();
        let answer = answered(|| collector.post("/v1/events", &body)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let answer = answer.json().unwrap();
        all_accepted(&answer);
        visitor_id(&answer).unwrap().clone_into(&mut known);
    }
    for part in servers.chunks(BATCH) {
        let events = part.iter().map(|(_, event)| {
            let mut event = event.clone();
            event["visitor"] = known.as_str().into();
            event
        });
        let events: Vec<Value> = events.collect();
        let answer = answered(|| collector.server_events(SITE, events.clone())).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        all_accepted(&answer.json().unwrap());
    }
    known
}

fn all_accepted(answer: &Value) {
    let receipts = answer["receipts"].as_array().unwrap();
    assert!(receipts.iter().all(|receipt| receipt["status"] == "accepted"), "{answer}");
}

/// The fleet, and the lone collector that everything is compared with.
struct World {
    fleet: Fleet,
    lone: Environment,
    /// How far their clocks are ahead of this machine's, in milliseconds.
    ahead: i64,
}

/// One visitor with the ids that the two say they are.
struct Case {
    story: Story,
    id: String,
    lone_id: String,
}

impl World {
    async fn start() -> Self {
        let setup = Setup::default().model(MODEL).test_clock();
        let fleet = Fleet::start(setup.clone().set("ledger.touches", i64::try_from(LARGE).unwrap())).await;
        let lone = setup
            .set("limits.requests_per_second", 100_000)
            .set("limits.request_burst", 100_000)
            .set("limits.new_visitors_per_second", 100_000)
            .set("limits.new_visitor_burst", 100_000)
            .start()
            .await
            .unwrap();
        Self { fleet, lone, ahead: 0 }
    }

    fn now(&self) -> i64 {
        body::now() + self.ahead
    }

    async fn applied(&self) {
        self.fleet.applied(&[0, 1, 2]).await;
        self.lone.applied().await.unwrap();
    }

    async fn a_week_on(&mut self) {
        self.applied().await;
        let mut least = i64::MAX;
        for collector in self.fleet.collectors.iter().chain([&self.lone]) {
            let shown = collector.advance(ONE_WEEK_ON).await.unwrap();
            least = least.min(shown - body::now());
        }
        self.ahead = least;
    }

    /// To the fleet: the first request to one, since its answer says who it is; then to all three at once.
    async fn to_all(&self, case: &mut Case, mut events: Vec<(Teller, Value)>) {
        let first = case.story.random.below(3);
        if case.id.is_empty() {
            let page = events.iter().position(|(teller, _)| *teller == Teller::Page).unwrap();
            let one = vec![events.swap_remove(page)];
            case.id = tell(&self.fleet.collectors[first], &case.story, "", self.ahead, one).await;
        }
        let mut lanes: [Vec<(Teller, Value)>; 3] = Default::default();
        for event in events {
            lanes[case.story.random.below(3)].push(event);
        }
        let [a, b, c] = lanes;
        let to = |place: usize, events| tell(&self.fleet.collectors[place], &case.story, &case.id, self.ahead, events);
        let ids = tokio::join!(to(0, a), to(1, b), to(2, c));
        assert!([ids.0, ids.1, ids.2].iter().all(|id| *id == case.id), "one visitor became two");
    }

    async fn to_lone(&self, case: &mut Case) {
        case.lone_id = tell(&self.lone, &case.story, &case.lone_id, self.ahead, case.story.once()).await;
    }

    /// Whether all that is said of a visitor is right; what is not is printed.
    async fn is_right(&self, case: &Case, place: usize) -> bool {
        let one = read(&self.fleet.collectors[place % 3], &case.id).await;
        let other = read(&self.fleet.collectors[(place + 1) % 3], &case.id).await;
        let lone = read(&self.lone, &case.lone_id).await;
        let right = case.story.right_scores();
        let as_alone = (&one.score, &one.stage, &one.rules) == (&lone.score, &lone.stage, &lone.rules);
        let is_right = right.contains(&half_points(&one.score)) && as_alone && one == other;
        let folded_as_meant = one.folded == case.story.folds && !lone.folded;
        if !is_right || !folded_as_meant {
            println!(
                "visitor {place}: {one:?}\nanother collector {other:?}\nalone {lone:?}\nright, in half points: {right:?}"
            );
        }
        is_right && folded_as_meant
    }
}

/// Does the same for every case, many at a time, and waits until it is all in the store.
async fn each<F>(world: Arc<World>, cases: Vec<Case>, work: impl Fn(Arc<World>, Case) -> F) -> Vec<Case>
where
    F: Future<Output = Case> + Send + 'static,
{
    let mut done = Vec::with_capacity(cases.len());
    let mut running = JoinSet::new();
    for case in cases {
        if running.len() == AT_ONCE {
            done.push(running.join_next().await.unwrap().unwrap());
        }
        running.spawn(work(world.clone(), case));
    }
    done.extend(running.join_all().await);
    world.applied().await;
    done
}

/// Tells everybody's two weeks to the fleet and to the lone collector; the clocks are nine days on after it.
async fn pass(world: World, seed: u64, visitors: Range<u64>) -> (World, Vec<Case>) {
    let case = |visitor| Case { story: Story::of(seed, visitor), id: String::new(), lone_id: String::new() };
    let world = Arc::new(world);
    let cases = each(world.clone(), visitors.map(case).collect(), |world, mut case| async move {
        case.story.begin(world.now());
        world.to_lone(&mut case).await;
        let events = case.story.copies();
        world.to_all(&mut case, events).await;
        case
    })
    .await;
    let mut world = Arc::into_inner(world).unwrap();
    world.a_week_on().await;
    let world = Arc::new(world);
    let cases = each(world.clone(), cases, |world, mut case| async move {
        case.story.go_on(world.now());
        world.to_lone(&mut case).await;
        let events = case.story.copies();
        world.to_all(&mut case, events).await;
        case
    })
    .await;
    let cases = each(world.clone(), cases, |world, mut case| async move {
        let events = case.story.afterwards(world.now());
        world.to_all(&mut case, events).await;
        case
    })
    .await;
    (Arc::into_inner(world).unwrap(), cases)
}

/// Short: 80 visitors, 10 to 30 s. Long: 10,000. `GLOED_SEED` replays a run.
#[tokio::test(flavor = "multi_thread")]
async fn bar_each_event_counts_exactly_once() {
    let seed = Random::seed_of("each_event_counts_exactly_once");
    let count = if env::var_os("GLOED_LONG").is_some() { LONG } else { PASS };
    // Given three collectors on one Redis, which fold what is large, and a lone one
    let mut world = World::start().await;
    let (mut equal, mut ids) = (0_u32, 0);
    for first in (0..count).step_by(usize::try_from(PASS).unwrap()) {
        // When everybody's weeks are told many times over, the first again in the second, and all again after folding
        let cases;
        (world, cases) = pass(world, seed, first..count.min(first + PASS)).await;
        // Then every score is the oracle's
        for (place, case) in cases.iter().enumerate() {
            equal += u32::from(world.is_right(case, place).await);
            ids += case.story.ids();
        }
    }
    println!("exactly once: {equal} of {count} cases");
    // and every id was recorded once
    let mut recorded = 0.0;
    for collector in &world.fleet.collectors {
        recorded += collector.metric("gloed_event_outcomes_total{outcome=\"recorded\"}").await.unwrap();
    }
    let share = f64::from(equal) * 100.0 / count as f64;
    assert_eq!(recorded, ids as f64, "ids recorded, and ids there were");
    assert_eq!(Bar::at_least("exactly_once_cases_equal", share, "%", 100.0).print(), Verdict::Ok);
}
