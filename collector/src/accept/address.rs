//! Addresses of pages, cut down to what scores need: host, path, campaign, and where the visit came from.
//!
//! Fragments and queries are dropped before anything is written, but for campaign parameters and the site's allow-list.

use engine::{Channel, PageFacts, SourceFacts, Text};
use url::Url;
use wire::Page;

use super::sources::{self, Source};
use crate::masking::masked;
use crate::site::Site;

/// Bytes of a query value that is kept.
const QUERY_VALUE_BYTES: usize = 256;

/// Parameters that advertisers' click ids come in. Their values name a click of one person and are not kept.
const CLICK_IDS: [&str; 7] = ["gclid", "gbraid", "wbraid", "dclid", "msclkid", "fbclid", "ttclid"];

/// A page's address, taken apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Address {
    /// Host and path.
    pub(crate) page: Option<PageFacts>,
    /// Where the visit came from.
    pub(crate) source: SourceFacts,
    /// Query parameters on the site's allow-list.
    pub(crate) allowed: Vec<(String, String)>,
}

impl Address {
    /// Of a page of this site; of none, an empty one.
    pub(crate) fn of(page: Option<&Page>, site: &Site) -> Self {
        page.map_or_else(Self::default, |page| {
            let (url, referrer, title) = (page.url.as_deref(), page.referrer.as_deref(), page.title.as_deref());
            Self::read(url, referrer, title, &site.config.allow_query, &site.own_hosts)
        })
    }

    /// Takes a page's address and its referrer apart. What does not parse is as if it were absent.
    fn read(
        url: Option<&str>,
        referrer: Option<&str>,
        title: Option<&str>,
        allow_query: &[String],
        own_hosts: &[String],
    ) -> Self {
        let parsed = url.and_then(|url| Url::parse(url).ok());
        let page = parsed.as_ref().map(|url| PageFacts {
            host: Text::cut(&url.host_str().unwrap_or_default().to_ascii_lowercase()),
            path: Text::cut(&masked(&normalised_path(url))),
            title: title.map(|title| Text::cut(&masked(title))),
        });
        let mut campaign = Campaign::default();
        let mut allowed = Vec::new();
        for (name, value) in parsed.iter().flat_map(Url::query_pairs) {
            if value.is_empty() {
                continue;
            }
            let kept = || masked(engine::text::cut(&value, QUERY_VALUE_BYTES)).into_owned();
            match &*name {
                "utm_source" => campaign.source = Some(kept()),
                "utm_medium" => campaign.medium = Some(kept()),
                "utm_campaign" => campaign.name = Some(kept()),
                click if CLICK_IDS.contains(&click) => campaign.clicked = true,
                // Whoever has it can open the link: no site can allow it to be kept.
                wire::names::LINK_PARAMETER => {}
                other if allow_query.iter().any(|allowed| allowed == other) => {
                    allowed.push((other.to_owned(), kept()));
                }
                _ => {}
            }
        }
        let from = referrer
            .and_then(|referrer| Url::parse(referrer).ok())
            .and_then(|referrer| referrer.host_str().map(str::to_ascii_lowercase))
            // Coming from the page before is coming from nowhere.
            .filter(|host| page.as_ref().is_none_or(|page| page.host.as_str() != host))
            .map(|host| {
                let own = own_hosts.contains(&host);
                let channel = match sources::of_host(&host) {
                    _ if own => None,
                    Some(known) => channel_of(known),
                    None => Some(Channel::Referral),
                };
                (channel, host)
            });
        let source = SourceFacts {
            channel: campaign.channel(from.as_ref().and_then(|(channel, _)| *channel)),
            source: campaign.source.as_deref().map(Text::cut),
            medium: campaign.medium.as_deref().map(Text::cut),
            campaign: campaign.name.as_deref().map(Text::cut),
            referrer_host: from.as_ref().map(|(_, host)| Text::cut(host)),
        };
        Self { page, source, allowed }
    }
}

/// One spelling for one page: no doubled slashes, none at the end.
fn normalised_path(url: &Url) -> String {
    let mut path = String::with_capacity(url.path().len());
    for part in url.path().split('/').filter(|part| !part.is_empty()) {
        path.push('/');
        path.push_str(part);
    }
    if path.is_empty() { "/".to_owned() } else { path }
}

#[derive(Default)]
struct Campaign {
    source: Option<String>,
    medium: Option<String>,
    name: Option<String>,
    clicked: bool,
}

impl Campaign {
    /// Says what kind of source this is: the campaign's own word first, then the referrer's.
    fn channel(&self, referrer: Option<Channel>) -> Channel {
        let medium = self.medium.as_deref().unwrap_or_default();
        if let Some(channel) = of_medium(medium) {
            return channel;
        }
        if self.clicked {
            return Channel::Paid;
        }
        let Some(source) = self.source.as_deref().map(str::to_ascii_lowercase) else {
            return referrer.unwrap_or(Channel::Direct);
        };
        // A source that is known says more than a referrer: mails are read in web mail, and links are passed on.
        match sources::of_name(&source) {
            Some(known) => channel_of(known).unwrap_or(Channel::Direct),
            None => referrer.unwrap_or(Channel::Referral),
        }
    }
}

