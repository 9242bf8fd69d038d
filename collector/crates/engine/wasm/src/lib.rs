//! Everything that the engine computes of one input, as text: the same function natively and in WASM, so that a test can
//! compare what both write.

use std::fmt::{Debug, Write as _};

use engine::model::warnings;
use engine::tree::Tree;
use engine::{
    Currency, Lead, LedgerLimits, Millis, Model, Moment, PageFacts, SiteFacts, Slot, Text, bound, claim, compact,
    decide, digest, evaluate, merge, missing, next_change, record, rule_story, transitions, unseen,
};
use serde::{Deserialize, Serialize};

#[cfg(target_arch = "wasm32")]
mod exports;

/// What is computed of. Nothing in it depends on the width of a machine's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// A model's text; it may be wrong.
    pub model: String,
    /// Offsets of the site's zone, as in [`SiteFacts`]: milliseconds, seconds.
    pub offsets: Vec<(i64, i32)>,
    /// Two encoded ledgers of one person; they may be damaged.
    pub leads: [Vec<u8>; 2],
    /// Most touches of one horizon.
    pub most_touches: u32,
    /// When it is looked at, ascending. The ledger is folded at the last of them.
    pub instants: Vec<i64>,
    /// The path of the page that asks for offers.
    pub path: String,
}

impl Input {
    /// The bytes that [`computed`] reads.
    #[must_use]
    #[expect(clippy::expect_used, reason = "writing to memory fails only for sequences of unknown length: none here")]
    pub fn encode(&self) -> Vec<u8> {
        postcard::to_allocvec(self).expect("an input has no sequence of unknown length")
    }

    /// Reads them back.
    ///
    /// # Errors
    /// When they are no input.
    pub fn decode(bytes: &[u8]) -> Result<Self, postcard::Error> {
        postcard::from_bytes(bytes)
    }
}

/// Everything that the engine computes of an encoded [`Input`], a line each: its name, and what came of it.
#[must_use]
pub fn computed(input: &[u8]) -> String {
    let mut told = Told(String::new());
    match Input::decode(input) {
        Ok(input) => of_input(&mut told, &input),
        Err(error) => told.line("input", &error),
    }
    told.0
}

/// FNV-1a of what is [`computed`], 64 bits: enough to see where two differ.
#[must_use]
pub fn fingerprint(input: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    computed(input).as_bytes().iter().fold(0xcbf2_9ce4_8422_2325, step)
}

/// What was computed so far.
struct Told(String);

impl Told {
    fn line(&mut self, name: &str, value: &impl Debug) {
        // Writing to memory does not fail.
        let _written = writeln!(self.0, "{name}: {value:?}");
    }
}

fn of_input(told: &mut Told, input: &Input) {
    let offsets: Vec<_> = input.offsets.iter().map(|(from, seconds)| (Millis(*from), *seconds)).collect();
    let site = SiteFacts { currency: Currency::EUR, offsets };
    let model = Model::parse(&input.model, &site);
    match (&model, Tree::parse(&input.model)) {
        (Ok(model), Ok(tree)) => told.line("warnings", &warnings(model, &tree)),
        (Err(faults), _) => told.line("faults", faults),
        (Ok(_), Err(faults)) => told.line("faults of the tree", &faults),
    }
    let [target, source] = [&input.leads[0], &input.leads[1]].map(|bytes| {
        let lead = Lead::decode(bytes);
        // Of bytes that no engine wrote the reader's words differ with the width of a length; that they are none does not.
        told.line("decoded", &lead.as_ref().map_err(|_| "broken"));
        lead.unwrap_or_default()
    });
    let limits =
        LedgerLimits { touches: usize::try_from(input.most_touches).unwrap_or(usize::MAX), ..LedgerLimits::default() };
    let mut recorded = target.clone();
    for touch in source.touches() {
        told.line("digest", &digest::digest(touch));
        told.line("recorded", &record(&mut recorded, touch.clone(), &limits));
    }
    let mut merged = target;
    merge(&mut merged, &source, &limits);
    let last = Millis(input.instants.last().copied().unwrap_or_default());
    let folded = compact(&merged, &limits, &site.offsets, last);
    told.line("folded", &(folded.folded, folded.let_go, folded.dropped));
    // Often they are equal: then one says it all.
    let mut ledgers = vec![recorded, merged, folded.lead];
    ledgers.dedup();
    for lead in ledgers {
        told.line("bytes", &hexadecimal(&lead.encode()));
        if let Ok(model) = &model {
            of_lead(told, &lead, model, input);
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to memory does not fail.
        let _written = write!(text, "{byte:02x}");
        text
    })
}

fn of_lead(told: &mut Told, lead: &Lead, model: &Model, input: &Input) {
    let moment = Moment {
        page: Some(PageFacts { host: Text::cut("shop.example"), path: Text::cut(&input.path), title: None }),
        slots: ["popup", "bar", "home"].into_iter().filter_map(|slot| Slot::parse(slot).ok()).collect(),
        explain: true,
        ..Moment::default()
    };
    told.line("unseen", &unseen(lead, model));
    let mut until = None;
    for now in input.instants.iter().rev().copied().map(Millis) {
        let evaluation = evaluate(lead, model, now);
        told.line("evaluation", &evaluation);
        told.line("decision", &decide(lead, &evaluation, model, &moment, now));
        for offer in &model.offers {
            told.line("claim", &claim(lead, &evaluation, model, &offer.id, now));
        }
        told.line("next change", &next_change(lead, model, now));
        told.line("bound", &bound(lead, model, now, until.unwrap_or(now)));
        told.line("missing", &missing(lead, model, now));
        until = Some(now);
    }
    let Some(now) = until else { return };
    told.line("transitions", &transitions(lead, model, now));
    for rule in &model.rules {
        told.line("story", &rule_story(lead, model, &rule.id, now));
    }
}
