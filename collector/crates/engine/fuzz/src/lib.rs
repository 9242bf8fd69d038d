//! What is done with each input: by the fuzzer, and by the test that replays the corpus (`tests/engine/corpus.rs`).

use std::sync::LazyLock;

use engine::model::warnings;
use engine::tree::Tree;
use engine::{Currency, Lead, Millis, Model, SiteFacts, evaluate, next_change, preset, presets};

static PRESETS: LazyLock<Vec<Model>> = LazyLock::new(|| {
    let site = SiteFacts { currency: Currency::EUR, offsets: Vec::new() };
    presets::NAMES.iter().filter_map(|name| Model::parse(preset(name)?, &site).ok()).collect()
});

/// Reads a model as a marketer's file is read. What is read is looked at for warnings, and evaluates an empty lead.
pub fn model(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let site = SiteFacts { currency: Currency::EUR, offsets: Vec::new() };
    match Model::parse(text, &site) {
        Ok(model) => {
            let Ok(tree) = Tree::parse(text) else { panic!("a model that parses has a tree") };
            let _warned = warnings(&model, &tree);
            let evaluation = evaluate(&Lead::default(), &model, Millis(0));
            assert_eq!(evaluation.stage.0, 0, "everyone begins in the first stage");
        }
        Err(faults) => assert!(!faults.is_empty(), "what is refused is told why"),
    }
}

/// Reads a lead as the store hands it over. What is read is written back alike, and means something under every preset.
pub fn lead(bytes: &[u8]) {
    let Ok(lead) = Lead::decode(bytes) else { return };
    assert_eq!(Lead::decode(&lead.encode()).as_ref(), Ok(&lead), "what is written reads back");
    for model in PRESETS.iter() {
        let now = lead.last_touched().unwrap_or(Millis(0));
        let evaluation = evaluate(&lead, model, now);
        let own = evaluation.lines.iter().filter(|line| line.score == 0);
        assert_eq!(
            own.map(|line| line.points_now).sum::<engine::Points>(),
            evaluation.score,
            "the lines are the score"
        );
        let _change = next_change(&lead, model, now);
    }
}
