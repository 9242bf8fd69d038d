//! Prices.

use std::iter::Sum;
use std::ops::{Add, Sub};

use serde::{Serialize, Serializer};

use crate::language::Language;

/// An amount in euro cents. Serialised as GA4 wants it: a number of euros (`79.95`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cents(pub u32);

impl Cents {
    /// As a reader of `language` writes it: `€ 79,95` or `€79.95`.
    #[must_use]
    pub fn show(&self, language: Language) -> String {
        let (euros, cents) = (self.0 / 100, self.0 % 100);
        match language {
            Language::Dutch => format!("€\u{a0}{euros},{cents:02}"),
            Language::English => format!("€{euros}.{cents:02}"),
        }
    }

    /// This amount `quantity` times.
    #[must_use]
    pub fn times(self, quantity: u32) -> Self {
        Self(self.0.saturating_mul(quantity))
    }

    /// `percent` per cent of this amount, rounded to the nearest cent.
    #[must_use]
    pub fn percent(self, percent: u32) -> Self {
        Self((self.0.saturating_mul(percent) + 50) / 100)
    }
}

impl Add for Cents {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Cents {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Sum for Cents {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self(0), Self::add)
    }
}

impl Serialize for Cents {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(f64::from(self.0) / 100.0)
    }
}
