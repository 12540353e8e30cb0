//! Whether the users of the kubeconfigs may do what the shipped playbooks do: the first check of each of them is made, and no other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use cutover_engine::execute::Tags;
use cutover_engine::inventory::Inventory;
use cutover_engine::plan::{Verdict, plan};
use cutover_engine::playbook;
use cutover_engine::run::Run;
use cutover_engine::world::World;
use cutover_files::{Chosen, shipped_below};
use cutover_modules::REGISTRY;
use jiff::Timestamp;
use serde_json::Map;

use super::finding::Finding;

/// The tag of these checks in the shipped playbooks.
const TAG: &str = "access";

/// Asks the API servers that answer, and leaves the others out.
pub(super) async fn look(inventory: &Arc<Inventory>, world: &Arc<dyn World>) -> anyhow::Result<Vec<Finding>> {
    let mut sites: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, _) in shipped_below("playbooks").filter(|(path, _)| is_playbook(path)) {
        let chosen = Chosen { path: path.into(), shipped: true };
        let playbook = playbook::load(&chosen.path, &REGISTRY, &|path: &Path| chosen.read(path))?;
        let (playbook, inventory) = (Arc::new(playbook), Arc::clone(inventory));
        // An inventory without pairs, say, is not for these playbooks.
        let Ok(run) = Run::bind("doctor", playbook, inventory, &REGISTRY, &Map::new(), Timestamp::now()) else {
            continue;
        };
        let tags = Tags { only: vec![TAG.to_owned()], ..Tags::default() };
        let plan = plan(&run, REGISTRY, Arc::clone(world), &tags).await;
        for task in plan.steps().flat_map(|step| &step.tasks) {
            let Some(site) = task.task.target.site() else { continue };
            match task.verdict {
                Verdict::InSync => drop(sites.entry(site.to_owned()).or_default()),
                Verdict::Blocked | Verdict::Failed => {
                    let failure = task.failure.iter().map(|failure| &failure.message);
                    let reasons = task.reasons.iter().filter(|reason| reason.id() != Some("k8s_access.help"));
                    sites.entry(site.to_owned()).or_default().extend(failure.chain(reasons).map(ToString::to_string));
                }
                _ => {}
            }
        }
    }
    Ok(sites.into_iter().map(|(site, missing)| finding(&site, &missing)).collect())
}

/// A playbook itself, and not what it includes.
fn is_playbook(path: &str) -> bool {
    let path = Path::new(path);
    path.parent() == Some(Path::new("playbooks")) && path.extension().is_some_and(|extension| extension == "yml")
}

fn finding(site: &str, missing: &BTreeSet<String>) -> Finding {
    let what = format!("{site}: rights");
    if missing.is_empty() {
        return Finding::good(what, "the user may do all that the shipped playbooks do");
    }
    let missing = missing.iter().map(|line| line.strip_prefix(&format!("{site}: ")).unwrap_or(line));
    let help = "not every playbook needs all of them; inventories/kubernetes/rights.yml grants what is missing. Namespaces are those of the inventory's \
                `vars`, else the playbooks' defaults";
    Finding::doubtful(what, missing.collect::<Vec<_>>().join("; "), help)
}

#[cfg(test)]
mod tests {
    use cutover_engine::inventory;
    use cutover_sandbox::{Rights, Rule, Sandbox, WorldSpec};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_the_user_may_not_do_is_named_for_each_site() {
        let chosen = Chosen { path: cutover_files::INVENTORY.into(), shipped: true };
        let secrets = cutover_files::Resolver { inventory: &chosen.path };
        let inventory = inventory::load(&chosen.path, &|path: &Path| chosen.read(path), &secrets).unwrap();
        let inventory = Arc::new(inventory);
        let sandbox = Sandbox::new(Arc::clone(&inventory), WorldSpec::default(), 1).unwrap();
        let world: Arc<dyn World> = Arc::new(sandbox.clone());
        let all: String = look(&inventory, &world).await.unwrap().iter().map(ToString::to_string).collect();
        for site in inventory.sites.keys() {
            let line = format!("{site}: rights: the user may do all that the shipped playbooks do");
            assert!(all.contains(&line), "{all}");
        }
        let words = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let reader = Rule { groups: words(&["*"]), resources: words(&["*"]), verbs: words(&["get", "list"]) };
        sandbox.grant(Some(Rights { user: "reader".to_owned(), everywhere: vec![reader], ..Rights::default() }));
        let all: String = look(&inventory, &world).await.unwrap().iter().map(ToString::to_string).collect();
        for words in ["may not `create` pods/exec in the namespace common", "may not `patch` statefulsets/scale (apps)"]
        {
            assert!(all.contains(words), "{words}: {all}");
        }
        assert!(!all.contains("`get`"), "{all}");
    }
}
