//! In which language a page is written: as the address says, else as the browser asks. Nothing is kept for it.

use axum::http::{HeaderMap, header};

/// The languages there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    /// Nederlands.
    Dutch,
    /// English, and what everybody else gets.
    English,
}

impl Language {
    /// By its code.
    pub(super) fn named(code: &str) -> Option<Self> {
        match code {
            "nl" => Some(Self::Dutch),
            "en" => Some(Self::English),
            _ => None,
        }
    }

    /// The code, for `lang`.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Dutch => "nl",
            Self::English => "en",
        }
    }

    /// The other one, as it calls itself.
    pub(super) const fn other(self) -> (Self, &'static str) {
        match self {
            Self::Dutch => (Self::English, "English"),
            Self::English => (Self::Dutch, "Nederlands"),
        }
    }

    /// The one that the browser would rather have. The order of the header is taken for the order of preference, as
    /// every browser writes it.
    pub(super) fn preferred(headers: &HeaderMap) -> Self {
        let wanted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let codes = wanted.split(',').map(|part| part.split([';', '-']).next().unwrap_or_default().trim());
        codes.filter_map(|code| Self::named(&code.to_ascii_lowercase())).next().unwrap_or(Self::English)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_known_language_of_the_browser_wins() {
        for (wanted, language) in [
            ("nl-NL,nl;q=0.9,en;q=0.8", Language::Dutch),
            ("NL", Language::Dutch),
            ("de-DE,en;q=0.5,nl;q=0.3", Language::English),
            ("fr", Language::English),
            ("", Language::English),
        ] {
            let headers = [(header::ACCEPT_LANGUAGE, wanted.parse().unwrap())].into_iter().collect();
            assert_eq!(Language::preferred(&headers), language, "{wanted}");
        }
    }
}
