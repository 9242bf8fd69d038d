//! Stages: names for ranges of the score, lowest first.

use std::ops::Range;

use crate::condition::Condition;
use crate::model::Via;
use crate::points::Points;
use crate::time::Span;

/// The place of a stage in its model, from 0, the lowest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StageIndex(pub usize);

/// A bound on the score that micro-points are compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Threshold {
    /// The bound.
    pub at: Points,
    /// `>=` when true, `>` when false.
    pub inclusive: bool,
}

impl Threshold {
    /// Whether a score is on the upper side.
    #[must_use]
    pub fn holds(self, score: Points) -> bool {
        if self.inclusive { score >= self.at } else { score > self.at }
    }

    /// The lowest score on the upper side.
    fn least(self) -> Points {
        if self.inclusive { self.at } else { self.at + Points(1) }
    }

    /// Whether every score that satisfies `other` satisfies this one too.
    #[must_use]
    pub fn is_implied_by(self, other: Self) -> bool {
        self.at < other.at || (self.at == other.at && (self.inclusive || !other.inclusive))
    }
}

impl std::fmt::Display for Threshold {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {}", if self.inclusive { ">=" } else { ">" }, self.at)
    }
}

/// A stage above the lowest: where it is entered and how long it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// As people call it: `warm`.
    pub name: String,
    /// Entered when this holds. The lowest stage has none.
    pub enter: Option<Threshold>,
    /// Kept while this holds; the same as `enter` unless the model says less.
    pub keep: Option<Threshold>,
    /// Not left downwards before that long after it was entered.
    pub min_stay: Option<Span>,
    /// Thresholds for some visitors; the first whose condition holds replaces the stage's own.
    pub segments: Vec<Segment>,
    /// How it goes out that a lead has come to this stage; empty: nowhere but into the outbox.
    pub via: Vec<Via>,
}

/// Thresholds for some visitors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Which visitors, by their state; attributes count only where the server set them.
    pub when: Condition,
    /// Entered when this holds.
    pub enter: Threshold,
    /// Kept while this holds.
    pub keep: Threshold,
}

/// Where a stage is entered and how long it is kept, for one visitor at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Entered when this holds; `None`: always.
    pub enter: Option<Threshold>,
    /// Kept while this holds; `None`: always.
    pub keep: Option<Threshold>,
}

/// The stages of a model, lowest first; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stages(pub(crate) Vec<Stage>);

impl Stages {
    /// Lowest first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Stage> {
        self.0.iter()
    }

    /// The name of one.
    #[must_use]
    pub fn name(&self, stage: StageIndex) -> &str {
        self.0.get(stage.0).map_or("", |held| held.name.as_str())
    }

    /// The place of the one with this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<StageIndex> {
        self.0.iter().position(|stage| stage.name == name).map(StageIndex)
    }

    /// The thresholds of everybody for whom no segment holds.
    #[must_use]
    pub fn bounds(&self) -> Vec<Bounds> {
        self.0.iter().map(|stage| Bounds { enter: stage.enter, keep: stage.keep }).collect()
    }

    /// Whether any stage has thresholds for some visitors only.
    #[must_use]
    pub fn has_segments(&self) -> bool {
        self.0.iter().any(|stage| !stage.segments.is_empty())
    }
}

/// The stage that follows on `current` when the score becomes `score`, under the thresholds in force: the highest that is
/// entered; else `current` while it is kept; else the next one below that is.
///
/// Monotone in the score, which is what lets a forecast skip whole intervals.
#[must_use]
pub fn follow(bounds: &[Bounds], current: StageIndex, score: Points) -> StageIndex {
    let entered = bounds.iter().rposition(|stage| stage.enter.is_none_or(|enter| enter.holds(score)));
    let kept = bounds
        .iter()
        .take(current.0.saturating_add(1))
        .rposition(|stage| stage.keep.is_none_or(|keep| keep.holds(score)));
    StageIndex(entered.max(kept).unwrap_or(0))
}

/// Scores at which [`follow`] stays at `current`: all but the very highest number there is.
pub(crate) fn staying(bounds: &[Bounds], current: StageIndex) -> Range<Points> {
    let least = |threshold: Option<Threshold>| threshold.map_or(Points(i64::MIN), Threshold::least);
    let kept = bounds.get(current.0).map_or(Points(i64::MAX), |stage| least(stage.keep).min(least(stage.enter)));
    let above = bounds.iter().skip(current.0.saturating_add(1)).map(|stage| least(stage.enter)).min();
    kept..above.unwrap_or(Points(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_is_stayed_at_just_where_following_gives_it_again() {
        // given stages that are entered at, and above, a score, and kept down to another
        let threshold = |at, inclusive| Some(Threshold { at: Points(at), inclusive });
        let bounds = [
            Bounds { enter: None, keep: None },
            Bounds { enter: threshold(3, true), keep: threshold(2, false) },
            Bounds { enter: threshold(6, false), keep: threshold(6, false) },
            Bounds { enter: threshold(8, true), keep: threshold(1, true) },
        ];
        for current in (0..bounds.len()).map(StageIndex) {
            let staying = staying(&bounds, current);
            for score in (-1..=10).map(Points) {
                // then the range holds a score when, and only when, the stage follows on itself
                assert_eq!(
                    staying.contains(&score),
                    follow(&bounds, current, score) == current,
                    "{current:?} {score:?}"
                );
            }
        }
    }
}
