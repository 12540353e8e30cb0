//! `site_lost`: evidence that a site is lost, before another one takes over: its API server is asked, all of its nodes, and the site that
//! is to take over whether anything of the other one still talks to it. Refused while anything answers. What does not answer may still
//! run, behind a network that is down: that it is fenced is a person's word, at a gate. Changes nothing.

use cutover_engine::action::Done;
use cutover_engine::failure::{Failure, FailureClass};
use cutover_engine::inventory::{Inventory, Site};
use cutover_engine::module::{Context, Diff, Facts, Module, Targets};
use cutover_engine::query::Ask;
use cutover_engine::reads;
use cutover_engine::subject::Subject;
use cutover_engine::text;
use cutover_engine::text::Text;
use cutover_engine::world::Place;
use futures_util::future::join_all;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::support::drbd::end;

#[cfg(test)]
mod tests;

/// How the transport says that nothing came back at all. A refused login or a strange host key came from somebody.
const SILENCE: &str = "engine.unreachable";
/// Packets to a node that is believed to be dead.
const PACKETS: &str = "3";

/// The module.
#[derive(Clone, Copy)]
pub(crate) struct SiteLost;

/// Parameters of `site_lost`. The target is the site that is to take over; it is the other one that has to be lost.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {}

/// What was asked, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Sign {
    /// What was asked of whom.
    what: Text,
    /// What it answered; `None` if nothing came back.
    answer: Option<Text>,
    /// Why nothing came back.
    silence: Option<Text>,
    /// Whether a silent one is noticed only after a while: DRBD's link.
    late: bool,
}

/// What `site_lost` saw.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct State {
    /// The site that has to be lost.
    site: String,
    signs: Vec<Sign>,
}

/// What `site_lost` registers.
#[derive(Serialize, JsonSchema)]
struct Registered {
    /// The site that is lost.
    site: String,
    /// What was asked, and did not answer.
    silent: Vec<String>,
}

impl Module for SiteLost {
    const NAME: &'static str = "site_lost";
    const SUMMARY: &'static str =
        "Refuses to go on while anything of the other site answers: API server, nodes, DRBD links";
    const EXAMPLE: &'static str = r#"
name: Nothing of the active site answers
target: passive
site_lost: {}
"#;

    const TARGETS: Targets = Targets::WHOLE_SITE;

    type Params = Params;
    type State = State;

    fn subjects(&self, facts: &Facts, _params: &Params) -> Option<Vec<Subject>> {
        let resource = |pair: &cutover_engine::inventory::Pair| Subject::Resource { resource: pair.resource.clone() };
        Some(facts.pairs().iter().map(resource).collect())
    }

    async fn probe(&self, cx: &Context, _params: &Params) -> Result<State, Failure> {
        let other = other(cx.facts(), cx.inventory())?;
        // The own site is asked first: it is the one that this step cannot do without.
        let (links, pings, nodes, server) =
            tokio::join!(links(cx, &other.name), pings(cx, other), nodes(cx, other), server(cx, &other.name));
        let signs = [vec![server?], nodes?, pings?, links?].concat();
        Ok(State { site: other.name.clone(), signs })
    }

    fn diff(&self, _facts: &Facts, _params: &Params, state: &State) -> Diff {
        let site = &state.site;
        let (late, at_once): (Vec<&Sign>, Vec<&Sign>) =
            state.signs.iter().filter(|sign| sign.answer.is_some()).partition(|sign| sign.late);
        let words = |sign: &&Sign| {
            text!(
                "site_lost.answers",
                "{site} is not lost: {what}: {answer}; what is alive is switched over (stopped there first), not taken over",
                site,
                what = &sign.what,
                answer = sign.answer.clone().unwrap_or_default()
            )
        };
        if !at_once.is_empty() {
            return Diff::refused(at_once.iter().chain(&late).map(words));
        }
        match late.first() {
            None => Diff::InSync,
            // DRBD takes some seconds to notice that its peer is gone.
            Some(sign) => Diff::waiting(words(sign)),
        }
    }

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<Registered>()
    }

    fn result(&self, _facts: &Facts, _params: &Params, state: &State, _done: &[Done]) -> Value {
        let silent = state.signs.iter().filter(|sign| sign.answer.is_none()).map(|sign| match &sign.silence {
            Some(why) => format!("{}: {why}", sign.what),
            None => sign.what.to_string(),
        });
        crate::support::drbd::registered(Registered { site: state.site.clone(), silent: silent.collect() })
    }
}

