//! Amounts as shops write them.

use snippet::amount::{decimal, digits_of};

#[test]
fn shops_amounts_become_decimal_text() {
    for (given, expected) in [
        ("79.95", "79.95"),
        ("79,95", "79.95"),
        ("79.9", "79.90"),
        ("1000", "1000.00"),
        ("0", "0.00"),
        ("0.005", "0.01"),
        ("239.85000000000002", "239.85"),
        ("19.989999999999998", "19.99"),
        ("0.994999", "0.99"),
        ("9.995", "10.00"),
        ("€ 1.299,00", "1299.00"),
        ("1,299.00 EUR", "1299.00"),
        ("1,299", "1299.00"),
        ("1.299.000", "1299000.00"),
        ("12,-", "12.00"),
        ("007", "7.00"),
        (".5", "0.50"),
        ("1\u{a0}299,50", "1299.50"),
    ] {
        assert_eq!(decimal(given, 2), expected, "{given}");
    }
}

#[test]
fn what_is_no_amount_is_left_out() {
    for given in ["", "free", "-5", "€ -5,00", "1e21", "1e-7", "99999999999999", "."] {
        assert_eq!(decimal(given, 2), "", "{given}");
    }
}

#[test]
fn digits_follow_the_currency() {
    assert_eq!((digits_of("EUR"), digits_of("JPY"), digits_of("KWD"), digits_of("")), (2, 0, 3, 2));
    assert_eq!(decimal("1200.4", 0), "1200");
    assert_eq!(decimal("1.2345", 3), "1.235");
}

proptest::proptest! {
    /// Whatever JavaScript prints for a whole number of cents comes out as these cents.
    #[test]
    fn cents_survive(cents in 0_u64..1_000_000_000) {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
        let printed = format!("{}", cents as f64 / 100.0);
        proptest::prop_assert_eq!(decimal(&printed, 2), format!("{}.{:02}", cents / 100, cents % 100));
    }
}
