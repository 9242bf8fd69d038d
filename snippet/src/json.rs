//! Reading and writing JSON without a tree.
//!
//! What the page hands over comes from `JSON.stringify`, and most of it is passed on as it is. So a value is a *slice of
//! its text*: looking a member up scans, copying a member is copying bytes, and a number keeps the digits that
//! JavaScript printed. That costs the page a fraction of the bytes of a parser with a tree, and no number is formatted.

/// One JSON value, as the text that it is written in. Surrounding white space is not part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Raw<'a>(&'a str);

impl<'a> Raw<'a> {
    /// The first value in `text`. Text that is not JSON gives a value without members, elements or text.
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        Self(Walk { text, at: 0 }.next())
    }

    /// The text of the value, with the quotes if it is a string; empty for no value.
    #[must_use]
    pub fn text(self) -> &'a str {
        self.0
    }

    /// The first byte, which tells the kinds of JSON values apart; 0 for no value.
    #[must_use]
    pub fn kind(self) -> u8 {
        self.0.as_bytes().first().copied().unwrap_or(0)
    }

    /// What stands between the quotes of a string, escapes as they are; the digits of a number; nothing for anything
    /// else.
    #[must_use]
    #[inline(never)]
    pub fn plain(self) -> &'a str {
        match self.kind() {
            b'"' => self.0.get(1..self.0.len() - 1).unwrap_or(""),
            b'-' | b'0'..=b'9' => self.0,
            _ => "",
        }
    }

    /// The member called `name`; no value if it is absent or `null`.
    #[must_use]
    #[inline(never)]
    pub fn get(self, name: &str) -> Raw<'a> {
        let mut members = self.members();
        while let Some((key, value)) = members.next_member() {
            if key == name && value.kind() != b'n' {
                return value;
            }
        }
        Raw("")
    }

    /// The first member that is there, of those that `names` lists with spaces between.
    #[must_use]
    #[inline(never)]
    pub fn any(self, names: &str) -> Raw<'a> {
        let mut found = Raw("");
        let mut rest = names;
        while found.kind() == 0 && !rest.is_empty() {
            let (name, after) = first_word(rest);
            found = self.get(name);
            rest = after;
        }
        found
    }

    /// This value, or `other` if this is none.
    #[must_use]
    pub fn or(self, other: Raw<'a>) -> Raw<'a> {
        if self.kind() == 0 { other } else { self }
    }

    /// The members of an object, in order. Anything else has none.
    #[must_use]
    pub fn members(self) -> Walk<'a> {
        Walk { text: if self.kind() == b'{' { self.0 } else { "" }, at: 1 }
    }

    /// The elements of an array, in order. Anything else has none.
    #[must_use]
    pub fn elements(self) -> Walk<'a> {
        Walk { text: if self.kind() == b'[' { self.0 } else { "" }, at: 1 }
    }
}

/// Whether `list`, with spaces between, holds `word`.
#[must_use]
#[inline(never)]
pub fn lists(list: &str, word: &str) -> bool {
    let mut rest = list;
    while !rest.is_empty() {
        let (first, after) = first_word(rest);
        if first == word {
            return true;
        }
        rest = after;
    }
    false
}

fn first_word(list: &str) -> (&str, &str) {
    let end = list.as_bytes().iter().position(|byte| *byte == b' ').unwrap_or(list.len());
    (list.get(..end).unwrap_or(""), list.get(end + 1..).unwrap_or(""))
}

/// A walk through an object or array.
#[derive(Debug, Clone, Copy)]
pub struct Walk<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Walk<'a> {
    /// The next element.
    pub fn next_element(&mut self) -> Option<Raw<'a>> {
        Some(Raw(self.next())).filter(|value| value.kind() != 0)
    }

    /// The next member: its name, as it is written between the quotes, and its value.
    pub fn next_member(&mut self) -> Option<(&'a str, Raw<'a>)> {
        let key = self.next_element()?.plain();
        Some((key, self.next_element()?))
    }

    /// The text of the value that comes next, past commas, colons and space; empty at the end.
    #[inline(never)]
    fn next(&mut self) -> &'a str {
        let bytes = self.text.as_bytes();
        let mut start = self.at;
        while matches!(bytes.get(start), Some(b',' | b':' | b' ' | b'\n' | b'\r' | b'\t')) {
            start += 1;
        }
        let mut depth = 0_usize;
        let mut quoted = false;
        let mut end = start;
        while let Some(byte) = bytes.get(end) {
            match byte {
                b'\\' => end += 1,
                b'"' => quoted = !quoted,
                _ if quoted => {}
                b'{' | b'[' => depth += 1,
                b'}' | b']' if depth > 0 => depth -= 1,
                b'}' | b']' | b',' | b':' | b' ' | b'\n' | b'\r' | b'\t' if depth == 0 => break,
                _ => {}
            }
            end += 1;
        }
        self.at = end;
        self.text.get(start..end).unwrap_or("")
    }
}

/// Appends `text`. Not inlined: the page's WASM calls it some forty times.
#[inline(never)]
pub fn put(out: &mut String, text: &str) {
    out.push_str(text);
}

/// Appends `"name":value`, with a comma unless it is the first member.
#[inline(never)]
pub fn member(out: &mut String, name: &str, value: &str) {
    separate(out);
    put(out, "\"");
    put(out, name);
    put(out, "\":");
    put(out, value);
}

/// Appends `"name":"text"`; nothing if `text` is empty. `text` is already escaped, or has nothing to escape.
#[inline(never)]
pub fn text_member(out: &mut String, name: &str, text: &str) {
    if text.is_empty() {
        return;
    }
    member(out, name, "\"");
    put(out, text);
    put(out, "\"");
}

/// Appends a comma where one is needed: not after an opening bracket, nor at the start.
#[inline(never)]
pub fn separate(out: &mut String) {
    if !matches!(out.as_bytes().last(), None | Some(b'{' | b'[')) {
        put(out, ",");
    }
}
