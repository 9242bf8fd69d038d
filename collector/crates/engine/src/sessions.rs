//! Sessions: the visits of a lead, and its distinct touches.

use std::collections::{BTreeMap, HashMap};

use crate::calendar;
use crate::fold::Fold;
use crate::time::{Millis, Span};
use crate::touch::{Channel, SourceFacts, StreamId, Touch, Trust, event};

/// A session ends when its stream is silent for this long.
pub const SESSION_GAP: Span = Span::minutes(30);

/// Who comes back from paying or signing in goes on with the session if it was silent for less than this: pages that ask for a
/// payment wait for hours at most, and a tab that is opened again the next morning has its referrer still.
pub const RETURN_GAP: Span = Span::minutes(180);

/// How long its session may have been silent before a touch.
pub(crate) fn gap_before(touch: &Touch) -> Span {
    if touch.source.is_return() { RETURN_GAP } else { SESSION_GAP }
}

/// Whether a session goes on with the next touch of its stream: `last` is when its last touch was, `source` where its first
/// one came from.
#[must_use]
#[inline]
pub fn goes_on(last: Millis, source: &SourceFacts, next: &Touch) -> bool {
    next.time.since(last) < gap_before(next) && (!next.source.has_campaign() || next.source.is_campaign_of(source))
}

/// A session that goes on.
#[derive(Debug, Clone)]
pub(crate) struct GoingOn<'a> {
    stream: &'a StreamId,
    begun: Millis,
    /// When it ends if nothing more happens.
    pub(crate) ends: Millis,
}

impl<'a> GoingOn<'a> {
    /// The one of a stream at an instant, if it has one.
    pub(crate) fn at(touches: &'a [Touch], stream: &'a StreamId, now: Millis) -> Option<Self> {
        let mut open: Option<(Millis, Millis, &SourceFacts)> = None;
        for touch in touches.iter().filter(|touch| touch.stream == *stream && is_visit(touch) && !touch.is_fold()) {
            open = match open {
                Some((begun, last, source)) if goes_on(last, source, touch) => Some((begun, touch.time, source)),
                _ => Some((touch.time, touch.time, &touch.source)),
            };
        }
        let (begun, last, _) = open?;
        let ends = last.plus(SESSION_GAP);
        (now < ends).then_some(Self { stream, begun, ends })
    }

    /// Whether a touch is part of it: what the product did at a page of it is, too.
    pub(crate) fn has(&self, touch: &Touch) -> bool {
        touch.stream == *self.stream && touch.time >= self.begun
    }
}

/// The sessions of a lead, as far as its touches were taken.
///
/// Each stream has its own: one ends after thirty minutes without a touch of the stream, or when the campaign changes.
/// Neither midnight, nor another stream, nor a return from paying ends one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sessions<'a> {
    /// The last of each stream, in the order of their coming.
    open: Vec<Open<'a>>,
    /// Where those of other streams than the first are. Hashed, so that many streams cost no more each than few; nothing
    /// depends on their order.
    places: Option<HashMap<&'a StreamId, usize>>,
    /// Where that of the stream is that was last on the site.
    current: usize,
    /// When a server told of an event last, by stream and event: one touch for as long as it goes on telling.
    told: BTreeMap<(&'a StreamId, &'a str), Millis>,
    /// When each began, ascending.
    pub(crate) begun: Vec<Millis>,
    /// The channel of the one that the last touch belongs to: how it began.
    pub(crate) channel: Option<Channel>,
    /// Where the visit began that the touch taken last is part of; `None`: it is part of none, or stands for many.
    pub(crate) source: Option<&'a SourceFacts>,
    /// Distinct touches: one a session for its channel, one for each event name that a server told of without a page.
    pub(crate) touchpoints: u32,
}

/// A session that may go on.
#[derive(Debug, Clone)]
struct Open<'a> {
    stream: &'a StreamId,
    last: Millis,
    /// As its first touch has it.
    source: &'a SourceFacts,
}

