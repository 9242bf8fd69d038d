//! E-mail addresses, telephone numbers and card numbers are masked before anything is written.
//!
//! A visitor's own data reaches page addresses and properties by accident (`?email=…` after a form, a search for an
//! order number). It is no use to a score, and a log that never had it cannot leak it.

use std::borrow::Cow;

use wire::names::LINK_PARAMETER;

use crate::coupon::pool::{digest, hexadecimal};

const EMAIL: &str = "[email]";
const CARD: &str = "[card]";
const PHONE: &str = "[phone]";
const LINK: &str = "[link]";

/// `text` with what looks like an e-mail address, a card number or an international telephone number replaced, and with the
/// token of a signed link, which opens to whoever has it. Percent-encoded forms (`%40`) count too.
#[must_use]
pub fn masked(text: &str) -> Cow<'_, str> {
    if text.contains(LINK_PARAMETER) {
        return Cow::Owned(personal_masked(&without_token(text)).into_owned());
    }
    personal_masked(text)
}

/// Without what follows the parameter of a signed link: a shop may well keep the whole address of a page in a property.
fn without_token(text: &str) -> String {
    let mut parts = text.split(LINK_PARAMETER);
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let encoded = part.get(..3).filter(|sign| sign.eq_ignore_ascii_case("%3d"));
        let sign = encoded.or_else(|| part.get(..1).filter(|sign| *sign == "=")).unwrap_or_default();
        let token = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        let rest = part.get(sign.len()..).unwrap_or_default();
        let length = if sign.is_empty() { 0 } else { rest.bytes().take_while(token).count() };
        result.push_str(LINK_PARAMETER);
        result.push_str(sign);
        if length > 0 {
            result.push_str(LINK);
        }
        result.push_str(rest.get(length..).unwrap_or_default());
    }
    result
}

/// An order's number, as it is kept. One that looks like a telephone or card number is not kept as it is, and must not become
/// the same as another: shops pad numbers with zeros. It goes on as a digest, which tells orders apart and says nothing else.
#[must_use]
pub fn order_number(text: &str) -> Cow<'_, str> {
    match masked(text) {
        Cow::Borrowed(text) => Cow::Borrowed(text),
        Cow::Owned(_) => Cow::Owned(format!("order:{}", hexadecimal(&digest(&[b"order", text.as_bytes()])))),
    }
}

fn personal_masked(text: &str) -> Cow<'_, str> {
    let has_address = text.contains('@') || contains_encoded_at(text);
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    if !has_address && digits < 8 {
        return Cow::Borrowed(text);
    }
    let without_addresses = if has_address { mask_addresses(text) } else { Cow::Borrowed(text) };
    match mask_numbers(&without_addresses) {
        Some(masked) => Cow::Owned(masked),
        None => without_addresses,
    }
}

fn contains_encoded_at(text: &str) -> bool {
    text.as_bytes().windows(3).any(|window| window == b"%40")
}

fn is_local_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'+' | b'-' | b'%' | b'\'') || byte >= 0x80
}

fn is_domain_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-') || byte >= 0x80
}

/// Replaces `local@domain` whole. Bytes of other characters count as letters, so no character is split.
fn mask_addresses(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut result = String::new();
    let mut kept = 0;
    let mut at = 0;
    while at < bytes.len() {
        let width = match &bytes[at..] {
            [b'@', ..] => 1,
            [b'%', b'4', b'0', ..] => 3,
            _ => {
                at += 1;
                continue;
            }
        };
        let start = bytes[kept..at].iter().rposition(|byte| !is_local_byte(*byte)).map_or(kept, |p| kept + p + 1);
        let after = at + width;
        let end = bytes[after..].iter().position(|byte| !is_domain_byte(*byte)).map_or(bytes.len(), |p| after + p);
        if start < at && end > after {
            result.push_str(&text[kept..start]);
            result.push_str(EMAIL);
            kept = end;
            at = end;
        } else {
            at = after;
        }
    }
    if kept == 0 {
        return Cow::Borrowed(text);
    }
    result.push_str(&text[kept..]);
    Cow::Owned(result)
}

