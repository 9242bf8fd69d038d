//! A shop's file of codes: one code a line, in the first column of a CSV.
//!
//! A code holds no line break, so each line is read by itself: a quote that is never closed spoils its own line and not
//! the rest of the file.

use std::collections::BTreeMap;
use std::fmt;

/// The longest code, in bytes; as long as a fixed code of a model may be.
pub const MOST_CODE_BYTES: usize = 64;
/// Characters of what was found that a fault repeats.
const FOUND_CHARACTERS: usize = 80;
/// What spreadsheets begin a UTF-8 file with.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// A code: 1 to 64 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(Box<str>);

impl Code {
    /// Reads a code; `None` for anything but 1 to 64 visible ASCII characters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fits =
            !text.is_empty() && text.len() <= MOST_CODE_BYTES && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self(text.into()))
    }

    /// The code as the visitor types it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Why a line gave no code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Too long, or with characters that are no part of a code.
    #[error("line {line}: found {found:?}, allowed is a code of 1 to {MOST_CODE_BYTES} visible ASCII characters")]
    NoCode {
        /// Counted from 1, empty lines and the heading included.
        line: usize,
        /// The beginning of what stands there.
        found: String,
    },
    /// A quote was opened and not closed, or something stands between its end and the next column.
    #[error("line {line}: found {found:?}, allowed is a quoted code that ends with a quote in the same line")]
    Quote {
        /// Counted from 1, empty lines and the heading included.
        line: usize,
        /// The beginning of the line.
        found: String,
    },
    /// The same code again.
    #[error("line {line}: found {found:?}, which line {first} has already; allowed is each code once")]
    Twice {
        /// Counted from 1, empty lines and the heading included.
        line: usize,
        /// The code.
        found: String,
        /// The line that is kept.
        first: usize,
    },
}

/// What a file held: the good lines are kept beside the bad ones.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Codes {
    /// In the order of the file, each once.
    pub codes: Vec<Code>,
    /// By rising line.
    pub faults: Vec<Fault>,
}

/// Reads a file: UTF-8 with or without a byte order mark; lines end with LF, CRLF or CR; columns are parted by `,`, `;` or a
/// tab, of which the first holds the code, quoted or not. Empty lines and a heading `code` in the first line that is not
/// empty are passed over.
#[must_use]
pub fn read(file: &[u8]) -> Codes {
    let text = String::from_utf8_lossy(file.strip_prefix(BYTE_ORDER_MARK).unwrap_or(file)).replace("\r\n", "\n");
    let mut read = Codes::default();
    let mut lines: BTreeMap<Code, usize> = BTreeMap::new();
    let numbered = text.split(['\n', '\r']).map(str::trim).zip(1..);
    for (place, (content, line)) in numbered.filter(|(content, _)| !content.is_empty()).enumerate() {
        let Some(field) = first_column(content) else {
            read.faults.push(Fault::Quote { line, found: beginning(content) });
            continue;
        };
        if place == 0 && field.eq_ignore_ascii_case("code") {
            continue;
        }
        let Some(code) = Code::parse(&field) else {
            read.faults.push(Fault::NoCode { line, found: beginning(&field) });
            continue;
        };
        if let Some(first) = lines.get(&code) {
            read.faults.push(Fault::Twice { line, found: code.to_string(), first: *first });
            continue;
        }
        lines.insert(code.clone(), line);
        read.codes.push(code);
    }
    read
}

/// The first column of a line, without its quotes; `None` where these do not pair.
fn first_column(line: &str) -> Option<String> {
    const PARTS: [char; 3] = [',', ';', '\t'];
    let Some(mut rest) = line.strip_prefix('"') else {
        return Some(line.split(PARTS).next().unwrap_or_default().trim().to_owned());
    };
    let mut field = String::new();
    loop {
        let (before, after) = rest.split_once('"')?;
        field.push_str(before);
        // Two quotes stand for one.
        let Some(more) = after.strip_prefix('"') else {
            let after = after.trim_start_matches(' ');
            return (after.is_empty() || after.starts_with(PARTS)).then(|| field.trim().to_owned());
        };
        field.push('"');
        rest = more;
    }
}

fn beginning(found: &str) -> String {
    found.chars().take(FOUND_CHARACTERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(read: &Codes) -> Vec<&str> {
        read.codes.iter().map(Code::as_str).collect()
    }

    fn faults(read: &Codes) -> Vec<String> {
        read.faults.iter().map(Fault::to_string).collect()
    }

    #[test]
    fn files_of_spreadsheets_are_read() {
        let files: [&[u8]; 6] = [
            b"A-1\nB-2\n",
            b"\xEF\xBB\xBFcode;made\r\nA-1;monday\r\nB-2;tuesday\r\n",
            b"\n\nCode\nA-1\n\n  B-2  ",
            b"\"A-1\",first\n\"B-2\" ,second\n",
            b"A-1\rB-2\r",
            b"A-1\tx\nB-2\ty",
        ];
        for file in files {
            let read = read(file);
            assert_eq!((texts(&read), faults(&read)), (vec!["A-1", "B-2"], vec![]), "{file:?}");
        }
        assert_eq!(texts(&read(b"\"A,\"\"1\"\"\",x")), ["A,\"1\""]);
    }

    #[test]
    fn each_bad_line_is_named_and_the_good_ones_are_kept() {
        let long = "x".repeat(MOST_CODE_BYTES + 1);
        let file = format!(
            "code\nGOOD-1\n\ntwo words\nGOOD-1\n\"open\n{long}\n;only a remark\nGOOD-2\nBAD-\u{e9}\n\"a\"b\nCODE\n"
        );
        let read = read(file.as_bytes());
        assert_eq!(texts(&read), ["GOOD-1", "GOOD-2", "CODE"]);
        let allowed = "allowed is a code of 1 to 64 visible ASCII characters";
        let quote = "allowed is a quoted code that ends with a quote in the same line";
        let expected = [
            format!("line 4: found \"two words\", {allowed}"),
            "line 5: found \"GOOD-1\", which line 2 has already; allowed is each code once".to_owned(),
            format!("line 6: found \"\\\"open\", {quote}"),
            format!("line 7: found \"{long}\", {allowed}"),
            format!("line 8: found \"\", {allowed}"),
            format!("line 10: found \"BAD-\u{e9}\", {allowed}"),
            format!("line 11: found \"\\\"a\\\"b\", {quote}"),
        ];
        assert_eq!(faults(&read), expected);
    }

    #[test]
    fn bytes_that_are_no_text_spoil_their_line_only() {
        let read = read(b"A-1\n\xFF\xFE\nB-2");
        assert_eq!((texts(&read), read.faults.len()), (vec!["A-1", "B-2"], 1));
    }

    #[test]
    fn an_empty_file_has_no_codes() {
        assert_eq!(read(b""), Codes::default());
        assert_eq!(read(b"code\n"), Codes::default());
    }
}
