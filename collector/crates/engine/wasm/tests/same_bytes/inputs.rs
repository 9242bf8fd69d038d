//! What both builds are given: random models and ledgers, some of them broken, and whatever the fuzzer starts from.

use std::hash::{BuildHasher, RandomState};
use std::path::Path;

use engine::{Lead, Span, Suspicion, Touch, preset, presets};
use engine_wasm::Input;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

use crate::common::{START, lead, offer_touch};
use crate::random::{amsterdam, models, touches};

/// Offers with every kind of refusal, for models that have none: they ask for what the random touches may bring.
const OFFERS: &str = r#"
[[offers]]
id = "keen"
slot = "popup"
when = { any = [{ field = "label", has = "keen" }, { field = "stage", gte = "warm" }] }
goal = "search"
holdout = "25%"
coupon = { kind = "fixed", code = "WARM10", reveal = "goal" }
frequency = { per_visitor = 2, after_dismissal = "1h" }
content.nl = { title = "Voor wie zoekt" }
variants = [{ id = "own" }, { id = "short", weight = 2, content = { nl = { title = "Zoek" } } }]
[[offers]]
id = "welcome"
slot = "bar"
priority = 3
when = { field = "score", gte = 5 }
coupon = { kind = "fixed", code = "WELKOM5", reveal = "shown" }
content.nl = { title = "Welkom" }
[[offers]]
id = "autumn"
slot = "home"
until = "2026-09-23"
when = { field = "page.path", glob = "/p*" }
content.nl = { title = "Herfst" }
content.en = { title = "Autumn" }
"#;

/// A number that nobody can foresee.
pub(crate) fn fresh_seed() -> u64 {
    RandomState::new().hash_one(0)
}

/// How many inputs are drawn.
pub(crate) fn cases() -> usize {
    std::env::var("PROPTEST_CASES").ok().and_then(|count| count.parse().ok()).unwrap_or(10_000)
}

/// So many inputs, always the same of one seed; and one of each file that the fuzzer of models starts from.
pub(crate) fn drawn(seed: u64, count: usize) -> Vec<Vec<u8>> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(ProptestConfig::default(), random);
    let strategy = input();
    let mut draw = || strategy.new_tree(&mut runner).unwrap().current();
    let mut inputs: Vec<Input> = (0..count).map(|_| draw()).collect();
    let texts =
        ["fuzz/corpus/model", "tests/engine/broken", "tests/engine/doubtful"].iter().flat_map(|folder| files(folder));
    let with_text = texts.map(|model| Input { model, ..draw() }).collect::<Vec<_>>();
    inputs.extend(with_text);
    inputs.iter().map(Input::encode).collect()
}

/// The text of each file of one of the engine's folders, by name.
fn files(folder: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder);
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned()).collect()
}

fn input() -> impl Strategy<Value = Input> {
    let looks =
        prop::collection::btree_set(prop_oneof![0..4 * 86_400_000_i64, 7 * 86_400_000..30 * 86_400_000_i64], 1..3);
    let path = select(&["/", "/price", "/p", "/cart"]);
    let most = prop_oneof![4 => Just(1_000_u32), 1 => 1..12_u32];
    (model(), [bytes(), bytes()], looks, path, most).prop_map(|(model, leads, looks, path, most_touches)| Input {
        model,
        offsets: amsterdam().offsets.iter().map(|(from, seconds)| (from.0, *seconds)).collect(),
        leads,
        most_touches,
        instants: looks.into_iter().map(|span| (START + Span(span)).0).collect(),
        path: path.to_owned(),
    })
}

/// A model's text: random rules with [`OFFERS`], or a preset; one in ten with a line of another in it, or one less.
fn model() -> impl Strategy<Value = String> {
    let presets = presets::NAMES.map(|name| preset(name).unwrap().to_owned());
    let whole = prop_oneof![
        8 => models().prop_map(|written| format!("{}{OFFERS}", written.text)),
        1 => select(presets.to_vec()),
    ];
    let damage = prop_oneof![9 => Just(None), 1 => any::<(Index, Index, bool)>().prop_map(Some)];
    (whole, damage).prop_map(|(text, damage)| {
        let Some((place, other, cut)) = damage else { return text };
        let mut lines: Vec<&str> = text.lines().collect();
        let line = lines[other.index(lines.len())];
        let place = place.index(lines.len());
        if cut {
            lines.remove(place);
        } else {
            lines.insert(place, line);
        }
        lines.join("\n")
    })
}

/// An encoded ledger: of random touches, some of them a program's, some about offers; one in twenty with a damaged byte.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let about = (select(&["offer_shown", "offer_dismissed", "gloed_reserved", "gloed_granted"]), 0..3_u8, 0..48_i64);
    let about = about.prop_map(|(name, offer, hour)| {
        let offer = ["keen", "welcome", "autumn"][usize::from(offer)];
        offer_touch(&format!("o{hour}{name}"), name, offer, "d1", START + Span::minutes(60 * hour))
    });
    let damage = prop_oneof![19 => Just(None), 1 => any::<(Index, u8)>().prop_map(Some)];
    (touches(20), prop::collection::vec(about, 0..4), any::<u8>(), damage).prop_map(
        |(touches, about, program, damage)| {
            let suspect = |touch: Touch| {
                let suspect = program < 40 && touch.stream.as_str() == "stream-1";
                let why = if program < 20 { Suspicion::Bot } else { Suspicion::Unattested };
                Touch { suspect: suspect.then_some(why), ..touch }
            };
            let lead: Lead = lead(touches.into_iter().map(suspect).chain(about));
            let mut bytes = lead.encode();
            if let Some((place, byte)) = damage {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            bytes
        },
    )
}
