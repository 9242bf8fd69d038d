//! The two languages of the shop, and texts that exist in both.

/// A language of the shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Dutch, under `/`.
    Dutch,
    /// English, under `/en/`.
    English,
}

impl Language {
    /// The tag of the language as `lang` attributes want it (BCP 47).
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::Dutch => "nl",
            Self::English => "en",
        }
    }

    /// What stands before every path of the shop in this language: nothing, or `/en`.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Dutch => "",
            Self::English => "/en",
        }
    }

    /// The language that the switch in the header leads to.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Dutch => Self::English,
            Self::English => Self::Dutch,
        }
    }

    /// A path of the shop (`/winkelwagen`) as an address in this language (`/en/winkelwagen`).
    #[must_use]
    pub fn href(self, path: &str) -> String {
        format!("{}{path}", self.prefix())
    }
}

/// One text in both languages. They stand side by side, so that neither can be forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text {
    /// In Dutch.
    pub nl: &'static str,
    /// In English.
    pub en: &'static str,
}

impl Text {
    /// A text from its two forms.
    #[must_use]
    pub const fn new(nl: &'static str, en: &'static str) -> Self {
        Self { nl, en }
    }

    /// The form in `language`.
    #[must_use]
    pub fn say(&self, language: Language) -> &'static str {
        match language {
            Language::Dutch => self.nl,
            Language::English => self.en,
        }
    }
}
