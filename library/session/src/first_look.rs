//! A first look at everything that a run has to reach, before it begins: who does not answer is reported once, with all that have the
//! same cause. Nothing is changed, and nothing of it is recorded.

use std::sync::Arc;
use std::time::Duration;

use cutover_engine::execute::Tags;
use cutover_engine::inventory::Inventory;
use cutover_engine::module::api_failure;
use cutover_engine::plan::{Contact, contacts};
use cutover_engine::run::Run;
use cutover_engine::world::{Command, Exit, Place, Request, TransportFault, World, collect};
use cutover_modules::REGISTRY;
use futures_util::future::join_all;

/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// So many are named at most.
const NAMED: usize = 6;

/// Why something cannot be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// In words; where it is that of several, `…` stands for what is different.
    pub why: String,
    /// Whose it is.
    pub of: Vec<String>,
}

impl Cause {
    /// Whose it is, in words: their number, and their names if they are not too many.
    pub fn whose(&self) -> String {
        let named = self.of.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
        match (self.of.len(), self.of.len().saturating_sub(NAMED)) {
            (1, _) => named,
            (many, 0) => format!("{many} targets ({named})"),
            (many, more) => format!("{many} targets ({named} and {more} more)"),
        }
    }
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.whose(), self.why)
    }
}

/// Looks at what a run has to reach. Returns why some of it cannot be, each cause once.
pub async fn first_look(run: &Run, world: &Arc<dyn World>, tags: &Tags) -> Vec<Cause> {
    let contacts = contacts(run, REGISTRY, Arc::clone(world), tags).await;
    causes(&run.inventory, reach(world, &contacts).await)
}

/// Asks all of them at once whether they answer.
pub async fn reach(world: &Arc<dyn World>, contacts: &[Contact]) -> Vec<(Contact, Result<(), String>)> {
    let ask = |contact: &Contact| {
        let (world, contact) = (Arc::clone(world), contact.clone());
        async move {
            let answer = tokio::time::timeout(PATIENCE, answers(world.as_ref(), &contact)).await;
            let silence = || Err(format!("unreachable: no answer within {} s", PATIENCE.as_secs()));
            (contact, answer.unwrap_or_else(|_| silence()))
        }
    };
    join_all(contacts.iter().map(ask)).await
}

async fn answers(world: &dyn World, contact: &Contact) -> Result<(), String> {
    let words = |fault: TransportFault| fault.to_string();
    match contact {
        Contact::Node { site, node } => {
            let transport = world.transport(&Place::node(site, node)).await.map_err(words)?;
            // To be logged in is not all: `sudo` may want a password.
            let output = collect(transport.as_ref(), &Command::new(["true"])).await.map_err(words)?;
            if output.exit == Exit::Code(0) {
                return Ok(());
            }
            let line = output.stderr.lines().next().unwrap_or_default();
            Err(format!("no command can be run there: {line}"))
        }
        Contact::Cluster { site } => {
            let request = Request::get(site, "/version");
            let answer = match world.request(&request).await {
                Ok(answer) => answer,
                // It is there. What the user may not do is the business of the first phase, which names it.
                Err(TransportFault::Forbidden(_)) => return Ok(()),
                Err(fault) => return Err(words(fault)),
            };
            // Who may not ask for the version has been answered all the same.
            match answer.status {
                401 | 500.. => Err(api_failure(site, &request.line(), &answer).to_string()),
                _ => Ok(()),
            }
        }
    }
}

/// Each cause once, in the order in which they came.
pub fn causes(inventory: &Inventory, looked: Vec<(Contact, Result<(), String>)>) -> Vec<Cause> {
    let mut causes: Vec<(String, Cause)> = Vec::new();
    for (contact, answer) in looked {
        let Err(why) = answer else { continue };
        let common = without_names(inventory, &contact, &why);
        match causes.iter_mut().find(|(known, _)| *known == common) {
            Some((_, cause)) => {
                cause.of.push(contact.to_string());
                cause.why.clone_from(&common);
            }
            None => causes.push((common, Cause { why, of: vec![contact.to_string()] })),
        }
    }
    causes.into_iter().map(|(_, cause)| cause).collect()
}

/// A text without what it says of one node alone.
fn without_names(inventory: &Inventory, contact: &Contact, why: &str) -> String {
    let Contact::Node { site, node } = contact else { return why.to_owned() };
    let machine = inventory.sites.get(site).and_then(|site| site.nodes.get(node));
    let names = machine.map(|machine| machine.address.as_str()).into_iter().chain([node.as_str()]);
    names.filter(|name| !name.is_empty()).fold(why.to_owned(), |why, name| why.replace(name, "…"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_reported_in_one_line_with_all_that_have_it() {
        let of = |many: usize| (1..=many).map(|n| format!("old/worker{n}")).collect();
        let line = |many| Cause { why: "login refused".to_owned(), of: of(many) }.to_string();
        assert_eq!(line(1), "old/worker1: login refused");
        assert_eq!(line(2), "2 targets (old/worker1, old/worker2): login refused");
        assert!(line(9).starts_with("9 targets (old/worker1, ") && line(9).contains("old/worker6 and 3 more): "));
    }
}
