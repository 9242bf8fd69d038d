//! The smallest set of facts whose change makes a formula true.
//!
//! The formula has no `not` left: its leaves say which states of which fact do. Every set of changes that makes it true makes
//! true every part of an `all` and one part of each `any`, so ways through the `any`s are tried, the hardest of them first,
//! with a limit on the number of facts that change: none, one, two, …. The first way found is a smallest one.

/// A formula over facts.
#[derive(Debug, Clone)]
pub(super) enum Node {
    /// Every part.
    All(Vec<Node>),
    /// At least one part.
    Any(Vec<Node>),
    /// One fact.
    Leaf(Leaf),
}

/// What one part of a condition asks of one fact.
#[derive(Debug, Clone)]
pub(super) struct Leaf {
    /// Place of the fact.
    pub(super) fact: usize,
    /// A bit for each state that it can be changed to: whether that does.
    pub(super) states: u128,
    /// Whether it does as it is.
    pub(super) as_it_is: bool,
    /// Place of the part's text.
    pub(super) text: usize,
}

/// A way to make a formula true.
#[derive(Debug, Clone, Default)]
pub(super) struct Way {
    /// Facts that change, ascending, and the states that do.
    pub(super) changed: Vec<(usize, u128)>,
    /// Every part that was relied upon: its fact, and its text.
    pub(super) relied: Vec<(usize, usize)>,
}

/// What came of a search.
#[derive(Debug, Clone)]
pub(super) enum Found {
    /// A smallest way.
    Smallest(Way),
    /// There is none of at most so many changes.
    Nothing,
    /// The allowance was used up: a way, if one was met, that may not be a smallest one.
    SpentWith(Option<Way>),
}

/// What is asked of a fact so far.
#[derive(Debug, Clone, Copy)]
struct Need {
    /// States that do.
    states: u128,
    /// Whether it does as it is.
    kept: bool,
}

/// Looks for a smallest way with at most `most` changes. `states` says for each fact how many states it can be changed to.
/// `work` is what the search may cost, in leaves looked at, and what is left of it afterwards.
pub(super) fn smallest(formula: &Node, states: &[u32], most: usize, work: &mut u32) -> Found {
    let all = |count: u32| u128::MAX.checked_shr(128 - count.min(128)).unwrap_or_default();
    let needs: Vec<Need> = states.iter().map(|count| Need { states: all(*count), kept: true }).collect();
    let mut search = Search { work, limit: 0, relied: Vec::new() };
    let (mut begun, mut open) = (needs, Vec::new());
    if !search.take(formula, &mut begun, &mut open) {
        return Found::Nothing;
    }
    let forced = search.relied.clone();
    for limit in changes(&begun)..=most.min(states.len()) {
        search.limit = limit;
        search.relied.clone_from(&forced);
        if let Some(way) = search.through(&begun, &open) {
            return Found::Smallest(way);
        }
        if *search.work == 0 {
            return Found::SpentWith(any_way(&begun, &open, forced, states.len()));
        }
    }
    Found::Nothing
}

/// Some way, by taking the part of each `any` that costs least.
fn any_way(begun: &[Need], open: &[&Node], relied: Vec<(usize, usize)>, most: usize) -> Option<Way> {
    let mut work = GREEDY_WORK;
    Search { work: &mut work, limit: most, relied }.through(begun, open)
}

/// What looking for any way may cost after the allowance for a smallest one is used up.
const GREEDY_WORK: u32 = 100_000;

fn changes(needs: &[Need]) -> usize {
    needs.iter().filter(|need| !need.kept).count()
}

struct Search<'w> {
    work: &'w mut u32,
    limit: usize,
    relied: Vec<(usize, usize)>,
}

/// More changes than there can be facts.
const IMPOSSIBLE: usize = usize::MAX;

