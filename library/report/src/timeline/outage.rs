//! The outage: from when to when, over all executions of a run; and what was looked at right before it.

use cutover_protocol::event::{EventKind, Look};
use cutover_protocol::text::Text;

use super::super::clock::{coarse, exact, since};
use super::super::line::count;
use super::{Notice, Timeline};

/// A stretch of the outage. There are several if a run was undone whose outage had ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outage {
    /// When it began.
    pub(crate) from_ms: u64,
    /// When it ended; none while it goes on.
    pub(crate) to_ms: Option<u64>,
}

impl Timeline {
    /// Takes in an event of the outage.
    pub(super) fn outage_event(&mut self, kind: &EventKind) {
        let at_ms = self.now_ms;
        let open = self.outages.last_mut().filter(|outage| outage.to_ms.is_none());
        let message = match (kind, open) {
            // A run that was stopped before it changed anything in the outage begins it once more, and the time goes on.
            (EventKind::OutageBegan { .. }, Some(_)) => return,
            (EventKind::OutageBegan { .. }, None) => {
                self.outages.push(Outage { from_ms: at_ms, to_ms: None });
                "the outage begins".to_owned()
            }
            (EventKind::OutageEnded { .. }, Some(open)) => {
                open.to_ms = Some(at_ms);
                format!("the outage is over: it took {}", exact(at_ms.saturating_sub(open.from_ms)))
            }
            (EventKind::LookedAgain { answered, looks, took_ms, .. }, _) => looked_again(looks, *answered, *took_ms),
            _ => return,
        };
        self.notices.push(Notice { at_ms, message: Text::verbatim(message) });
    }

    /// How long the service was out up to a time; none if there was no outage.
    pub(crate) fn outage_ms(&self, now_ms: u64) -> Option<u64> {
        let took = |outage: &Outage| outage.to_ms.unwrap_or(now_ms).saturating_sub(outage.from_ms);
        (!self.outages.is_empty()).then(|| self.outages.iter().map(took).sum())
    }

    /// Whether the outage goes on.
    pub(crate) fn is_out(&self) -> bool {
        self.outages.last().is_some_and(|outage| outage.to_ms.is_none())
    }

    /// The outage in words: `22m 10s, from T+00:03:10 to T+00:25:20`.
    pub(crate) fn outage_words(&self) -> Option<String> {
        let took = exact(self.outage_ms(self.now_ms)?);
        let stretch = |outage: &Outage| match outage.to_ms {
            Some(to_ms) => format!("from {} to {}", since(outage.from_ms), since(to_ms)),
            None => format!("from {}, not over", since(outage.from_ms)),
        };
        let stretches: Vec<String> = self.outages.iter().map(stretch).collect();
        Some(format!("{took}, {}", stretches.join(", again ")))
    }
}

/// What was looked at again, and what came of it, in words.
pub(crate) fn looked_again(looks: &[Look], answered: bool, took_ms: u64) -> String {
    let mut paths: Vec<String> = looks.iter().map(|look| look.path.step().to_string()).collect();
    paths.dedup();
    let moment = if answered { "after the answer" } else { "right before the outage" };
    let checks = count(paths.len(), "check");
    let bad: Vec<String> = looks.iter().filter(|look| look.failure.is_some()).map(named).collect();
    match bad.as_slice() {
        [] => format!("{checks} looked at again {moment}, in {}: all hold", coarse(took_ms)),
        bad => format!("{checks} looked at again {moment}, in {}; no longer so: {}", coarse(took_ms), bad.join("; ")),
    }
}

fn named(look: &Look) -> String {
    let target = look.target.as_ref().map_or_else(String::new, |target| format!(" on {target}"));
    let why = look.failure.as_ref().map_or_else(String::new, |failure| format!(" ({})", failure.message));
    format!("{}{target}{why}", look.name)
}