/// The site that has to be lost.
fn other<'a>(facts: &Facts, inventory: &'a Inventory) -> Result<&'a Site, Failure> {
    let own = facts.site()?;
    let roles = &inventory.roles;
    let name = if *own == roles.active { &roles.passive } else { &roles.active };
    inventory
        .sites
        .get(name)
        .ok_or_else(|| Failure::invalid(text!("site_lost.no-site", "the inventory has no site beside {own}", own)))
}

/// A sign: silence if nothing came back, an answer if anything did.
fn sign(what: Text, late: bool, looked: Result<Option<Text>, Failure>) -> Result<Sign, Failure> {
    let (answer, silence) = match looked {
        Ok(answer) => (answer, None),
        Err(failure) => match failure.class {
            FailureClass::Unreachable if failure.message.id() == Some(SILENCE) => (None, Some(failure.message)),
            FailureClass::Unreachable | FailureClass::TimedOut | FailureClass::OutcomeUnknown => {
                (Some(failure.message), None)
            }
            _ => return Err(failure),
        },
    };
    Ok(Sign { what, answer, silence, late })
}

/// The API server.
async fn server(cx: &Context, site: &str) -> Result<Sign, Failure> {
    let looked = cx.ask(&Ask::get(site, "/version")).await;
    let answer = |answer: cutover_engine::world::Answer| {
        Some(text!("site_lost.status", "it answers with status {status}", status = answer.status))
    };
    sign(text!("site_lost.server", "the API server of {site}", site), false, looked.map(answer))
}

/// Its nodes, as they are always reached.
async fn nodes(cx: &Context, site: &Site) -> Result<Vec<Sign>, Failure> {
    let node = async |name: &String| {
        let place = Place::node(&site.name, name);
        let looked = cx.read_at(&place, &reads::HOSTNAME.of([])).await;
        let answer = looked.map(|_| Some(text!("site_lost.command", "it runs commands")));
        sign(text!("site_lost.node", "the node {place}", place), false, answer)
    };
    join_all(site.nodes.keys().map(node)).await.into_iter().collect()
}

/// The same nodes as the site sees them that is to take over: by ping, from the node of a pair.
async fn pings(cx: &Context, site: &Site) -> Result<Vec<Sign>, Failure> {
    let own = cx.site()?;
    let member = |of: &str, node: &str| {
        let pairs = cx.facts().pairs().iter();
        pairs
            .filter(|pair| pair.members.get(of).is_some_and(|member| member.node == node))
            .find_map(|pair| pair.members.get(own))
    };
    let first = cx.facts().pairs().iter().find_map(|pair| pair.members.get(own));
    let ping = async |name: &String, address: &str| {
        let Some(from) = member(&site.name, name).or(first) else { return Ok(None) };
        let place = crate::support::drbd::place(from);
        let looked = cx.read_at(&place, &reads::PING.of([PACKETS, address])).await;
        // Who cannot ask knows nothing.
        let Ok(output) = end::reach(looked)? else { return Ok(None) };
        let answer = output.success().then(|| text!("site_lost.ping", "it answers a ping"));
        let what =
            text!("site_lost.ping-of", "{node} as {place} sees it", node = format!("{}/{name}", site.name), place);
        sign(what, false, Ok(answer)).map(Some)
    };
    let all = join_all(site.nodes.iter().map(|(name, node)| ping(name, &node.address))).await;
    all.into_iter().filter_map(Result::transpose).collect()
}

/// The links of DRBD, as the site sees them that is to take over.
async fn links(cx: &Context, site: &str) -> Result<Vec<Sign>, Failure> {
    let own = cx.site()?;
    let link = async |pair: &cutover_engine::inventory::Pair| {
        let (Some(here), Some(there)) = (pair.members.get(own), pair.members.get(site)) else { return Ok(None) };
        let place = crate::support::drbd::place(here);
        let Ok(status) = end::reach(end::status(cx, &place, &pair.resource).await)? else { return Ok(None) };
        let answer = status
            .filter(|status| status.connected())
            .map(|status| text!("site_lost.connected", "it is connected, and {role} there", role = status.peer_role));
        let what = text!(
            "site_lost.link",
            "the DRBD link of {resource} from {place} to {there}",
            resource = &pair.resource,
            place,
            there = crate::support::drbd::at(there)
        );
        sign(what, true, Ok(answer)).map(Some)
    };
    let all = join_all(cx.facts().pairs().iter().map(link)).await;
    all.into_iter().filter_map(Result::transpose).collect()
}
