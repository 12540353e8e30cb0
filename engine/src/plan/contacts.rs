//! What a run has to reach: found by planning it in a world that notes who is asked and never answers. So no module has to tell, and
//! nothing is sent anywhere.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;

use super::plan;
use crate::action::Action;
use crate::clock::Clock;
use crate::execute::Tags;
use crate::module::Registry;
use crate::playbook::{Playbook, Step, StepKind};
use crate::run::Run;
use crate::target::Target;
use crate::task::TaskId;
use crate::world::{Answer, Caller, Place, Request, Transport, TransportFault, World};

/// Something that a run has to reach.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Contact {
    /// The API server of a site.
    Cluster {
        /// The site's name in the inventory.
        site: String,
    },
    /// A node of a site.
    Node {
        /// The site's name in the inventory.
        site: String,
        /// The node's name in the inventory.
        node: String,
    },
}

impl std::fmt::Display for Contact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cluster { site } => write!(f, "{site}"),
            Self::Node { site, node } => write!(f, "{site}/{node}"),
        }
    }
}

/// What a run cannot do without: of each task the first that it looks at, or where it is going to change something unseen. What
/// depends on results is not known, and a step whose failure the playbook deals with needs nothing.
pub async fn contacts(run: &Run, registry: Registry, clock: Arc<dyn World>, tags: &Tags) -> Vec<Contact> {
    let asked = Asked::default();
    let world = Silent { clock, asked: Arc::clone(&asked), task: None };
    let plan = plan(run, registry, Arc::new(world), tags).await;
    let needed = needed(&run.playbook);
    let asked = std::mem::take(&mut *asked.lock().unwrap_or_else(PoisonError::into_inner));
    let mut contacts = BTreeSet::new();
    for task in plan.steps().filter(|step| needed.contains(step.path.id().as_str())).flat_map(|step| &step.tasks) {
        let actions = task.changes.iter().flat_map(|change| &change.actions);
        contacts.extend(actions.flat_map(acts_on));
        contacts.extend(asked.get(&task.task).cloned().flatten());
        // What works on a cluster by a program of this machine asks for no API server itself.
        if let (Target::Site { site }, Some(None)) = (&task.task.target, asked.get(&task.task)) {
            contacts.insert(Contact::Cluster { site: site.clone() });
        }
    }
    contacts.into_iter().collect()
}

/// What an action reaches.
fn acts_on(action: &Action) -> Vec<Contact> {
    match action {
        Action::Exec { place, .. } => contact(place).into_iter().collect(),
        Action::Pipe { source, destination, .. } => [source, destination].into_iter().filter_map(contact).collect(),
        Action::Request(request) => vec![Contact::Cluster { site: request.site.clone() }],
    }
}

/// What is behind a place; nothing for this machine.
fn contact(place: &Place) -> Option<Contact> {
    match place {
        Place::Controller => None,
        Place::Node { site, node } => Some(Contact::Node { site: site.clone(), node: node.clone() }),
        Place::Pod { site, .. } => Some(Contact::Cluster { site: site.clone() }),
    }
}

/// The ids of the steps whose failure ends the run.
fn needed(playbook: &Playbook) -> BTreeSet<&str> {
    let mut needed = BTreeSet::new();
    let mut open: Vec<&Step> = playbook.phases.iter().flat_map(|phase| &phase.steps).collect();
    while let Some(step) = open.pop() {
        if step.allow_failure {
            continue;
        }
        needed.insert(step.id.as_str());
        if let StepKind::Block { block, rescue, always } = &step.kind {
            open.extend(block.iter().filter(|_| rescue.is_empty()).chain(always));
        }
    }
    needed
}

/// Tasks, with the first that each of them has asked; nothing, if that was this machine.
type Asked = Arc<Mutex<BTreeMap<TaskId, Option<Contact>>>>;

/// A world that notes who is asked, and never answers.
struct Silent {
    clock: Arc<dyn World>,
    asked: Asked,
    task: Option<TaskId>,
}

impl Silent {
    fn note(&self, contact: Option<Contact>) -> TransportFault {
        if let Some(task) = &self.task {
            self.asked.lock().unwrap_or_else(PoisonError::into_inner).entry(task.clone()).or_insert(contact);
        }
        TransportFault::Unreachable("nobody is asked yet".to_owned())
    }
}

impl Clock for Silent {
    fn now(&self) -> jiff::Timestamp {
        self.clock.now()
    }
}

impl World for Silent {
    fn transport(&self, place: &Place) -> BoxFuture<'_, Result<Arc<dyn Transport>, TransportFault>> {
        let fault = self.note(contact(place));
        Box::pin(async move { Err(fault) })
    }

    fn request<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Answer, TransportFault>> {
        let fault = self.note(Some(Contact::Cluster { site: request.site.clone() }));
        Box::pin(async move { Err(fault) })
    }

    fn called_by(&self, caller: Caller) -> Option<Arc<dyn World>> {
        let (clock, asked) = (Arc::clone(&self.clock), Arc::clone(&self.asked));
        Some(Arc::new(Self { clock, asked, task: Some(caller.task) }))
    }
}
