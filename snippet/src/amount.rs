//! Amounts as shops write them, to the decimal text of the wire.

use crate::json::{lists, put};

/// Currencies whose amounts have no digits after the point, and those that have three (ISO 4217). All others have two.
const WITHOUT_DIGITS: &str = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF";
const WITH_THREE_DIGITS: &str = "BHD IQD JOD KWD LYD OMR TND";

/// The largest amount, in the smallest unit, (a cent, a yen): twelve digits, far above any cart.
const LARGEST: u64 = 999_999_999_999;

/// How many digits follow the point in amounts of `currency`; 2 when it is empty or unknown.
#[must_use]
pub fn digits_of(currency: &str) -> usize {
    if lists(WITHOUT_DIGITS, currency) {
        0
    } else if lists(WITH_THREE_DIGITS, currency) {
        3
    } else {
        2
    }
}

/// The amount in `text` as decimal text with exactly `digits` after the point, rounded half up.
///
/// Reads what shops push: `79.95`, `"79,95"`, `"€ 1.299,00"`, `"1,299.00 EUR"`, `"12,-"` and sums that JavaScript made
/// (`239.85000000000002`). A mark separates the decimals if it is the last one and occurs once; a comma that is the only
/// mark does not if exactly three digits follow it. Empty when there is no digit, for negative amounts, for exponents
/// and for absurd sizes: the event is kept then, without the amount.
#[must_use]
#[inline(never)]
pub fn decimal(text: &str, digits: usize) -> String {
    let mut out = String::new();
    let bytes = text.as_bytes();
    // Where the decimals begin, if they do.
    let mut marks = [0_usize; 2];
    let mut last = 0;
    let mut digits_after_last = 0;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'0'..=b'9' => digits_after_last += 1,
            b'.' | b',' => {
                marks[usize::from(*byte == b',')] += 1;
                last = at;
                digits_after_last = 0;
            }
            b'-' | b'e' | b'E' if matches!(bytes.get(at + 1), Some(b'0'..=b'9' | b'+' | b'-')) => return out,
            _ => {}
        }
    }
    let [points, commas] = marks;
    let repeated = marks[usize::from(bytes.get(last) == Some(&b','))] > 1;
    let thousands = points == 0 && digits_after_last == 3;
    let has_decimals = points + commas > 0 && !repeated && !thousands;

    let mut value = 0_u64;
    let mut places = 0;
    let mut found = false;
    for (at, byte) in bytes.iter().enumerate().filter(|(_, byte)| byte.is_ascii_digit()) {
        let digit = u64::from(byte - b'0');
        found = true;
        places += usize::from(has_decimals && at > last);
        if places <= digits {
            value = value.saturating_mul(10).saturating_add(digit);
        } else if places == digits + 1 && digit >= 5 {
            value = value.saturating_add(1);
        }
    }
    for _ in places..digits {
        value = value.saturating_mul(10);
    }
    if found && value <= LARGEST {
        write(&mut out, value, digits);
    }
    out
}

/// Writes `value` units of 10^-digits.
fn write(out: &mut String, mut value: u64, digits: usize) {
    // 10^11: `LARGEST` has twelve digits.
    let mut unit = 100_000_000_000_u64;
    let mut started = false;
    for place in (0..12_usize).rev() {
        let digit = (value / unit) as usize;
        value %= unit;
        unit /= 10;
        started |= digit > 0 || place <= digits;
        if started {
            put(out, "0123456789".get(digit..=digit).unwrap_or(""));
            if place == digits && digits > 0 {
                put(out, ".");
            }
        }
    }
}
