//! `drbd_freshness`: refuses to go on while the replicas of a site are not of the same moment: the members of a cluster, each
//! on a replica of its own, must not be started from different pasts. Looks at one site, all pairs; changes nothing.

use cutover_engine::action::Done;
use cutover_engine::duration::HumanDuration;
use cutover_engine::failure::Failure;
use cutover_engine::inventory::{Inventory, Pair, PairMember};
use cutover_engine::module::{Change, Context, Diff, Facts, Module, Targets};
use cutover_engine::subject::Subject;

use cutover_engine::text;
use cutover_engine::text::Text;
use cutover_engine::world::Place;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use jiff::Timestamp;

use crate::support::drbd::contact::Contact;
use crate::support::drbd::end::{self, reach};
use crate::support::drbd::states::DiskState;

mod compare;
#[cfg(test)]
mod tests;

/// The module.
#[derive(Clone, Copy)]
pub(crate) struct DrbdFreshness;

/// Parameters of `drbd_freshness`. The target is a site; its replicas are compared with each other.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// How far apart the last contacts of the replicas with their peers may be. A replica notices that its peer is gone up to
    /// `ping-int` (10 s unless set) and `ping-timeout` later, each at its own moment: less than that refuses at random.
    pub(crate) max_spread: HumanDuration,
    /// The resources to compare; those of all pairs if left out. For a degraded start: the fresh ones only, after which the
    /// member on the stale one is wiped and added anew.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) resources: Vec<String>,
    /// Why replicas that are of different or unknown age, or not UpToDate, may be used all the same, and who says so. Recorded,
    /// with what was found. It does not make `drbd_role` promote a disk that is not UpToDate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) accept_stale: Option<String>,
}

impl Params {
    /// Whether a pair is compared.
    fn compares(&self, pair: &Pair) -> bool {
        self.resources.is_empty() || self.resources.contains(&pair.resource)
    }
}

impl Default for Params {
    fn default() -> Self {
        let max_spread = HumanDuration(std::time::Duration::from_secs(30));
        Self { max_spread, resources: Vec::new(), accept_stale: None }
    }
}

/// What `drbd_freshness` saw: the replicas, in the order of the pairs.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct State(Vec<Replica>);

/// A replica.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Replica {
    resource: String,
    place: Place,
    peer: Place,
    /// Its disk; `None` if the resource is not up there, or the node does not answer.
    disk: Option<DiskState>,
    last_contact: Contact,
}

/// What `drbd_freshness` registers.
#[derive(Serialize, JsonSchema)]
struct Registered {
    /// The replicas, in the order of the pairs.
    replicas: Vec<Seen>,
    /// How far the newest and the oldest known contact are apart, in seconds; null if fewer than two are known.
    spread_seconds: Option<u64>,
    /// Whether the replicas are of the same moment and whole.
    fresh: bool,
    /// The words of `accept_stale` if they were needed.
    accepted: Option<String>,
}

/// A replica as it is registered.
#[derive(Serialize, JsonSchema)]
struct Seen {
    /// The resource's name.
    resource: String,
    /// The node, as in `standby/worker01`.
    node: String,
    /// Its disk; null if the resource is not up there, or the node does not answer.
    disk: Option<DiskState>,
    /// Whether it is in contact with its peer now.
    in_contact: bool,
    /// When it last was in contact, by the controller's clock; null if that is not known.
    #[schemars(with = "Option<String>")]
    last_contact: Option<Timestamp>,
    /// Why that is not known.
    unknown: Option<String>,
}

impl From<&Replica> for Seen {
    fn from(replica: &Replica) -> Self {
        let unknown = match &replica.last_contact {
            Contact::Unknown(why) => Some(why.to_string()),
            Contact::Now(_) | Contact::Lost(_) => None,
        };
        Self {
            resource: replica.resource.clone(),
            node: replica.place.to_string(),
            disk: replica.disk,
            in_contact: matches!(replica.last_contact, Contact::Now(_)),
            last_contact: replica.last_contact.at(),
            unknown,
        }
    }
}

impl Module for DrbdFreshness {
    const NAME: &'static str = "drbd_freshness";
    const SUMMARY: &'static str =
        "Refuses to go on if the replicas of a site last had contact with their peers at different times.";
    const EXAMPLE: &'static str = r#"
name: The standby's replicas are of the same moment
target: passive
drbd_freshness:
  max_spread: 30s
register: fresh
"#;

    const TARGETS: Targets = Targets::WHOLE_SITE;

    type Params = Params;
    type State = State;