impl<'a> Sessions<'a> {
    /// Takes the next touch in canonical order that counts and is not our own.
    pub(crate) fn take(&mut self, touch: &'a Touch) {
        self.source = None;
        if !is_visit(touch) {
            return self.tell(touch);
        }
        let stream = &touch.stream;
        let at = |place: &usize| self.open.get(*place).is_some_and(|session| session.stream == stream);
        // Mostly it is the stream of the touch before, and often there is but one.
        let known = [self.current, 0].into_iter().find(at).or_else(|| self.elsewhere(stream));
        self.current = known.unwrap_or(self.open.len());
        let source = match self.open.get_mut(self.current) {
            Some(session) if goes_on(session.last, session.source, touch) => {
                session.last = touch.time;
                session.source
            }
            ended => {
                let begun = Open { stream, last: touch.time, source: &touch.source };
                match ended {
                    Some(session) => *session = begun,
                    None => {
                        if self.current > 0 {
                            self.remember(stream);
                        }
                        self.open.push(begun);
                    }
                }
                self.begun.push(touch.time);
                self.touchpoints = self.touchpoints.saturating_add(1);
                &touch.source
            }
        };
        self.channel = Some(source.channel);
        self.source = Some(source);
    }

    /// Takes a touch that stands for a fold: the sessions that began with what it stands for.
    pub(crate) fn take_folded(&mut self, touch: &Touch, fold: &Fold) {
        self.source = None;
        self.begun.extend((0..fold.visits).map(|_| touch.time));
        self.touchpoints = self.touchpoints.saturating_add(fold.visits).saturating_add(fold.told);
        // Noon may lie after a visit of that day that is in the ledger, and the last visit always is.
        if self.channel.is_none() && is_visit(touch) {
            self.channel = Some(touch.source.channel);
        }
    }

    /// Where the session of another stream than the first is. Apart, since mostly there is none.
    #[inline(never)]
    fn elsewhere(&self, stream: &StreamId) -> Option<usize> {
        self.places.as_ref()?.get(stream).copied()
    }

    #[inline(never)]
    fn remember(&mut self, stream: &'a StreamId) {
        self.places.get_or_insert_default().insert(stream, self.current);
    }

    /// How many there were.
    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.begun.len()).unwrap_or(u32::MAX)
    }

    fn tell(&mut self, touch: &'a Touch) {
        let last = self.told.insert((&touch.stream, touch.name.as_str()), touch.time);
        if last.is_none_or(|last| touch.time.since(last) >= SESSION_GAP) {
            self.touchpoints = self.touchpoints.saturating_add(1);
        }
    }
}

/// Whether a touch is part of a visit: from a browser, or told by a server about a page. A mail that was opened is none.
pub(crate) fn is_visit(touch: &Touch) -> bool {
    touch.trust < Trust::Server || (touch.trust == Trust::Server && touch.page.is_some())
}

/// Whether a touch is a sign of the visitor: what the shop's systems note of somebody, or send them, is none.
pub(crate) fn is_their_doing(touch: &Touch) -> bool {
    let notes = [
        event::EMAIL_SENT,
        event::SET_ATTRIBUTES,
        event::LABEL_ADDED,
        event::LABEL_REMOVED,
        event::CALL_OUTCOME,
        event::REFUND,
    ];
    touch.trust < Trust::Server || !notes.contains(&touch.name.as_str())
}

/// How many local days there are on which a visit began after an instant, of beginnings that ascend.
pub(crate) fn days_begun(begun: &[Millis], after: Millis, offsets: &[(Millis, i32)]) -> i64 {
    let inside = begun.get(begun.partition_point(|at| *at <= after)..).unwrap_or_default();
    let mut last = None;
    let days = inside.iter().map(|at| Some(calendar::local_day(*at, offsets)));
    let new = days.filter(|day| std::mem::replace(&mut last, *day) != *day);
    i64::try_from(new.count()).unwrap_or(i64::MAX)
}