impl Search<'_> {
    /// Asks for a part; `any`s are left open. `false`: it contradicts what is asked already.
    fn take<'f>(&mut self, node: &'f Node, needs: &mut [Need], open: &mut Vec<&'f Node>) -> bool {
        match node {
            Node::All(parts) => parts.iter().all(|part| self.take(part, needs, open)),
            Node::Any(_) => {
                open.push(node);
                true
            }
            Node::Leaf(leaf) => {
                *self.work = self.work.saturating_sub(1);
                self.relied.push((leaf.fact, leaf.text));
                let Some(need) = needs.get_mut(leaf.fact) else { return false };
                need.states &= leaf.states;
                need.kept &= leaf.as_it_is;
                need.kept || need.states != 0
            }
        }
    }

    /// A way through the `any`s that are open, within the limit.
    fn through(&mut self, needs: &[Need], open: &[&Node]) -> Option<Way> {
        let (answered, open): (Vec<&Node>, Vec<&Node>) = open.iter().copied().partition(|node| implied(node, needs));
        answered.into_iter().for_each(|node| self.rely_on(node, needs));
        let so_far = changes(needs);
        if open.is_empty() {
            let changed = needs.iter().enumerate().filter(|(_, need)| !need.kept);
            let changed = changed.map(|(fact, need)| (fact, need.states)).collect();
            return Some(Way { changed, relied: self.relied.clone() });
        }
        let costs = open.iter().enumerate().map(|(place, node)| (self.least(node, needs), place));
        let (cost, hardest) = costs.max_by_key(|(cost, place)| (*cost, std::cmp::Reverse(*place)))?;
        if cost.saturating_add(so_far) > self.limit || *self.work == 0 {
            return None;
        }
        let mut rest = open;
        let Node::Any(parts) = rest.remove(hardest) else { return None };
        let mut ordered: Vec<(usize, &Node)> = parts.iter().map(|part| (self.least(part, needs), part)).collect();
        ordered.sort_by_key(|(cost, _)| *cost);
        // What does as it is, and nothing else asks about, need not be weighed against the other parts.
        if let Some(free) = ordered.iter().position(|(cost, part)| *cost == 0 && is_alone(part, needs, &rest)) {
            ordered = vec![ordered.swap_remove(free)];
        }
        for (cost, part) in ordered {
            if cost.saturating_add(so_far) > self.limit {
                break;
            }
            let (mut needs, mut open, relied) = (needs.to_vec(), rest.clone(), self.relied.len());
            if self.take(part, &mut needs, &mut open)
                && changes(&needs) <= self.limit
                && let Some(way) = self.through(&needs, &open)
            {
                return Some(way);
            }
            self.relied.truncate(relied);
            if *self.work == 0 {
                return None;
            }
        }
        None
    }

    /// Notes what a part relies on that is true whatever is done about the rest.
    fn rely_on(&mut self, node: &Node, needs: &[Need]) {
        match node {
            Node::All(parts) => parts.iter().for_each(|part| self.rely_on(part, needs)),
            Node::Any(parts) => {
                if let Some(part) = parts.iter().find(|part| implied(part, needs)) {
                    self.rely_on(part, needs);
                }
            }
            Node::Leaf(leaf) => self.relied.push((leaf.fact, leaf.text)),
        }
    }

    /// No fewer facts than these change for a part beside what is asked already.
    fn least(&mut self, node: &Node, needs: &[Need]) -> usize {
        match node {
            Node::All(parts) => parts.iter().map(|part| self.least(part, needs)).max().unwrap_or_default(),
            Node::Any(parts) => parts.iter().map(|part| self.least(part, needs)).min().unwrap_or(IMPOSSIBLE),
            Node::Leaf(leaf) => {
                *self.work = self.work.saturating_sub(1);
                match needs.get(leaf.fact) {
                    Some(need) if need.kept && leaf.as_it_is => 0,
                    Some(need) if need.states & leaf.states == 0 => IMPOSSIBLE,
                    Some(need) => usize::from(need.kept),
                    None => IMPOSSIBLE,
                }
            }
        }
    }
}

