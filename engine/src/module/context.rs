//! What a module is given to look at the world: its target, the inventory, read-only commands and GET requests.

use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::{api_body, api_failure};
use crate::failure::{Failure, FailureClass};
use crate::inventory::{Inventory, Pair, PairMember};
use crate::target::Target;
use crate::text;
use crate::world::{Command, Output, Place, Request, World, collect};

/// Everything a probe sent, for plans and journals.
pub type Trace = Arc<Mutex<Vec<String>>>;

/// A task's view of the world.
#[derive(Clone)]
pub struct Context {
    target: Target,
    delegate: Option<String>,
    inventory: Arc<Inventory>,
    world: Arc<dyn World>,
    trace: Trace,
}

impl Context {
    /// A view for a target. `delegate` is the node of the target's site that commands go to instead of the target's own.
    pub fn new(target: Target, delegate: Option<String>, inventory: Arc<Inventory>, world: Arc<dyn World>) -> Self {
        Self { target, delegate, inventory, world, trace: Trace::default() }
    }

    /// The target.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The inventory.
    pub fn inventory(&self) -> &Inventory {
        &self.inventory
    }

    /// The time of day in the task's world.
    pub fn now(&self) -> jiff::Timestamp {
        self.world.now()
    }

    /// What this context's probes have sent so far.
    pub fn trace(&self) -> Vec<String> {
        self.trace.lock().map(|lines| lines.clone()).unwrap_or_default()
    }

    /// Where this task's commands run: the delegate, the target's node, or the controller.
    pub fn place(&self) -> Place {
        match (&self.delegate, self.target.site()) {
            (Some(node), Some(site)) => Place::node(site, node),
            _ => self.target.place(),
        }
    }

    /// The target's site; an error for a target on the controller.
    pub fn site(&self) -> Result<&str, Failure> {
        self.target.site().ok_or_else(|| {
            Failure::invalid("this module works on a site, but the step's target is the controller")
                .help("set `target: active` or `target: passive`")
        })
    }

    /// The target's pair, its own member and the peer's; an error if the target is no pair member.
    pub fn pair(&self) -> Result<(&Pair, &PairMember, &PairMember), Failure> {
        let found = self.target.ordinal().and_then(|ordinal| {
            let pair = self.inventory.pairs.get(ordinal)?;
            let own = pair.members.get(self.target.site()?)?;
            let peer = pair.members.iter().find(|(site, _)| Some(site.as_str()) != self.target.site())?.1;
            Some((pair, own, peer))
        });
        found.ok_or_else(|| {
            Failure::invalid(format!("this module works on a DRBD pair, but the step's target is {}", self.target))
                .help("set `target: active.pairs`, `target: passive.pairs` or a list of both")
        })
    }

    /// Runs a read-only command at this task's place. A non-zero exit is no error here: the caller looks.
    pub async fn read(&self, command: &Command) -> Result<Output, Failure> {
        self.read_at(&self.place(), command).await
    }

    /// Runs a read-only command at another place.
    pub async fn read_at(&self, place: &Place, command: &Command) -> Result<Output, Failure> {
        self.note(format!("{place}$ {command}"));
        let transport = self.world.transport(place).await?;
        Ok(collect(transport.as_ref(), command).await?)
    }

    /// Reads an object or list from a site's API server; `None` if it is not there (404).
    pub async fn get(&self, site: &str, path: &str) -> Result<Option<Value>, Failure> {
        self.note(format!("{site}> GET {path}"));
        let request = Request::get(site, path);
        if !request.has_valid_path() {
            return Err(bad_path(&request));
        }
        let answer = self.world.request(&request).await.map_err(|fault| {
            let failure = Failure::from(fault);
            // It asked, and nothing else: a lost answer leaves nothing unknown.
            let lost = failure.class == FailureClass::OutcomeUnknown;
            if lost { Failure { class: FailureClass::Unreachable, ..failure } } else { failure }
        })?;
        match answer.status {
            404 => Ok(None),
            _ if answer.is_success() => api_body(site, &request.line(), answer).map(Some),
            _ => Err(api_failure(site, &request.line(), &answer)),
        }
    }

    fn note(&self, line: String) {
        if let Ok(mut lines) = self.trace.lock() {
            lines.push(line);
        }
    }
}

/// The failure of a request whose path cannot be sent.
pub(crate) fn bad_path(request: &Request) -> Failure {
    Failure::invalid(text!("engine.bad-path", "bad request path `{path}`: invalid uri character", path = &request.path))
}
