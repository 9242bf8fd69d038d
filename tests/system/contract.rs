//! WIRE.md as the tests hold the collector to it: its table of problems and its list of an event's codes.

use std::collections::{BTreeMap, BTreeSet};

use tests::workspace;

use crate::exchange::Answer;

/// What the contract says of one problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Promise {
    status: u16,
    /// Whether the answer says when to come back.
    retry_after: bool,
}

/// The contract, and what of it was seen.
#[derive(Debug)]
pub(crate) struct Contract {
    problems: BTreeMap<String, Promise>,
    event_codes: BTreeSet<String>,
    seen: BTreeSet<String>,
}

impl Contract {
    pub(crate) fn read() -> Self {
        let text = std::fs::read_to_string(workspace::root().join("collector/crates/wire/WIRE.md")).unwrap();
        let after = |heading: &str| text.split_once(heading).unwrap_or_else(|| panic!("no {heading} in WIRE.md")).1;
        let rows = after("\n## Problems").lines().skip_while(|line| !line.starts_with('|')).skip(2);
        let problems = rows.take_while(|line| line.starts_with('|')).flat_map(|row| {
            let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
            let statuses: Vec<u16> = cells[1].split(", ").map(|status| status.parse().unwrap()).collect();
            // "429 and 503 mean not stored: send again after Retry-After seconds".
            let promise = |status: u16| Promise { status, retry_after: matches!(status, 429 | 503) };
            quoted(cells[0]).into_iter().zip(statuses.into_iter().map(promise)).collect::<Vec<_>>()
        });
        let codes = after("\nCodes of a rejected event:").split_once("\n\n").unwrap().0;
        let contract = Self {
            problems: problems.collect(),
            event_codes: quoted(codes).into_iter().collect(),
            seen: BTreeSet::new(),
        };
        assert!(contract.problems.len() > 15 && contract.event_codes.len() > 4, "is this its table? {contract:?}");
        contract
    }

    /// The answer is this problem, as the contract has it, and the code counts as seen.
    #[track_caller]
    pub(crate) fn refused(&mut self, what: &str, answer: &Answer, code: &str) {
        let Promise { status, retry_after } =
            self.problems.get(code).unwrap_or_else(|| panic!("{what}: {code} is not in WIRE.md"));
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (*status, Some("application/problem+json")),
            "{what}: {answer:?}"
        );
        let body = answer.json();
        assert_eq!(body["code"], code, "{what}: {body}");
        assert_eq!(body["status"], *status, "{what}: {body}");
        let texts = ["type", "title", "detail"].map(|field| body[field].as_str().unwrap_or_default().is_empty());
        assert_eq!(texts, [false; 3], "{what}: {body}");
        let seconds = answer.header("retry-after").map(|seconds| seconds.parse::<u32>().unwrap());
        assert_eq!(seconds.is_some_and(|seconds| seconds > 0), *retry_after, "{what}: Retry-After is {seconds:?}");
        self.seen.insert(code.to_owned());
    }

    /// The code of an event's rejection counts as seen; it must be in the contract.
    #[track_caller]
    pub(crate) fn rejected(&mut self, what: &str, code: &str) {
        assert!(self.event_codes.contains(code), "{what}: {code} is not in WIRE.md");
        self.seen.insert(code.to_owned());
    }

    /// Every code was seen but these, which only a fault of ours or of a disk brings about.
    #[track_caller]
    pub(crate) fn complete_but(&self, faults: &[&str]) {
        let all = self.problems.keys().chain(&self.event_codes);
        let unseen: Vec<&String> = all.filter(|code| !self.seen.contains(*code)).collect();
        assert_eq!(unseen, faults, "codes of WIRE.md that no request was refused with");
    }
}

/// What stands between back quotes.
fn quoted(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}