    fn judge(params: &Params) -> Result<(), Failure> {
        if params.accept_stale.as_ref().is_some_and(|text| text.trim().is_empty()) {
            let message = text!("drbd_freshness.empty", "`accept_stale` is empty: say why, and who says so");
            return Err(Failure::invalid(message).pointer("/accept_stale"));
        }
        if let Some(index) = params.resources.iter().position(String::is_empty) {
            let message = text!("drbd_freshness.empty-name", "the name of a resource is empty");
            return Err(Failure::invalid(message).pointer(format!("/resources/{index}")));
        }
        Ok(())
    }

    fn judge_on(facts: &Facts, _: &Inventory, params: &Params) -> Result<(), Failure> {
        members(facts, params).map(drop)
    }

    fn subjects(&self, facts: &Facts, params: &Params) -> Option<Vec<Subject>> {
        let compared = facts.pairs().iter().filter(|pair| params.compares(pair));
        let subjects = compared.flat_map(|pair| {
            let resource = Subject::Resource { resource: pair.resource.clone() };
            let device = |member: &PairMember| Subject::device(&crate::support::drbd::place(member), &member.device);
            std::iter::once(resource).chain(pair.members.values().map(device))
        });
        Some(subjects.collect())
    }

    async fn probe(&self, cx: &Context, params: &Params) -> Result<State, Failure> {
        let mut replicas = Vec::new();
        for (pair, own, peer) in members(cx.facts(), params)? {
            replicas.push(replica(cx, pair, own, peer).await?);
        }
        Ok(State(replicas))
    }

    fn diff(&self, _facts: &Facts, params: &Params, state: &State) -> Diff {
        let reasons = compare::reasons(params, &state.0);
        match &params.accept_stale {
            _ if reasons.is_empty() => Diff::InSync,
            None => Diff::refused(reasons.into_iter().map(compare::Reason::refusal)),
            // Nothing is done, but that it was accepted stands in plan, report and journal.
            Some(words) => {
                let findings: Vec<Text> = reasons.into_iter().map(|reason| reason.finding).collect();
                let summary = text!(
                    "drbd_freshness.accept",
                    "accept the replicas as they are, because: {words}; {findings}",
                    words,
                    findings = findings
                );
                Diff::Run(vec![Change::transient("accept-stale", summary, [])])
            }
        }
    }

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<Registered>()
    }

    fn result(&self, _facts: &Facts, params: &Params, state: &State, _done: &[Done]) -> Value {
        let fresh = compare::reasons(params, &state.0).is_empty();
        crate::support::drbd::registered(Registered {
            replicas: state.0.iter().map(Seen::from).collect(),
            spread_seconds: compare::spread(&state.0).map(|spread| spread.0.as_secs()),
            fresh,
            accepted: params.accept_stale.clone().filter(|_| !fresh),
        })
    }
}

/// The pairs that are compared, each with the member at the task's site and the other one.
fn members<'a>(facts: &'a Facts, params: &Params) -> Result<Vec<(&'a Pair, &'a PairMember, &'a PairMember)>, Failure> {
    let site = facts.site()?;
    let pairs = facts.pairs();
    if let Some(index) = params.resources.iter().position(|name| pairs.iter().all(|pair| pair.resource != *name)) {
        let known: Vec<&str> = pairs.iter().map(|pair| pair.resource.as_str()).collect();
        let message = text!(
            "drbd_freshness.unknown-resource",
            "no pair has the resource `{resource}`; there are {known}",
            resource = &params.resources[index],
            known = known.join(", ")
        );
        return Err(Failure::invalid(message).pointer(format!("/resources/{index}")));
    }
    let split = |pair: &'a Pair| {
        let peer = pair.members.values().find(|member| member.site != site)?;
        Some((pair, pair.members.get(site)?, peer))
    };
    let found: Vec<_> = pairs.iter().filter(|pair| params.compares(pair)).filter_map(split).collect();
    if found.is_empty() {
        return Err(Failure::invalid(text!(
            "drbd_freshness.no-pair",
            "the inventory has no pair with a member at {site}",
            site = site
        )));
    }
    Ok(found)
}

fn unreachable(words: &Text) -> Text {
    text!("drbd_freshness.unreachable", "the node cannot be asked: {words}", words = words)
}

async fn replica(cx: &Context, pair: &Pair, own: &PairMember, peer: &PairMember) -> Result<Replica, Failure> {
    let (place, peer) = (crate::support::drbd::place(own), crate::support::drbd::place(peer));
    let resource = &pair.resource;
    let looked = async {
        let status = end::status(cx, &place, resource).await?;
        let contact = Contact::read(cx, &place, resource, status.as_ref()).await?;
        Ok((status.map(|status| status.disk), contact))
    };
    let (disk, last_contact) = match reach(looked.await)? {
        Ok(found) => found,
        Err(words) => (None, Contact::Unknown(unreachable(&words))),
    };
    Ok(Replica { resource: resource.clone(), place, peer, disk, last_contact })
}
