//! The kinds of value a configuration holds.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A duration as people write it: `5s`, `250ms`, `10m`, `2h`, `30d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(Duration);

impl Span {
    /// What [`Span`] accepts, for messages.
    pub const ALLOWED: &'static str = "a duration such as \"250ms\", \"5s\", \"10m\", \"2h\" or \"30d\"";

    /// Whole seconds.
    #[must_use]
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// As the standard library's type.
    #[must_use]
    pub const fn duration(self) -> Duration {
        self.0
    }
}

impl FromStr for Span {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = text[..digits].parse().map_err(|_| ())?;
        let factor: u64 = match &text[digits..] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(()),
        };
        number.checked_mul(factor).map(|milliseconds| Self(Duration::from_millis(milliseconds))).ok_or(())
    }
}

/// A number of bytes: `65536`, `64KiB`, `64MiB`, `2GiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bytes(pub u64);

impl Bytes {
    /// What [`Bytes`] accepts, for messages.
    pub const ALLOWED: &'static str = "a size such as \"64KiB\", \"64MiB\" or \"2GiB\"";
}

impl FromStr for Bytes {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = text[..digits].parse().map_err(|_| ())?;
        let factor: u64 = match text[digits..].trim() {
            "" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return Err(()),
        };
        number.checked_mul(factor).map(Self).ok_or(())
    }
}

/// A web origin: scheme, host and port, nothing else, as browsers send it in `Origin`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin(String);

impl Origin {
    /// What [`Origin`] accepts, for messages.
    pub const ALLOWED: &'static str = "an origin such as \"https://shop.example\", without a path";

    /// The origin as browsers write it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for Origin {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let url = url::Url::parse(text).map_err(|_| ())?;
        let origin = url.origin().ascii_serialization();
        let bare = matches!(url.scheme(), "http" | "https") && text.trim_end_matches('/') == origin;
        if bare { Ok(Self(origin)) } else { Err(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_scheme_a_host_and_a_port_only() {
        assert_eq!("https://shop.example".parse::<Origin>().unwrap().as_str(), "https://shop.example");
        assert_eq!("http://127.0.0.1:8080".parse::<Origin>().unwrap().as_str(), "http://127.0.0.1:8080");
        for refused in ["https://shop.example/path", "shop.example", "null", "*", "file:///x", "https://a@b.example"] {
            assert!(refused.parse::<Origin>().is_err(), "{refused}");
        }
    }

    #[test]
    fn spans_and_sizes_need_a_known_unit() {
        assert_eq!("250ms".parse::<Span>().unwrap().duration(), Duration::from_millis(250));
        assert_eq!("64MiB".parse::<Bytes>().unwrap().0, 64 << 20);
        assert!("5 parsecs".parse::<Span>().is_err());
        assert!("64MB".parse::<Bytes>().is_err());
        assert!("".parse::<Span>().is_err());
    }
}
