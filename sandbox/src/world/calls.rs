//! The calls of a run and the strikes at them, for whoever rehearses.

use std::sync::Arc;

use super::Sandbox;
use crate::kernel::calls::Received;
use crate::kernel::strike::{Strike, Struck};

impl Sandbox {
    /// A run begins: its calls are counted from 1, and the strikes of the world file are in place.
    pub fn begin_run(&self) {
        self.kernel().calls().begin_run(&self.kernel().spec.strikes);
    }

    /// Plans a strike.
    pub fn inject(&self, strike: Strike) {
        self.kernel().calls().strikes.push(strike);
    }

    /// The strikes that are still to come.
    pub fn planned(&self) -> Vec<Strike> {
        self.kernel().calls().strikes.iter().filter(|strike| strike.times > 0).cloned().collect()
    }

    /// What strikes have done so far.
    pub fn struck(&self) -> Vec<Struck> {
        self.kernel().calls().struck.clone()
    }

    /// Whether a strike has hit anything so far.
    pub fn is_struck(&self) -> bool {
        !self.kernel().calls().struck.is_empty()
    }

    /// Says that nobody will ask for [`Sandbox::calls`] and [`Sandbox::effects`]: from now on nothing is kept for them.
    pub fn keep_no_calls(&self) {
        self.kernel().calls().keep_nothing();
    }

    /// Every command and request of the run in the order in which the world has received them, reads too.
    pub fn calls(&self) -> Vec<Received> {
        self.kernel().calls().received()
    }

    /// The number of the last call of the run so far.
    pub fn last_call(&self) -> u64 {
        self.kernel().calls().last
    }

    /// Every command that ran and every request that changed something or tried to, in the order in which they ended, as a
    /// plan prints it and with its exit code or status in brackets. What was lost on its way there is not among them; what was
    /// lost on its way back is.
    pub fn effects(&self) -> Vec<String> {
        self.kernel().calls().effects()
    }

    /// Whether the controller was killed. Nothing that it sends gets anywhere, and nothing may be recorded of its run.
    pub fn is_killed(&self) -> bool {
        self.kernel().calls().killed
    }

    /// Waits until the controller is killed. Whoever executes a run drops it then.
    pub async fn killed(&self) {
        loop {
            let deaths = Arc::clone(&self.kernel().calls().deaths);
            let death = deaths.notified();
            if self.is_killed() {
                return;
            }
            death.await;
        }
    }

    /// Another controller takes over: what is sent is answered again.
    pub fn revive(&self) {
        self.kernel().calls().killed = false;
    }
}