/// Replaces runs of digits (single spaces, dots or hyphens between allowed) that are card numbers by their check digit,
/// or telephone numbers by their leading `+` or `00`.
fn mask_numbers(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut result = String::new();
    let mut kept = 0;
    let mut start = 0;
    while start < bytes.len() {
        if !bytes[start].is_ascii_digit() {
            start += 1;
            continue;
        }
        let (end, digits) = digit_run(bytes, start);
        let plus = start > 0 && bytes[start - 1] == b'+';
        let encoded_plus = start >= 3 && bytes[start - 3..start].eq_ignore_ascii_case(b"%2b");
        let international = plus || encoded_plus || digits.starts_with(&[0, 0]);
        let mask = if (13..=19).contains(&digits.len()) && has_check_digit(&digits) {
            Some((CARD, start))
        } else if international && (9..=15).contains(&digits.len()) {
            let sign = if plus {
                1
            } else if encoded_plus {
                3
            } else {
                0
            };
            Some((PHONE, start - sign))
        } else {
            None
        };
        if let Some((replacement, from)) = mask {
            result.push_str(&text[kept..from.max(kept)]);
            result.push_str(replacement);
            kept = end;
        }
        start = end;
    }
    if kept == 0 {
        return None;
    }
    result.push_str(&text[kept..]);
    Some(result)
}

/// The end of the run that starts here, and its digits.
fn digit_run(bytes: &[u8], start: usize) -> (usize, Vec<u8>) {
    let mut digits = Vec::new();
    let (mut at, mut end) = (start, start);
    while at < bytes.len() {
        let separator = match &bytes[at..] {
            [digit, ..] if digit.is_ascii_digit() => {
                digits.push(digit - b'0');
                at += 1;
                end = at;
                continue;
            }
            [b'%', b'2', b'0', ..] => 3,
            [b' ' | b'-' | b'.' | b'+', ..] => 1,
            _ => break,
        };
        if !bytes.get(at + separator).is_some_and(u8::is_ascii_digit) {
            break;
        }
        at += separator;
    }
    (end, digits)
}

/// Luhn's check (ISO/IEC 7812-1), and not all digits the same.
fn has_check_digit(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(index, digit)| {
            let doubled = u32::from(*digit) * if index % 2 == 1 { 2 } else { 1 };
            if doubled > 9 { doubled - 9 } else { doubled }
        })
        .sum();
    sum.is_multiple_of(10) && digits.windows(2).any(|pair| pair[0] != pair[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_of_a_signed_link_is_masked_wherever_an_address_is_written() {
        for (text, expected) in [
            (
                "https://shop.example/?a=1&gloed_link=l1.Bw-_.x1&b=jan@x.nl",
                "https://shop.example/?a=1&gloed_link=[link]&b=[email]",
            ),
            ("?u=%3Fgloed_link%3Dl1.Bw.x1%26b", "?u=%3Fgloed_link%3D[link]%26b"),
            ("gloed_link=a gloed_link=b", "gloed_link=[link] gloed_link=[link]"),
            ("gloed_link", "gloed_link"),
            ("gloed_link=é", "gloed_link=é"),
        ] {
            assert_eq!(masked(text), expected);
        }
    }

    #[test]
    fn orders_whose_numbers_look_like_telephones_stay_apart() {
        let numbers = ["000000123", "000000124", "4111111111111111", "anna@voorbeeld.example"];
        let kept: std::collections::BTreeSet<_> = numbers.iter().map(|number| order_number(number)).collect();
        assert_eq!(kept.len(), numbers.len(), "{kept:?}");
        for (number, kept) in numbers.iter().map(|number| (number, order_number(number))) {
            assert!(kept.starts_with("order:") && !kept.contains(number), "{number}: {kept}");
        }
        assert_eq!(order_number("2026-00017"), "2026-00017");
        assert_eq!(order_number("000000123"), order_number("000000123"));
    }

    #[test]
    fn addresses_and_numbers_are_masked_in_every_spelling() {
        for (text, expected) in [
            ("/bedankt/jan.jansen@voorbeeld.nl", "/bedankt/[email]"),
            ("mail jan%40voorbeeld.nl nu", "mail [email] nu"),
            ("jan+shop@sub.voorbeeld.co.uk,piet@x.nl", "[email],[email]"),
            ("jürgen@straße.de", "[email]"),
            ("4111 1111 1111 1111", "[card]"),
            ("kaart 5500-0000-0000-0004 verloren", "kaart [card] verloren"),
            ("/pay/4111111111111111/ok", "/pay/[card]/ok"),
            ("4111%201111%201111%201111", "[card]"),
            ("bel +31 6 12345678", "bel [phone]"),
            ("0031612345678", "[phone]"),
            ("%2B31612345678", "[phone]"),
        ] {
            assert_eq!(masked(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_personal_data_stays() {
        for text in [
            "/regenjas",
            "J-17",
            "@",
            "a @ b",
            "order 2026-11-21",
            "4111111111111112",
            "1790000001000",
            "0000000000000000",
            "é",
        ] {
            assert_eq!(masked(text), text);
        }
    }
}
