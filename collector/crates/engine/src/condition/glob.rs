//! Glob patterns, matched in time proportional to text times pattern: no pattern can make a page slow.

use crate::text::TextError;

/// The most characters that a pattern may have.
const LONGEST: usize = 255;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Token {
    Literal(char),
    /// `?`: one character.
    One,
    /// `*`: any run without `/`.
    Run,
    /// `**`: any run.
    AnyRun,
}

/// A pattern for a whole text: `*` is any run without `/`, `**` any run, `?` one character.
///
/// `/checkout/**` does not match `/checkout` itself: name both.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Glob {
    /// What every text that matches begins with.
    prefix: String,
    /// What comes behind it: nothing, or a pattern that begins with a run or `?`.
    rest: Vec<Token>,
}

impl Glob {
    /// Reads a pattern of 1 to 255 characters.
    ///
    /// # Errors
    /// When it is empty or longer.
    pub fn parse(pattern: &str) -> Result<Self, TextError> {
        let count = pattern.chars().count();
        if count == 0 || count > LONGEST {
            return Err(TextError::new("pattern", pattern, "1 to 255 characters"));
        }
        let mut prefix = String::new();
        let mut rest = Vec::new();
        let mut letters = pattern.chars().peekable();
        while let Some(letter) = letters.next() {
            let token = match letter {
                '*' if letters.next_if_eq(&'*').is_some() => Token::AnyRun,
                '*' => Token::Run,
                '?' => Token::One,
                other => Token::Literal(other),
            };
            match token {
                Token::Literal(letter) if rest.is_empty() => prefix.push(letter),
                token => rest.push(token),
            }
        }
        Ok(Self { prefix, rest })
    }

    /// Whether the whole text matches.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        // Paths that differ mostly do so where the prefix ends, which is seen without comparing them.
        let end = self.prefix.len().wrapping_sub(1);
        if self.prefix.as_bytes().get(end) != text.as_bytes().get(end) && !self.prefix.is_empty() {
            return false;
        }
        if self.rest.is_empty() && self.prefix.len() != text.len() {
            return false;
        }
        let Some(rest) = text.strip_prefix(self.prefix.as_str()) else { return false };
        // Most patterns are a path, or all paths below one.
        match self.rest[..] {
            [] => rest.is_empty(),
            [Token::AnyRun] => true,
            [Token::Run] => !rest.contains('/'),
            _ => self.rest_matches(rest),
        }
    }

    /// What every text that matches begins with.
    pub(crate) fn begins(&self) -> &str {
        &self.prefix
    }

    /// A few texts that match: with nothing for a run, and with something.
    pub(crate) fn samples(&self) -> Vec<String> {
        let spelled = |run: &str, any: &str| {
            let mut text = self.prefix.clone();
            for token in &self.rest {
                match token {
                    Token::Literal(letter) => text.push(*letter),
                    Token::One => text.push('x'),
                    Token::Run => text.push_str(run),
                    Token::AnyRun => text.push_str(any),
                }
            }
            text
        };
        let mut samples: Vec<String> = [("", ""), ("x", "x"), ("x", ""), ("", "x"), ("x", "x/x")]
            .into_iter()
            .map(|(run, any)| spelled(run, any))
            .collect();
        samples.dedup();
        samples
    }

    fn rest_matches(&self, text: &str) -> bool {
        // Every place in the pattern that the text read so far can have led to.
        let mut places = Places::default();
        self.reach(&mut places, 0);
        for letter in text.chars() {
            let mut next = Places::default();
            for place in places.iter() {
                match self.rest.get(place) {
                    Some(Token::Literal(wanted)) if *wanted == letter => self.reach(&mut next, place + 1),
                    Some(Token::One) => self.reach(&mut next, place + 1),
                    Some(Token::Run) if letter != '/' => self.reach(&mut next, place),
                    Some(Token::AnyRun) => self.reach(&mut next, place),
                    _ => {}
                }
            }
            if next == Places::default() {
                return false;
            }
            places = next;
        }
        places.holds(self.rest.len())
    }

    /// Adds a place, and those behind the runs that may be empty.
    fn reach(&self, places: &mut Places, from: usize) {
        let mut place = from;
        places.add(place);
        while let Some(Token::Run | Token::AnyRun) = self.rest.get(place) {
            place += 1;
            places.add(place);
        }
    }
}

/// A set of numbers from 0 to 255.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Places([u64; 4]);

impl Places {
    fn add(&mut self, place: usize) {
        if let Some(word) = self.0.get_mut(place / 64) {
            *word |= 1 << (place % 64);
        }
    }

    fn holds(self, place: usize) -> bool {
        self.0.get(place / 64).is_some_and(|word| word >> (place % 64) & 1 == 1)
    }

    fn iter(self) -> impl Iterator<Item = usize> {
        self.0.into_iter().enumerate().flat_map(|(number, word)| {
            std::iter::successors(Some(word), |rest| Some(rest & rest.wrapping_sub(1)))
                .take_while(|rest| *rest != 0)
                .map(move |rest| number * 64 + rest.trailing_zeros() as usize)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Glob::parse(pattern).unwrap().matches(text)
    }

    #[test]
    fn a_run_stops_at_a_slash_and_a_double_run_does_not() {
        assert!(matches("/jassen/*", "/jassen/regenjas"));
        assert!(!matches("/jassen/*", "/jassen/regen/jas"));
        assert!(matches("/jassen/**", "/jassen/regen/jas"));
        assert!(matches("/jassen/**", "/jassen/"));
        assert!(!matches("/jassen/**", "/jassen"));
        assert!(matches("**", ""));
        assert!(matches("/*/brochure", "/nl/brochure"));
    }

    #[test]
    fn the_whole_text_must_match_character_by_character() {
        assert!(matches("caf?", "café"));
        assert!(!matches("caf", "café"));
        assert!(!matches("?", ""));
        // A greedy matcher that only goes back to its last run misses this one.
        assert!(matches("*?*b", "x/ab"));
    }

    #[test]
    fn a_hostile_pattern_costs_no_more_than_text_times_pattern() {
        // given the pattern that makes a backtracking matcher take 2^60 steps; when matched, then it simply ends
        let pattern = format!("{}b", "*a".repeat(100));
        assert!(!matches(&pattern, &"a".repeat(256)));
        assert!(Glob::parse(&"a".repeat(256)).is_err());
        assert!(matches(&"?".repeat(255), &"é".repeat(255)));
    }
}
