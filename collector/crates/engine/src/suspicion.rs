//! Why a touch may be no person's.

use serde::{Deserialize, Serialize};

/// Why a touch may be no person's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Suspicion {
    /// A program: its user agent says so, or its browser says that it is driven (`navigator.webdriver`).
    Bot,
    /// A page that was fetched or rendered ahead, and that nobody has looked at.
    Prerender,
    /// A program that follows every link in a mail to see what is behind it.
    Scanner,
    /// A browser whose page nobody has used yet.
    Unattested,
}

impl Suspicion {
    /// Every name.
    pub const NAMES: [&'static str; 4] = ["bot", "prerender", "scanner", "unattested"];

    /// Of copies of one id the lowest says why it is held: nobody knows better than who suspects least.
    pub(crate) const fn weight(self) -> u8 {
        match self {
            Self::Unattested => 1,
            Self::Bot => 2,
            Self::Prerender => 3,
            Self::Scanner => 4,
        }
    }

    /// Whether a page that somebody looks at may have told so, before they used it or looked.
    pub(crate) const fn is_looked_at(self) -> bool {
        matches!(self, Self::Unattested | Self::Prerender)
    }

    /// The name that the explanation uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bot => "bot",
            Self::Prerender => "prerender",
            Self::Scanner => "scanner",
            Self::Unattested => "unattested",
        }
    }
}
