//! Which user agents are programs'.

use std::cell::RefCell;
use std::hash::{DefaultHasher, Hasher as _};
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use regex::bytes::{Regex, RegexBuilder};

/// The list, with where it is from and how to refresh it.
const LIST: &str = include_str!("bots.txt");

/// What of the list people's browsers and phones say too, so that it proves nothing.
const OF_PEOPLE: [&str; 12] = [
    // Apps that open links within themselves.
    "Blackboard",
    "Viber",
    "WhatsApp",
    // Browsers.
    "Fluid",
    "Magellan",
    "Sogou",
    r"splash Version\/",
    // Names of phones and parts of longer words.
    r"008\/",
    "Butterfly",
    r"Fetch\/",
    "Sonic",
    "Synapse",
];

/// What programs call themselves that are on no list yet, and no browser does: a robot of any name (but the phones of a
/// maker called Cubot), and an address to read more at. Without regard to case.
const WORDS: &str = r"(?i:(?:^|[^u]|[^c]u)bots?(?:[^a-z0-9]|$)|crawl|spider|scrap[ey]|headless|phantomjs|https?://)";

/// How every browser that can run the snippet begins.
const BROWSERS: [&str; 2] = ["Mozilla/", "Opera/"];

/// Bytes of a user agent that are looked at.
const LOOKED_AT: usize = 1_024;

static PROGRAMS: LazyLock<Option<Programs>> = LazyLock::new(Programs::read);

/// Plain names apart from patterns: a user agent that is made to be slow to search then costs some microseconds, rather
/// than the millisecond that one expression of them all takes.
struct Programs {
    names: AhoCorasick,
    patterns: Regex,
}

impl Programs {
    /// `None` when the list does not compile: that is met by a test, not by visitors.
    fn read() -> Option<Self> {
        let mut names = Vec::new();
        let mut patterns = vec![WORDS.to_owned()];
        let listed = LIST.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        for line in listed.filter(|line| !OF_PEOPLE.contains(line)) {
            match name(line) {
                Some(name) => names.push(name),
                None => patterns.push(format!("(?:{line})")),
            }
        }
        let patterns = RegexBuilder::new(&patterns.join("|")).unicode(false).build().ok()?;
        Some(Self { names: AhoCorasick::new(names).ok()?, patterns })
    }

    fn find(&self, agent: &[u8]) -> bool {
        self.names.is_match(agent) || self.patterns.is_match(agent)
    }
}

/// What a line of the list stands for, when it is no more than escaped text.
fn name(line: &str) -> Option<String> {
    let mut name = String::with_capacity(line.len());
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => name.push(letters.next().filter(char::is_ascii_punctuation)?),
            '.' | '[' | ']' | '(' | ')' | '{' | '}' | '*' | '+' | '?' | '|' | '^' | '$' => return None,
            _ => name.push(letter),
        }
    }
    Some(name)
}

/// Makes the list ready, which takes some milliseconds: at start rather than at the first event.
pub(crate) fn prepare() {
    LazyLock::force(&PROGRAMS);
}

/// Whether a user agent is a program's, or there is none.
pub(super) fn is_program(agent: &[u8]) -> bool {
    let agent = agent.get(..LOOKED_AT).unwrap_or(agent);
    !BROWSERS.iter().any(|begin| agent.starts_with(begin.as_bytes()))
        || LATELY.with_borrow_mut(|lately| {
            lately.verdict(agent, || PROGRAMS.as_ref().is_some_and(|programs| programs.find(agent)))
        })
}

/// User agents of which it is remembered, by each thread, what they are.
const REMEMBERED: usize = 256;

thread_local! {
    static LATELY: RefCell<Lately> = RefCell::new(Lately::default());
}

/// What was found of the user agents that were looked at last. A shop's visitors have few between them, and looking one up
/// costs more than a microsecond. Each has one place; who takes it puts out whoever was there.
struct Lately(Vec<Option<Verdict>>);

