//! Instants as pages show them: in the site's time zone, and as people say it.

use engine::Millis;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::language::Language;

/// Instants of one site, seen from now, in one language.
pub(super) struct Times<'a> {
    pub(super) zone: &'a TimeZone,
    pub(super) now: Millis,
    pub(super) language: Language,
}

/// One instant, for a `<time>` element.
pub(super) struct When {
    /// RFC 3339, for machines.
    pub(super) machine: String,
    /// `za 21 nov 2026, 14:03`
    pub(super) absolute: String,
    /// `14:03`
    pub(super) clock: String,
    /// `3 uur geleden`
    pub(super) relative: String,
    /// `al 3 uur`
    pub(super) lasting: String,
}

impl Times<'_> {
    /// One instant.
    pub(super) fn at(&self, instant: Millis) -> When {
        let relative = self.language.relative(self.now.since(instant));
        let lasting = self.language.lasting(self.now.since(instant));
        let Some(local) = self.local(instant) else {
            return When {
                machine: String::new(),
                absolute: instant.0.to_string(),
                clock: String::new(),
                relative,
                lasting,
            };
        };
        let clock = format!("{:02}:{:02}", local.hour(), local.minute());
        let (day, month) = self.names(&local);
        // Both languages abbreviate the names of days and months to their first letters.
        let (day, month) = (first(day, if self.language == Language::Dutch { 2 } else { 3 }), first(month, 3));
        When {
            machine: local.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
            absolute: format!("{day} {} {month} {}, {clock}", local.day(), local.year()),
            clock,
            relative,
            lasting,
        }
    }

    /// The day of an instant: `zaterdag 21 november 2026`.
    pub(super) fn day(&self, instant: Millis) -> String {
        let Some(local) = self.local(instant) else { return instant.0.to_string() };
        let (day, month) = self.names(&local);
        format!("{day} {} {month} {}", local.day(), local.year())
    }

    fn names(&self, local: &Zoned) -> (&'static str, &'static str) {
        let day = usize::try_from(local.weekday().to_monday_zero_offset()).unwrap_or_default();
        let month = usize::try_from(local.month() - 1).unwrap_or_default();
        (self.language.days()[day % 7], self.language.months()[month % 12])
    }

    fn local(&self, instant: Millis) -> Option<Zoned> {
        Some(Timestamp::from_millisecond(instant.0).ok()?.to_zoned(self.zone.clone()))
    }
}

fn first(name: &'static str, letters: usize) -> &'static str {
    // "maart" is the one month that its first three letters do not tell from another by custom: mrt.
    if name == "maart" { "mrt" } else { name.get(..letters).unwrap_or(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_told_in_the_zone_and_the_language() {
        let zone = TimeZone::get("Europe/Amsterdam").unwrap();
        // 2027-03-01T12:03:00Z
        let instant = Millis(1_803_902_580_000);
        let times = |language| Times { zone: &zone, now: Millis(instant.0 + 7_200_000), language };
        let dutch = times(Language::Dutch).at(instant);
        assert_eq!(dutch.machine, "2027-03-01T13:03:00+01:00");
        assert_eq!(dutch.absolute, "ma 1 mrt 2027, 13:03");
        assert_eq!(dutch.relative, "2 uur geleden");
        assert_eq!(times(Language::English).at(instant).absolute, "Mon 1 Mar 2027, 13:03");
        assert_eq!(times(Language::Dutch).day(instant), "maandag 1 maart 2027");
    }
}
