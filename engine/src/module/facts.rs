//! The facts about a task that are known before it probes: its target, where its commands run, and the pairs. Plain data, the
//! same in every world; a comparison sees nothing else besides parameters and state.

use std::sync::Arc;

use cutover_protocol::place::Place;
use cutover_protocol::target::Target;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::failure::Failure;
use crate::inventory::{Inventory, Pair, PairMember};
use crate::text;

/// The facts about a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    target: Target,
    place: Place,
    #[serde(serialize_with = "shared", deserialize_with = "own")]
    pairs: Arc<Vec<Pair>>,
}

fn shared<S: Serializer>(pairs: &Arc<Vec<Pair>>, serializer: S) -> Result<S::Ok, S::Error> {
    pairs.as_slice().serialize(serializer)
}

fn own<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<Vec<Pair>>, D::Error> {
    Vec::deserialize(deserializer).map(Arc::new)
}

impl Facts {
    /// The facts about a task with this target, whose commands run at this place.
    pub fn new(target: Target, place: Place, pairs: Arc<Vec<Pair>>) -> Self {
        Self { target, place, pairs }
    }

    /// The facts about a task on a target. `delegate` is the node of the target's site that commands go to instead of the
    /// target's own.
    pub fn of(target: Target, delegate: Option<&str>, inventory: &Inventory) -> Self {
        let place = match (delegate, target.site()) {
            (Some(node), Some(site)) => Place::node(site, node),
            _ => target.place(),
        };
        Self::new(target, place, Arc::clone(&inventory.pairs))
    }

    /// The target.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Where its commands run: the delegate, the target's node, or the controller.
    pub fn place(&self) -> Place {
        self.place.clone()
    }

    /// The replicated pairs, by ordinal.
    pub fn pairs(&self) -> &[Pair] {
        &self.pairs
    }

    /// The target's site; an error for a target on the controller.
    pub fn site(&self) -> Result<&str, Failure> {
        self.target.site().ok_or_else(|| {
            Failure::invalid(text!(
                "engine.no-site",
                "this module works on a site, but the step's target is the controller"
            ))
            .help(text!("engine.no-site.help", "set `target: active` or `target: passive`"))
        })
    }

    /// The target's pair, its own member and the peer's; an error if the target is not a pair member.
    pub fn pair(&self) -> Result<(&Pair, &PairMember, &PairMember), Failure> {
        let found = self.target.ordinal().and_then(|ordinal| {
            let pair = self.pairs.get(ordinal)?;
            let own = pair.members.get(self.target.site()?)?;
            let peer = pair.members.iter().find(|(site, _)| Some(site.as_str()) != self.target.site())?.1;
            Some((pair, own, peer))
        });
        found.ok_or_else(|| {
            let target = &self.target;
            Failure::invalid(text!(
                "engine.no-pair",
                "this module works on a DRBD pair, but the step's target is {target}",
                target
            ))
            .help(text!("engine.no-pair.help", "set `target: active.pairs`, `target: passive.pairs` or a list of both"))
        })
    }
}