/// The channel that a campaign's medium names, however it is spelt: `paid-social`, `paid_social` and `PaidSocial` are one.
fn of_medium(medium: &str) -> Option<Channel> {
    let plain: String = medium.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    match plain.as_str() {
        "cpc" | "ppc" | "cpm" | "cpv" | "cpa" | "cpl" | "sem" | "display" | "banner" | "retargeting"
        | "remarketing" | "affiliate" | "affiliates" => Some(Channel::Paid),
        // GA4 reads every medium that begins so as paid.
        paid if paid.starts_with("paid") => Some(Channel::Paid),
        "email" | "mail" | "newsletter" | "nieuwsbrief" => Some(Channel::Email),
        "social" | "socialnetwork" | "socialmedia" | "sm" => Some(Channel::Social),
        "organic" => Some(Channel::Organic),
        "referral" | "link" => Some(Channel::Referral),
        _ => None,
    }
}

/// The channel of a visit that comes from there; `None`: it comes back, from paying or from signing in, and is no other.
const fn channel_of(source: Source) -> Option<Channel> {
    match source {
        Source::Search => Some(Channel::Organic),
        Source::Social => Some(Channel::Social),
        Source::Email => Some(Channel::Email),
        Source::Return => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str, referrer: Option<&str>) -> Address {
        Address::read(Some(url), referrer, None, &["q".to_owned()], &["shop.example".to_owned()])
    }

    #[test]
    fn only_host_path_campaign_and_allowed_parameters_are_kept() {
        let address =
            read("https://Shop.Example:443//zoeken/?q=jas&email=jan%40x.nl&utm_campaign=herfst&sid=9#top", None);
        let page = address.page.unwrap();
        assert_eq!((page.host.as_str(), page.path.as_str()), ("shop.example", "/zoeken"));
        assert_eq!(address.allowed, [("q".to_owned(), "jas".to_owned())]);
        assert_eq!(address.source.campaign.unwrap().as_str(), "herfst");
    }

    #[test]
    fn personal_data_in_a_path_is_masked() {
        let page = read("https://shop.example/bedankt/jan@voorbeeld.nl", None).page.unwrap();
        assert_eq!(page.path.as_str(), "/bedankt/[email]");
    }

    #[test]
    fn channels_follow_the_campaign_then_the_referrer() {
        let shop = "https://shop.example/";
        for (url, referrer, channel) in [
            (shop.to_owned(), None, Channel::Direct),
            (shop.to_owned(), Some("https://shop.example/a"), Channel::Direct),
            (shop.to_owned(), Some("https://www.google.nl/"), Channel::Organic),
            (shop.to_owned(), Some("https://duckduckgo.com/"), Channel::Organic),
            (shop.to_owned(), Some("https://l.facebook.com/"), Channel::Social),
            (shop.to_owned(), Some("https://mail.google.com/"), Channel::Email),
            (shop.to_owned(), Some("https://notfacebook.com/"), Channel::Referral),
            (shop.to_owned(), Some("https://www.mollie.com/checkout/"), Channel::Direct),
            (shop.to_owned(), Some("https://www.paypal.com/"), Channel::Direct),
            (format!("{shop}?gclid=1"), Some("https://www.google.nl/"), Channel::Paid),
            (format!("{shop}?utm_medium=CPC"), None, Channel::Paid),
            (format!("{shop}?utm_source=nieuwsbrief"), None, Channel::Email),
            (format!("{shop}?utm_source=partner"), None, Channel::Referral),
            (format!("{shop}?utm_medium=paid-social&utm_source=facebook"), None, Channel::Paid),
            (format!("{shop}?utm_medium=cpa"), None, Channel::Paid),
            (format!("{shop}?utm_source=google"), None, Channel::Organic),
            (format!("{shop}?utm_source=Facebook.com"), None, Channel::Social),
            (format!("{shop}?utm_source=nieuwsbrief"), Some("https://www.google.nl/"), Channel::Email),
            (shop.to_owned(), Some("https://accounts.google.com/"), Channel::Direct),
        ] {
            assert_eq!(read(&url, referrer).source.channel, channel, "{url} {referrer:?}");
        }
    }

    #[test]
    fn who_comes_back_from_paying_is_known_by_where_from() {
        let shop = "https://shop.example/bedankt";
        let read = |from: &str| {
            let own = ["shop.example".to_owned(), "betalen.shop.example".to_owned()];
            Address::read(Some(shop), Some(from), None, &[], &own).source
        };
        for host in ["www.mollie.com", "www.paypal.com", "betalen.shop.example"] {
            let from = format!("https://{host}/");
            let source = read(&from);
            assert!(source.is_return(), "{host}");
            assert_eq!(source.referrer_host.as_deref(), Some(host));
        }
        // from the page before, and from elsewhere
        for from in ["https://shop.example/kassa", "https://www.google.nl/", "https://blog.example/"] {
            assert!(!read(from).is_return(), "{from}");
        }
    }

    #[test]
    fn what_is_no_address_is_absent() {
        assert_eq!(Address::read(Some("::"), Some("x"), None, &[], &[]), Address::default());
    }
}
