//! Strikes: what a rehearsal breaks on purpose, and at which call. What a strike does to the world is in `world/strikes.rs`;
//! which calls there are, in [`super::calls`].

mod word;

use cutover_engine::duration::HumanDuration;
use cutover_engine::inventory::Inventory;
use cutover_engine::world::{CallSelector, Request};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One strike.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Strike {
    /// Which call it hits.
    pub at: At,
    /// How many calls that fit are let through first.
    #[serde(default)]
    pub skip: usize,
    /// How often it strikes.
    #[serde(default = "once")]
    pub times: usize,
    /// What happens.
    pub kind: StrikeKind,
}

fn once() -> usize {
    1
}

/// Which call a strike hits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum At {
    /// The call with this number in its run; the first is 1.
    Ordinal(u64),
    /// Calls of a step or task: `scale`, `stop/scale@primary:set-replicas.1`, `scale:look.3`.
    Name(CallSelector),
    /// Calls whose place and text, as a plan prints them (`primary/worker01$ mkfs.ext4`), have all of these fragments in them.
    Text(Vec<String>),
}

/// What a strike does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StrikeKind {
    /// The command ends with this exit code (a request: with this HTTP status) and has no effect.
    Fails(i32),
    /// The API server answers with a status, and perhaps says when to come again. A command ends with exit code 1.
    Answers {
        /// The HTTP status: 429, 500.
        status: u16,
        /// The seconds that stand in `Retry-After`.
        #[serde(default)]
        retry_after: Option<u64>,
    },
    /// It never answers.
    Hangs,
    /// The connection is lost before the call has any effect.
    LostBefore,
    /// The call has its effect, and then the connection is lost.
    LostAfter,
    /// The controller is killed before the call has any effect: nothing more of the run is sent or recorded.
    KilledBefore,
    /// The call has its effect, and then the controller is killed.
    KilledAfter,
    /// A machine loses its power before the call has any effect.
    NodeLost {
        /// Which: `SITE/NODE`; by default the one that the call goes to, or one of its site.
        #[serde(default)]
        node: Option<String>,
        /// When it boots again; never by default.
        #[serde(default)]
        back_after: Option<HumanDuration>,
    },
    /// A link is cut before the call has any effect.
    LinkLost {
        /// Its ends, each `SITE` or `SITE/NODE`; by default the two sites.
        #[serde(default)]
        between: Option<[String; 2]>,
        /// When it is healed; never by default.
        #[serde(default)]
        back_after: Option<HumanDuration>,
    },
    /// The file systems of a machine are filled before the call has any effect.
    DiskFull {
        /// Which machine: `SITE/NODE`; by default the one that the call goes to, or one of its site.
        #[serde(default)]
        node: Option<String>,
        /// The mount point of the only file system that is filled; all of them by default.
        #[serde(default)]
        path: Option<String>,
    },
    /// Somebody else does something.
    Intervention(Intervention),
}

/// What somebody else does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Intervention {
    /// Right after the call instead of right before it.
    #[serde(default)]
    pub after: bool,
    /// What.
    pub does: Deed,
}

/// A command or a request of somebody else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// A command on a machine.
    Command {
        /// The machine: `SITE/NODE`.
        on: String,
        /// The program and its arguments.
        argv: Vec<String>,
    },
    /// A request to an API server.
    Request(Request),
    /// The StatefulSet of the world file gets all its replicas again, on this site.
    ScalesUp {
        /// The site; the active one by default.
        #[serde(default)]
        site: Option<String>,
    },
    /// The history of the etcd of the world file is compacted up to its last revision, on this site.
    Compacts {
        /// The site; the active one by default.
        #[serde(default)]
        site: Option<String>,
    },
}

/// What a strike has done.
#[derive(Debug, Clone, PartialEq)]
pub struct Struck {
    /// The number of the call that it hit.
    pub ordinal: u64,
    /// The call's name.
    pub name: String,
    /// What happened.
    pub kind: StrikeKind,
    /// What came of it, where somebody else did something.
    pub outcome: Option<String>,
}

impl Strike {
    /// A strike at the first call that fits.
    pub fn new(at: At, kind: StrikeKind) -> Self {
        Self { at, skip: 0, times: 1, kind }
    }

    /// A strike at the first call whose place and text have a fragment in them.
    pub fn text(fragment: impl Into<String>, kind: StrikeKind) -> Self {
        Self::new(At::Text(vec![fragment.into()]), kind)
    }

    /// Refuses what is not in the world.
    ///
    /// # Errors
    /// Names it.
    pub(crate) fn check(&self, inventory: &Inventory) -> Result<(), String> {
        let site = |name: &str| match inventory.sites.get(name) {
            Some(_) => Ok(()),
            None => Err(format!("there is no site `{name}`")),
        };
        let node = |text: &str| {
            let (site, node) =
                text.split_once('/').ok_or_else(|| format!("`{text}` is not a node: write SITE/NODE"))?;
            let known = inventory.sites.get(site).is_some_and(|site| site.nodes.contains_key(node));
            if known { Ok(()) } else { Err(format!("there is no node `{text}`")) }
        };
        if self.at == At::Ordinal(0) {
            return Err("the first call has the ordinal 1".to_owned());
        }
        match &self.kind {
            StrikeKind::NodeLost { node: Some(name), .. } | StrikeKind::DiskFull { node: Some(name), .. } => node(name),
            StrikeKind::LinkLost { between: Some(ends), .. } => {
                ends.iter().try_for_each(|end| if end.contains('/') { node(end) } else { site(end) })
            }
            StrikeKind::Intervention(Intervention { does, .. }) => match does {
                Deed::Command { on, argv } if !argv.is_empty() => node(on),
                Deed::Command { .. } => Err("`argv` names no program".to_owned()),
                Deed::Request(request) => site(&request.site),
                Deed::ScalesUp { site: Some(name) } | Deed::Compacts { site: Some(name) } => site(name),
                Deed::ScalesUp { site: None } | Deed::Compacts { site: None } => Ok(()),
            },
            _ => Ok(()),
        }
    }
}
