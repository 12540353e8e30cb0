//! The kinds of target that a module works on.

use crate::failure::Failure;
use crate::target::Target;
use crate::text;

/// A kind of target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TargetKind {
    /// The machine `cutover` runs on.
    Controller,
    /// A site: its cluster.
    Site,
    /// A node.
    Node,
    /// A member of a replicated pair.
    Pair,
}

impl TargetKind {
    /// All of them, in the order of the reference.
    pub const ALL: [Self; 4] = [Self::Controller, Self::Site, Self::Node, Self::Pair];

    /// The kind of a target.
    pub fn of(target: &Target) -> Self {
        match target {
            Target::Controller => Self::Controller,
            Target::Site { .. } => Self::Site,
            Target::Node { .. } => Self::Node,
            Target::Pair { .. } => Self::Pair,
        }
    }

    /// Its name with an article.
    pub fn words(self) -> &'static str {
        match self {
            Self::Controller => "the controller",
            Self::Site => "a site",
            Self::Node => "a node",
            Self::Pair => "a DRBD pair",
        }
    }

    /// How such a target is written in a playbook.
    fn example(self) -> &'static str {
        match self {
            Self::Controller => "`target: controller`",
            Self::Site => "`target: active` or `target: passive`",
            Self::Node => "`target: active.nodes` or `target: passive.nodes`",
            Self::Pair => "`target: active.pairs`, `target: passive.pairs` or a list of both",
        }
    }
}

/// The kinds of target that a module works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Targets(&'static [TargetKind]);

impl Targets {
    /// Any target: the module does not depend on it, or works wherever the task's commands run.
    pub const ANY: Self = Self(&TargetKind::ALL);
    /// Something with a cluster: a site, or a node or pair of it.
    pub const SITE: Self = Self(&[TargetKind::Site, TargetKind::Node, TargetKind::Pair]);
    /// A site as a whole.
    pub const WHOLE_SITE: Self = Self(&[TargetKind::Site]);
    /// A pair.
    pub const PAIR: Self = Self(&[TargetKind::Pair]);
    /// A machine with disks of its own: a node, a pair, or the controller.
    pub const MACHINE: Self = Self(&[TargetKind::Controller, TargetKind::Node, TargetKind::Pair]);

    /// The kinds.
    pub fn kinds(self) -> &'static [TargetKind] {
        self.0
    }

    /// Whether a kind is among them.
    pub fn contains(self, kind: TargetKind) -> bool {
        self.0.contains(&kind)
    }

    /// Refuses a target of another kind.
    ///
    /// # Errors
    /// The module does not work on it.
    pub fn accept(self, module: &str, kind: TargetKind) -> Result<(), Failure> {
        if self.contains(kind) {
            return Ok(());
        }
        // Kinds are ordered from broad to narrow: where a site will do, naming a site is the simplest hint.
        let wanted = self.0.iter().copied().min().unwrap_or(TargetKind::Pair);
        let message = text!(
            "engine.target-kind",
            "`{module}` works on {wanted}, and the step's target is {kind}",
            module,
            wanted = wanted.words(),
            kind = kind.words()
        );
        let help = text!("engine.target-kind.help", "set {example}", example = wanted.example());
        Err(Failure::invalid(message).help(help))
    }
}
