//! Sessions: the visits of a lead.

use std::collections::BTreeMap;

use crate::time::{Millis, Span};
use crate::touch::{Channel, Touch, Trust};

/// A session ends when its stream is silent for this long.
pub const SESSION_GAP: Span = Span::minutes(30);

/// What the sessions of a lead come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sessions {
    /// How many there were.
    pub(crate) count: u32,
    /// The channel of the one that the last touch belongs to: how it began.
    pub(crate) channel: Option<Channel>,
}

/// A session that may go on.
struct Open<'a> {
    last: Millis,
    campaign: Option<&'a str>,
    channel: Channel,
}

impl Sessions {
    /// Counts the sessions of each stream: one ends after thirty minutes without a touch of the stream, or when the
    /// campaign changes. Neither midnight nor another stream ends one.
    pub(crate) fn of(touches: &[Touch]) -> Self {
        let mut open: BTreeMap<&str, Open<'_>> = BTreeMap::new();
        let mut sessions = Self::default();
        for touch in touches.iter().filter(|touch| is_visit(touch)) {
            let campaign = touch.source.campaign.as_deref();
            let going_on = open.get_mut(touch.stream.as_str()).filter(|session| {
                let same_campaign = campaign.is_none() || campaign == session.campaign;
                touch.time.since(session.last) < SESSION_GAP && same_campaign
            });
            let channel = match going_on {
                Some(session) => {
                    session.last = touch.time;
                    session.channel
                }
                None => {
                    sessions.count = sessions.count.saturating_add(1);
                    let channel = touch.source.channel;
                    open.insert(touch.stream.as_str(), Open { last: touch.time, campaign, channel });
                    channel
                }
            };
            sessions.channel = Some(channel);
        }
        sessions
    }
}

/// Whether a touch is part of a visit: from a browser, or told by a server about a page. A mail that was opened is none.
fn is_visit(touch: &Touch) -> bool {
    touch.trust < Trust::Server || (touch.trust == Trust::Server && touch.page.is_some())
}
