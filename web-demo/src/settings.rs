//! What the shop is started with.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// What the shop is started with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Public origin of the collector that serves the tag.
    pub collector: Origin,
    /// The public write key that the tag names.
    pub site: SiteKey,
    /// Which form of the tag the pages carry.
    pub tag: Tag,
    /// Puts `data-consent="granted"` into the tag. The shop's own banner then stays away.
    pub consent_in_tag: bool,
    /// Whether the policy of the pages lets WebAssembly compile (`'wasm-unsafe-eval'`).
    pub allow_wasm: bool,
    /// Discount codes that the cart accepts.
    pub codes: Vec<DiscountCode>,
}

/// The form of the tag.
#[derive(Debug, Clone)]
pub enum Tag {
    /// One external script.
    One,
    /// The same behind the inline stub.
    Stub(Stub),
    /// No tag: the shop alone.
    None,
}

/// Why a setting was refused.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Not an origin.
    #[error("`{found}` is not an origin: expected http://host[:port] or https://host[:port], nothing after it")]
    Origin {
        /// What was given.
        found: String,
    },
    /// Not a write key.
    #[error("`{found}` is not a site key: expected 1 to 64 of a-z A-Z 0-9 _ -")]
    Site {
        /// What was given.
        found: String,
    },
    /// Not a discount code.
    #[error("`{found}` is not a discount code: expected CODE=PERCENT, CODE 1 to 32 of A-Z 0-9 -, PERCENT 1 to 90")]
    Code {
        /// What was given.
        found: String,
    },
    /// The stub's file could not be read.
    #[error("cannot read the stub from {}", path.display())]
    StubUnreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The stub's file is not what it should be.
    #[error("{} is not a manifest with the texts `stub` and `stub_csp`", path.display())]
    StubIllFormed {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// The stub and its hash do not belong together, so the browser would refuse it.
    #[error("{}: `stub_csp` says {stated}, but `stub` has {computed}", path.display())]
    StubHash {
        /// The file.
        path: PathBuf,
        /// The hash in the file.
        stated: String,
        /// The hash of the stub.
        computed: String,
    },
    /// The stub would end its own script element.
    #[error("{}: `stub` holds a script element's tag; it must be the script's text alone", path.display())]
    StubMarkup {
        /// The file.
        path: PathBuf,
    },
}

/// An `http` or `https` origin, safe to print into a header or an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// Reads `scheme://host[:port]`; one closing slash is dropped.
    ///
    /// # Errors
    ///
    /// [`SettingsError::Origin`] for anything else.
    pub fn parse(text: &str) -> Result<Self, SettingsError> {
        let trimmed = text.strip_suffix('/').unwrap_or(text);
        let authority = trimmed.strip_prefix("http://").or_else(|| trimmed.strip_prefix("https://"));
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
        match authority {
            Some(authority) if !authority.is_empty() && authority.bytes().all(allowed) => Ok(Self(trimmed.to_owned())),
            _ => Err(SettingsError::Origin { found: text.to_owned() }),
        }
    }
}

impl FromStr for Origin {
    type Err = SettingsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A site's public write key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteKey(String);

impl SiteKey {
    /// Reads a key of 1 to 64 letters, digits, `_`, `-`.
    ///
    /// # Errors
    ///
    /// [`SettingsError::Site`] for anything else.
    pub fn parse(text: &str) -> Result<Self, SettingsError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        if (1..=64).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(SettingsError::Site { found: text.to_owned() })
        }
    }
}

impl FromStr for SiteKey {
    type Err = SettingsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for SiteKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A discount code and what it is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiscountCode {
    code: String,
    percent: u32,
}

impl DiscountCode {
    /// Reads `CODE=PERCENT`.
    ///
    /// # Errors
    ///
    /// [`SettingsError::Code`] when it is not that.
    pub fn parse(text: &str) -> Result<Self, SettingsError> {
        let refused = || SettingsError::Code { found: text.to_owned() };
        let (code, percent) = text.split_once('=').ok_or_else(refused)?;
        let allowed = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-';
        let percent = percent.parse().ok().filter(|percent| (1..=90).contains(percent)).ok_or_else(refused)?;
        if (1..=32).contains(&code.len()) && code.bytes().all(allowed) {
            Ok(Self { code: code.to_owned(), percent })
        } else {
            Err(refused())
        }
    }

    /// The code, as a customer types it.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }

    /// What it takes off, in per cent of the goods.
    #[must_use]
    pub fn percent(&self) -> u32 {
        self.percent
    }
}

impl FromStr for DiscountCode {
    type Err = SettingsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// The inline stub and the source expression that allows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stub {
    script: String,
    hash: String,
}

#[derive(Deserialize)]
struct Manifest {
    stub: String,
    stub_csp: String,
}

impl Stub {
    /// Reads the stub from a manifest: a JSON object with the texts `stub` (the script) and `stub_csp`
    /// (`sha256-…`, quoted or not). Other keys are not looked at.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, is not such a manifest, or its hash is not that of its script.
    pub fn from_manifest(path: &Path) -> Result<Self, SettingsError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| SettingsError::StubUnreadable { path: path.to_owned(), source })?;
        let manifest: Manifest = serde_json::from_str(&text)
            .map_err(|source| SettingsError::StubIllFormed { path: path.to_owned(), source })?;
        if manifest.stub.contains("</script") || manifest.stub.contains("<script") {
            return Err(SettingsError::StubMarkup { path: path.to_owned() });
        }
        let computed = format!("sha256-{}", STANDARD.encode(Sha256::digest(manifest.stub.as_bytes())));
        let stated = manifest.stub_csp.trim_matches('\'').to_owned();
        if stated != computed {
            return Err(SettingsError::StubHash { path: path.to_owned(), stated, computed });
        }
        Ok(Self { script: manifest.stub, hash: computed })
    }

    /// The script's text.
    #[must_use]
    pub fn script(&self) -> &str {
        &self.script
    }

    /// Its hash as a policy names it, without quotes: `sha256-…`.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }
}

impl Settings {
    /// The tag as it stands in the head of every page. Everything in it is of a parsed type, so nothing needs escaping.
    #[must_use]
    pub fn tag_html(&self) -> String {
        let consent = if self.consent_in_tag { r#" data-consent="granted""# } else { "" };
        let script =
            format!(r#"<script async src="{}/gloed.js" data-site="{}"{consent}></script>"#, self.collector, self.site);
        match &self.tag {
            Tag::One => script,
            Tag::Stub(stub) => format!("<script>{}</script>{script}", stub.script()),
            Tag::None => String::new(),
        }
    }

    /// The `Content-Security-Policy` of every answer: what a careful shop allows, and the collector's origin.
    #[must_use]
    pub fn policy(&self) -> String {
        let collector = match &self.tag {
            Tag::None => String::new(),
            Tag::One | Tag::Stub(_) => format!(" {}", self.collector),
        };
        let stub = match &self.tag {
            Tag::Stub(stub) => format!(" '{}'", stub.hash()),
            Tag::One | Tag::None => String::new(),
        };
        let wasm = if self.allow_wasm { " 'wasm-unsafe-eval'" } else { "" };
        format!(
            "default-src 'none'; script-src 'self'{collector}{stub}{wasm}; connect-src 'self'{collector}; \
             img-src 'self' data:; style-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; \
             frame-ancestors 'none'"
        )
    }

    /// The discount code of this name, whatever its case.
    #[must_use]
    pub fn find_code(&self, typed: &str) -> Option<&DiscountCode> {
        self.codes.iter().find(|code| code.code.eq_ignore_ascii_case(typed.trim()))
    }
}
