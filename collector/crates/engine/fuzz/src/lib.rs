//! What is done with each input: by the fuzzer, and by the test that replays the corpus (`tests/engine/corpus.rs`).

use std::sync::LazyLock;

use engine::model::warnings;
use engine::tree::Tree;
use engine::{
    Currency, EventName, Lead, LedgerLimits, Millis, Model, Points, SiteFacts, Span, StreamId, Touch, TouchId, Trust,
    bound, evaluate, foresee_change, foresee_notice, next_change, preset, presets, record,
};

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

/// Events of a story.
const NAMES: [&str; 8] =
    ["page_view", "add_to_cart", "remove_from_cart", "search", "purchase", "sign_up", "email_click", "consent"];

/// Reads a model and a visitor's story under it: the text of the model, a zero, then three bytes a touch. The first byte says
/// what happened and who told of it, the second how much later than the touch before, the third in which stream.
pub fn story(bytes: &[u8]) {
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    let (Some(text), Some(touches)) = (parts.next(), parts.next()) else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let site = SiteFacts { currency: Currency::EUR, offsets: Vec::new() };
    let Ok(model) = Model::parse(text, &site) else { return };
    let mut lead = Lead::default();
    let mut time = Millis(1_790_000_000_000);
    for (number, touch) in touches.chunks_exact(3).enumerate() {
        let [what, gap, stream] = touch else { continue };
        // Up to a quarter of an hour in steps of seven seconds, or up to a week.
        time = time
            + if *gap < 128 { Span::seconds(i64::from(*gap) * 7) } else { Span::minutes(i64::from(gap - 127) * 79) };
        let name = EventName::parse(NAMES.get(usize::from(what % 8)).copied().unwrap_or("page_view"));
        let (id, stream) = (TouchId::parse(&format!("t{number}")), StreamId::parse(&format!("stream-{stream}")));
        let (Ok(name), Ok(id), Ok(stream)) = (name, id, stream) else { continue };
        let trust = [Trust::Browser, Trust::Page, Trust::Server][usize::from(what / 8) % 3];
        record(&mut lead, Touch { trust, ..Touch::new(id, name, stream, time) }, &LedgerLimits::default());
    }
    let evaluation = evaluate(&lead, &model, time);
    let own = evaluation.lines.iter().filter(|line| line.score == 0);
    assert_eq!(own.map(|line| line.points_now).sum::<Points>(), evaluation.score, "the lines are the score");
    let change = foresee_change(&lead, &model, evaluation.at);
    if let Some(at) = change.look_at(|next| next.at) {
        assert!(at > evaluation.at, "what is foreseen lies ahead");
    }
    let _notice = foresee_notice(&lead, &model, &evaluation);
    let highest = bound(&lead, &model, evaluation.at, evaluation.at + Span::days(1));
    assert!(highest >= evaluation.score, "a bound is no less than the score");
}
