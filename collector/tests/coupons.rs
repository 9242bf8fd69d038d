//! The programs of `docs/COUPONS.md` say of every code what the collector says.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

use collector::coupon::signed::{CouponKey, Written, verify};
use engine::OfferId;
use serde_json::{Value, json};

const DOCUMENT: &str = include_str!("../docs/COUPONS.md");
/// What reads its cases from the file that is its argument, and prints an answer for each.
const PYTHON: &str = "
import json, sys
for code, offers, keys in json.load(open(sys.argv[1])):
    print(json.dumps(verify(code, offers, keys)))
";
const JAVASCRIPT: &str = "
const cases = JSON.parse(require('node:fs').readFileSync(process.argv[2], 'utf8'));
for (const [code, offers, keys] of cases) console.log(JSON.stringify(verify(code, offers, keys)));
";
const PHP: &str = "
foreach (json_decode(file_get_contents($argv[1]), true) as [$code, $offers, $keys]) {
    echo json_encode(verify($code, $offers, $keys)), \"\\n\";
}
";

/// The program in the fenced block of this language.
fn program(language: &str) -> &'static str {
    let (_, rest) = DOCUMENT.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("```").unwrap().0
}

/// What the document's program says of the cases; `None` where there is nothing to run it with.
fn says(command: &str, language: &str, reading: &str, cases: &Path) -> Option<Vec<Value>> {
    let file = cases.with_extension(language);
    std::fs::write(&file, [program(language), reading].concat()).unwrap();
    let output = match Command::new(command).args([&file, cases]).output() {
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        output => output.unwrap(),
    };
    let (text, fault) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{language}: {fault}");
    Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// Code, offer, key byte, last day: the rows of the document's table.
fn vectors() -> Vec<(String, String, u8, String)> {
    let (_, table) = DOCUMENT.split_once("| key | offer | visitor |").unwrap();
    let cells = |row: &str| row.split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect::<Vec<_>>();
    let vector = |row: Vec<String>| match row.as_slice() {
        [_, key, offer, _, day, code, _] => Some((code.clone(), offer.clone(), key.parse().ok()?, day.clone())),
        _ => None,
    };
    table.lines().filter_map(|line| vector(cells(line))).collect()
}

#[test]
fn every_program_of_the_document_says_what_the_collector_says() {
    // Given the vectors, each as it is, as it may be typed, and with each character of it another one
    let mut cases: Vec<(String, Value, Vec<u8>, Value)> = Vec::new();
    for (code, offer, key, day) in vectors() {
        let prefix = code.split('-').next().unwrap().to_owned();
        let offers = json!({ &prefix: offer, "HERFST": "autumn" });
        let typed = [code.clone(), code.to_lowercase().replace('-', " "), code.replace('0', "O").replace('1', "l")];
        cases.extend(typed.map(|code| (code, offers.clone(), vec![9, key], json!([offer, day]))));
        let changed = |place: usize| {
            let mut bytes = code.clone().into_bytes();
            bytes[place] = if bytes[place] == b'X' { b'W' } else { b'X' };
            String::from_utf8(bytes).unwrap()
        };
        let wrong = (0..code.len()).filter(|place| code.as_bytes()[*place] != b'-').map(changed);
        let short = [String::new(), code[..code.len() - 1].to_owned(), format!("{code}U"), "HERFST".to_owned()];
        cases.extend(wrong.chain(short).map(|code| (code, offers.clone(), vec![key], Value::Null)));
        cases.push((code.clone(), json!({ &prefix: "another" }), vec![key], Value::Null));
        cases.push((code, offers, vec![9], Value::Null));
    }
    let keys = |bytes: &Vec<u8>| bytes.iter().map(|byte| format!("{byte:02x}").repeat(32)).collect::<Vec<_>>();
    let asked: Vec<Value> = cases.iter().map(|(code, offers, bytes, _)| json!([code, offers, keys(bytes)])).collect();
    let expected: Vec<&Value> = cases.iter().map(|(.., said)| said).collect();

    // When the collector is asked
    let ours = cases.iter().map(|(code, offers, bytes, _)| {
        let written = Written::read(code)?;
        let offers = offers.as_object().unwrap().iter();
        let found = offers.filter_map(|(prefix, offer)| {
            let prefix = engine::CouponPrefix::parse(prefix).unwrap();
            written.has_prefix(&prefix).then(|| OfferId::parse(offer.as_str().unwrap()).unwrap())
        });
        let offer = found.into_iter().next()?;
        let keys: Vec<CouponKey> = bytes.iter().map(|byte| CouponKey::from_bytes([*byte; 32])).collect();
        let verified = verify(&written, &offer, &keys)?;
        Some(json!([offer.as_str(), verified.last_day.to_string()]))
    });
    // Then it knows the vectors and nothing else
    let ours: Vec<Value> = ours.map(Option::unwrap_or_default).collect();
    assert!(ours.iter().eq(expected.iter().copied()), "{ours:?}");

    // And so does each program: Node.js builds the snippet, so it is there; the others where they are
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cases.json");
    std::fs::write(&file, serde_json::to_vec(&asked).unwrap()).unwrap();
    let node = says("node", "js", JAVASCRIPT, &file).unwrap();
    let others = [says("python3", "python", PYTHON, &file), says("php", "php", PHP, &file)];
    for said in std::iter::once(node).chain(others.into_iter().flatten()) {
        for ((said, expected), case) in said.iter().zip(&expected).zip(&asked) {
            assert_eq!(said, *expected, "{case}");
        }
        assert_eq!(said.len(), expected.len());
    }
}
