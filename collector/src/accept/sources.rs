//! What a referring host, or a campaign's source, is: a search engine, a social network, mail, or a place that visitors come
//! back from.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The list, with how to maintain it.
const LIST: &str = include_str!("sources.txt");

/// What a host is known as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// A search engine, or an assistant that answers like one.
    Search,
    /// A social network.
    Social,
    /// Web mail, or a newsletter.
    Email,
    /// Where visitors pay or sign in: coming back from there is no new visit.
    Return,
}

/// Second labels under which names are given out.
const SECOND_LEVEL: [&str; 7] = ["ac", "co", "com", "ne", "net", "or", "org"];

static KNOWN: LazyLock<Known> = LazyLock::new(|| Known::read(LIST));

/// What a referring host is known as, in lower case; `None`: nothing.
pub(crate) fn of_host(host: &str) -> Option<Source> {
    KNOWN.find(host)
}

/// What a campaign calls its source (`google`, `facebook`, `ig`, or a host), in lower case; `None`: nothing that is known.
pub(crate) fn of_name(name: &str) -> Option<Source> {
    if name.contains('.') {
        return of_host(name);
    }
    let Known { hosts, names, words } = &*KNOWN;
    // A host is called by its first label: facebook is facebook.com.
    let host = || {
        hosts
            .iter()
            .find(|(host, _)| host.split_once('.').is_some_and(|(label, top)| label == name && !top.contains('.')))
    };
    let found = words.get(name).or_else(|| names.get(name)).or_else(|| host().map(|(_, source)| source)).copied();
    // A campaign comes from nowhere that visitors only come back from.
    found.filter(|source| *source != Source::Return)
}

#[derive(Default)]
struct Known {
    hosts: BTreeMap<&'static str, Source>,
    /// Names under any top-level domain.
    names: BTreeMap<&'static str, Source>,
    /// Names of sources that are no host.
    words: BTreeMap<&'static str, Source>,
}

impl Known {
    fn read(list: &'static str) -> Self {
        let mut known = Self::default();
        let mut section = None;
        for line in list.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if line.starts_with('[') {
                section = heading(line);
                continue;
            }
            let Some(source) = section else { continue };
            match line.strip_prefix('.').and_then(|rest| rest.strip_suffix('.')) {
                Some(name) => known.names.insert(name, source),
                None if line.contains('.') => known.hosts.insert(line, source),
                None => known.words.insert(line, source),
            };
        }
        known
    }

    /// The longest host that is known wins; then a name under any top-level domain.
    fn find(&self, host: &str) -> Option<Source> {
        let mut rest = host;
        loop {
            if let Some(source) = self.hosts.get(rest) {
                return Some(*source);
            }
            match rest.split_once('.') {
                Some((_, parent)) => rest = parent,
                None => break,
            }
        }
        // The last label is a top-level domain, and so may be the last two: google.nl, google.co.uk.
        let mut labels = host.rsplit('.').skip(1);
        let name = labels.next().filter(|label| !SECOND_LEVEL.contains(label)).or_else(|| labels.next())?;
        self.names.get(name).copied()
    }
}

fn heading(line: &str) -> Option<Source> {
    match line {
        "[search]" => Some(Source::Search),
        "[social]" => Some(Source::Social),
        "[email]" => Some(Source::Email),
        "[return]" => Some(Source::Return),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_known_by_their_longest_name_and_look_alikes_are_not() {
        for (host, source) in [
            ("www.google.nl", Some(Source::Search)),
            ("google.co.uk", Some(Source::Search)),
            ("mail.google.com", Some(Source::Email)),
            ("pay.google.com", Some(Source::Return)),
            ("l.facebook.com", Some(Source::Social)),
            ("www.mollie.com", Some(Source::Return)),
            ("www.paypal.com", Some(Source::Return)),
            ("betalen.rabobank.nl", Some(Source::Return)),
            ("notfacebook.com", None),
            ("facebook.com.evil.example", None),
            ("google.evil.example", None),
            ("accounts.google.com", Some(Source::Return)),
            ("login.microsoftonline.com", Some(Source::Return)),
            ("shop.google", None),
            ("shop.example", None),
            ("", None),
        ] {
            assert_eq!(of_host(host), source, "{host}");
        }
    }

    #[test]
    fn sources_are_known_by_the_names_that_campaigns_give_them() {
        for (name, source) in [
            ("google", Some(Source::Search)),
            ("www.google.nl", Some(Source::Search)),
            ("facebook", Some(Source::Social)),
            ("ig", Some(Source::Social)),
            ("nieuwsbrief", Some(Source::Email)),
            // A shop that pays with it does not advertise there.
            ("mollie", None),
            ("face", None),
            ("partner", None),
            ("", None),
        ] {
            assert_eq!(of_name(name), source, "{name}");
        }
    }

    #[test]
    fn the_list_has_four_headings_and_each_host_once_in_order() {
        let mut before = "";
        let mut headings = 0;
        for line in LIST.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if line.starts_with('[') {
                assert!(heading(line).is_some(), "{line}");
                (headings, before) = (headings + 1, "");
                continue;
            }
            assert!(
                line.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte))
            );
            // Names under any domain stand first, then hosts, each in order.
            let rank = |line: &str| (!line.starts_with('.'), line.replace('.', " "));
            assert!(before.is_empty() || rank(before) < rank(line), "{before} before {line}");
            before = line;
        }
        assert_eq!(headings, 4);
    }
}