/// Whether a part is true whatever is done about the rest.
fn implied(node: &Node, needs: &[Need]) -> bool {
    match node {
        Node::All(parts) => parts.iter().all(|part| implied(part, needs)),
        Node::Any(parts) => parts.iter().any(|part| implied(part, needs)),
        Node::Leaf(leaf) => {
            needs.get(leaf.fact).is_some_and(|need| (leaf.as_it_is || !need.kept) && need.states & !leaf.states == 0)
        }
    }
}

/// Whether a part is about facts that stay as they are and that none of the others is about.
fn is_alone(node: &Node, needs: &[Need], others: &[&Node]) -> bool {
    match node {
        Node::All(parts) | Node::Any(parts) => parts.iter().all(|part| is_alone(part, needs, others)),
        Node::Leaf(leaf) => {
            let kept = needs.get(leaf.fact).is_some_and(|need| need.kept);
            kept && leaf.as_it_is && !others.iter().any(|other| is_about(other, leaf.fact))
        }
    }
}

fn is_about(node: &Node, fact: usize) -> bool {
    match node {
        Node::All(parts) | Node::Any(parts) => parts.iter().any(|part| is_about(part, fact)),
        Node::Leaf(leaf) => leaf.fact == fact,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(fact: usize, states: u128, as_it_is: bool) -> Node {
        Node::Leaf(Leaf { fact, states, as_it_is, text: 0 })
    }

    fn changed(formula: &Node, states: &[u32]) -> Option<Vec<usize>> {
        match smallest(formula, states, usize::MAX, &mut 1_000_000) {
            Found::Smallest(way) => Some(way.changed.iter().map(|(fact, _)| *fact).collect()),
            _ => None,
        }
    }

    #[test]
    fn of_alternatives_the_one_that_shares_a_fact_wins() {
        // given two alternatives each, which have the third fact in common
        let either = |left, right| Node::Any(vec![leaf(left, 1, false), leaf(right, 1, false)]);
        let formula = Node::All(vec![either(0, 2), either(1, 2)]);
        assert_eq!(changed(&formula, &[1, 1, 1]), Some(vec![2]));
    }

    #[test]
    fn one_fact_cannot_be_two_things_at_once() {
        // given a fact that is to be in its first state, and in its second
        let both = Node::All(vec![leaf(0, 0b01, false), leaf(0, 0b10, false)]);
        assert_eq!(changed(&both, &[2]), None);
        // and one that does as it is for one part only
        let clash = Node::All(vec![leaf(0, 0b01, false), leaf(0, 0b10, true)]);
        assert_eq!(changed(&clash, &[2]), None);
        let third = Node::All(vec![leaf(0, 0b101, false), leaf(0, 0b110, true)]);
        assert_eq!(changed(&third, &[3]), Some(vec![0]));
    }

    #[test]
    fn what_holds_already_is_not_kept_where_changing_it_saves_a_change() {
        // given "0 or 1" that holds by 0, and something that needs 0 otherwise
        let formula = Node::All(vec![
            Node::Any(vec![leaf(0, 0, true), leaf(1, 1, false)]),
            Node::Any(vec![leaf(0, 1, false), Node::All(vec![leaf(2, 1, false), leaf(3, 1, false)])]),
        ]);
        let found = changed(&formula, &[1, 1, 1, 1]).unwrap();
        assert_eq!(found.len(), 2, "{found:?}");
    }

    #[test]
    fn what_would_cost_too_much_is_answered_with_what_was_met() {
        // given twenty alternatives of pairs, of which no fact is shared
        let pairs = (0..20).map(|pair| Node::Any(vec![leaf(2 * pair, 1, false), leaf(2 * pair + 1, 1, false)]));
        let formula = Node::All(pairs.collect());
        let found = smallest(&formula, &[1; 40], usize::MAX, &mut 1_000);
        let Found::SpentWith(Some(way)) = found else { panic!("{found:?}") };
        assert_eq!(way.changed.len(), 20);
    }
}
