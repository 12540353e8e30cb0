//! A module's view of the world: the facts about its task, the inventory, and queries, which only read.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cutover_protocol::query::{Ask, Query, ReadOnly, Wrong};
use serde_json::Value;

use super::{Access, Facts, api_body, api_failure};
use crate::action::Done;
use crate::event::Reading;
use crate::failure::{Failure, FailureClass, Passing};
use crate::inventory::{Inventory, Pair, PairMember};
use crate::target::Target;
use crate::text;
use crate::world::{Answer, Bound, Output, Place, TransportFault, World, collect};

/// A task's view of the world.
#[derive(Clone)]
pub struct Context {
    facts: Arc<Facts>,
    inventory: Arc<Inventory>,
    world: Arc<dyn World>,
    reads: Arc<Mutex<Reads>>,
    access: Arc<BTreeSet<Access>>,
}

/// The queries and answers of a task's probes.
#[derive(Default)]
struct Reads {
    /// Everything that was sent.
    sent: Vec<String>,
    /// Queries and answers since they were last taken, if they are recorded.
    readings: Option<Vec<Reading>>,
}

impl Context {
    /// A view for a target. `delegate` is the node of the target's site that commands go to instead of the target's own.
    pub fn new(target: Target, delegate: Option<String>, inventory: Arc<Inventory>, world: Arc<dyn World>) -> Self {
        let facts = Arc::new(Facts::of(target, delegate.as_deref(), &inventory));
        Self { facts, inventory, world, reads: Arc::default(), access: Arc::default() }
    }

    /// Tells what the whole run does at the API server of the target's site.
    pub fn tell_access(&mut self, access: BTreeSet<Access>) {
        self.access = Arc::new(access);
    }

    /// What the whole run does at the API server of the target's site; known to modules that ask for it.
    pub fn access(&self) -> &BTreeSet<Access> {
        &self.access
    }

    /// Records what is read from now on, for [`Context::take_readings`].
    pub fn keep_readings(&self) {
        self.reads().readings.get_or_insert_default();
    }

    /// Takes the readings since the last call, in the order of the answers.
    pub fn take_readings(&self) -> Vec<Reading> {
        self.reads().readings.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The facts about the task, known without probing.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The target.
    pub fn target(&self) -> &Target {
        self.facts.target()
    }

    /// The inventory.
    pub fn inventory(&self) -> &Inventory {
        &self.inventory
    }

    /// The time of day in the task's world.
    pub fn now(&self) -> jiff::Timestamp {
        self.world.now()
    }

    /// The queries of this context's probes so far, as a plan prints them.
    pub fn trace(&self) -> Vec<String> {
        self.reads().sent.clone()
    }

    /// Where this task's commands run: the delegate, the target's node, or the controller.
    pub fn place(&self) -> Place {
        self.facts.place()
    }

    /// The target's site; an error for a target on the controller.
    pub fn site(&self) -> Result<&str, Failure> {
        self.facts.site()
    }

    /// The target's pair, its own member and the peer's; an error if the target is not a pair member.
    pub fn pair(&self) -> Result<(&Pair, &PairMember, &PairMember), Failure> {
        self.facts.pair()
    }

    /// Runs a read-only command at this task's place. A non-zero exit is not an error here: the caller decides.
    pub async fn read(&self, command: &ReadOnly) -> Result<Output, Failure> {
        self.read_at(&self.facts.place(), command).await
    }

    /// Runs a read-only command at another place.
    pub async fn read_at(&self, place: &Place, command: &ReadOnly) -> Result<Output, Failure> {
        let sent = self.note(&Query::Command { place: place.clone(), command: command.clone() })?;
        let transport = self.world.transport(place).await?;
        let output = collect(transport.as_ref(), command)
            .await
            .map_err(|fault| unanswered(fault, Passing::briefly(Duration::ZERO)))?;
        // Half of an answer would be taken for all of it.
        if Bound::READ.has_cut(&output.stdout) {
            return Err(Failure::failed(text!(
                "engine.too-much",
                "{place}: `{command}` printed more than is read",
                place,
                command = command.to_string()
            )));
        }
        self.keep(sent, || Done::Output(output.clone()));
        Ok(output)
    }

    /// Queries an API server. An answer is not an error here, whatever its status: the caller decides.
    pub async fn ask(&self, ask: &Ask) -> Result<Answer, Failure> {
        let sent = self.note(&Query::Request(ask.clone()))?;
        let answer = self.world.request(ask).await.map_err(|fault| {
            let failure = unanswered(fault, Passing::in_time(Duration::ZERO));
            // The request only reads, so a lost answer leaves nothing in doubt: it counts as unreachable.
            let lost = failure.class == FailureClass::OutcomeUnknown;
            if lost { Failure { class: FailureClass::Unreachable, ..failure } } else { failure }
        })?;
        self.keep(sent, || Done::Response(answer.body.clone()));
        Ok(answer)
    }

    /// Reads an object or list from a site's API server; `None` if it is not there (404).
    pub async fn get(&self, site: &str, path: &str) -> Result<Option<Value>, Failure> {
        let ask = Ask::get(site, path);
        let answer = self.ask(&ask).await?;
        match answer.status {
            404 => Ok(None),
            _ if answer.is_success() => api_body(site, &ask.line(), answer).map(Some),
            _ => Err(api_failure(site, &ask.line(), &answer)),
        }
    }

    /// Records a query that is about to be sent.
    fn note(&self, query: &Query) -> Result<String, Failure> {
        let sent = query.to_string();
        self.reads().sent.push(sent.clone());
        match query.wrong() {
            None => Ok(sent),
            Some(Wrong::Path(path)) => Err(bad_path(path)),
            Some(Wrong::Operand(operand)) => {
                let words =
                    text!("engine.dashed", "`{operand}` begins with a dash: it would be taken for an option", operand);
                Err(Failure::invalid(words)
                    .help(text!("engine.dashed.help", "write an absolute path, or another name")))
            }
        }
    }

    fn keep(&self, sent: String, received: impl FnOnce() -> Done) {
        if let Some(readings) = &mut self.reads().readings {
            readings.push(Reading { sent, received: received() });
        }
    }

    fn reads(&self) -> MutexGuard<'_, Reads> {
        self.reads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The failure of a query that got no answer. It only reads, so one whose connection was lost is asked again.
fn unanswered(fault: TransportFault, if_lost: Passing) -> Failure {
    let lost = matches!(fault, TransportFault::Lost(_));
    let failure = Failure::from(fault);
    let passing = if lost { Some(if_lost) } else { failure.passing };
    Failure { passing, ..failure }
}

/// The failure of a request whose path cannot be sent.
pub(crate) fn bad_path(path: &str) -> Failure {
    Failure::invalid(text!("engine.bad-path", "bad request path `{path}`: invalid uri character", path))
}
