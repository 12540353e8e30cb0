//! How long something that is away for a moment is asked again: an API server that restarts or is overloaded, a host that turns
//! connections away.

use std::time::Duration;

use tokio::time::Instant;

use crate::failure::Failure;

/// Since when something has been away.
#[derive(Debug, Default)]
pub(super) struct Patience(Option<Instant>);

impl Patience {
    /// The shortest pause before the same is asked again; `None` if that would not help, or has been tried for long enough.
    pub(super) fn after(&mut self, failure: &Failure) -> Option<Duration> {
        let passing = failure.passing?;
        let since = *self.0.get_or_insert_with(Instant::now);
        passing.most().is_none_or(|most| since.elapsed() < most).then(|| passing.after())
    }

    /// It has answered.
    pub(super) fn renew(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Passing;
    use crate::text::Text;

    #[tokio::test(start_paused = true)]
    async fn what_turns_connections_away_is_asked_again_for_a_while_and_what_does_not_pass_never() {
        let failure = |passing| Failure { passing, ..Failure::unreachable(Text::default()) };
        let seconds = Duration::from_secs;
        let away = failure(Some(Passing::briefly(seconds(7))));
        let mut patience = Patience::default();
        assert_eq!(patience.after(&failure(None)), None);
        assert_eq!(patience.after(&away), Some(seconds(7)));
        tokio::time::advance(seconds(59)).await;
        assert_eq!(patience.after(&away), Some(seconds(7)));
        tokio::time::advance(seconds(1)).await;
        assert_eq!(patience.after(&away), None);
        let busy = failure(Some(Passing::in_time(seconds(0))));
        assert_eq!(patience.after(&busy), Some(seconds(0)), "the step's timeout is the only bound");
        patience.renew();
        assert_eq!(patience.after(&away), Some(seconds(7)));
    }
}