/// A user agent, and whether it is a program's.
type Verdict = (Box<[u8]>, bool);

impl Default for Lately {
    fn default() -> Self {
        Self(vec![None; REMEMBERED])
    }
}

impl Lately {
    fn verdict(&mut self, agent: &[u8], find: impl FnOnce() -> bool) -> bool {
        let mut hasher = DefaultHasher::new();
        hasher.write(agent);
        let place = usize::try_from(hasher.finish() % REMEMBERED as u64).unwrap_or_default();
        let Some(place) = self.0.get_mut(place) else { return find() };
        match place {
            Some((held, verdict)) if **held == *agent => *verdict,
            _ => place.insert((agent.into(), find())).1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEOPLE: &str = include_str!("../../tests/user_agents/people.txt");
    const KNOWN: &str = include_str!("../../tests/user_agents/programs.txt");

    fn agents(list: &'static str) -> Vec<&'static str> {
        list.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
    }

    #[test]
    fn the_list_compiles_and_what_is_left_out_is_on_it() {
        let listed = LIST.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).count();
        assert!(listed >= 1_000, "only {listed} are on the list");
        assert!(super::PROGRAMS.is_some());
        for pattern in OF_PEOPLE {
            assert!(LIST.lines().any(|line| line == pattern), "{pattern} is not on the list: leave nothing out for it");
        }
    }

    #[test]
    fn people_are_not_taken_for_programs() {
        let people = agents(PEOPLE);
        assert!(people.len() >= 40);
        let taken: Vec<&str> = people.into_iter().filter(|agent| is_program(agent.as_bytes())).collect();
        assert_eq!(taken, Vec::<&str>::new());
    }

    #[test]
    fn programs_are_known() {
        let programs = agents(KNOWN);
        assert!(programs.len() >= 40);
        let missed: Vec<&str> = programs.into_iter().filter(|agent| !is_program(agent.as_bytes())).collect();
        assert_eq!(missed, Vec::<&str>::new());
    }

    #[test]
    fn a_user_agent_that_is_missing_or_not_text_is_a_programs() {
        assert!(is_program(b"") && is_program(b"\xff\xfe") && is_program(&[b'x'; 100_000]));
        // Of one without end only the beginning is looked at, whatever it is.
        let long = [b"Mozilla/5.0 ".as_slice(), &[b'x'; 100_000], b"Googlebot/2.1"].concat();
        assert!(!is_program(&long));
    }

    #[test]
    fn what_is_remembered_of_a_user_agent_is_what_was_found_whoever_had_its_place_before() {
        // given more user agents than places, each met three times in another order
        let agents: Vec<String> = (0..3 * REMEMBERED).map(|number| format!("Mozilla/5.0 ({number})")).collect();
        let is_odd = |agent: &str| agent.bytes().rev().nth(1).is_some_and(|digit| digit % 2 == 1);
        let (mut lately, mut looked_up) = (Lately::default(), 0);
        for (step, repeated) in [(1, 1), (7, 1), (5, 2)] {
            for agent in (0..agents.len()).map(|place| &agents[place * step % agents.len()]) {
                for _ in 0..repeated {
                    let verdict = lately.verdict(agent.as_bytes(), || {
                        looked_up += 1;
                        is_odd(agent)
                    });
                    assert_eq!(verdict, is_odd(agent), "{agent}");
                }
            }
        }
        // then each is looked up when it comes anew, and not when it comes twice in a row
        assert!(looked_up <= 3 * agents.len(), "{looked_up}");
    }

    #[test]
    fn a_line_is_a_name_unless_it_says_more() {
        assert_eq!(name(r"Googlebot\/"), Some("Googlebot/".to_owned()));
        assert_eq!(name(r"Mediapartners \(Googlebot\)"), Some("Mediapartners (Googlebot)".to_owned()));
        for pattern in ["[wW]get", "^curl", r"Current[\s\S]*RSS", r"\d", "a.b", "a\\"] {
            assert_eq!(name(pattern), None, "{pattern}");
        }
    }
}
