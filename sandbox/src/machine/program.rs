//! How a simulated program is called, and what it returns.

use cutover_engine::world::{Command, Place};
use futures_util::future::BoxFuture;

use super::host::Machine;
use super::hosts::Hosts;
use super::resource::MachineId;
use crate::kernel::Kernel;

/// A call of a program. `W` is as much of the world as the program works with.
pub(crate) struct Call<'a, W = Hosts> {
    /// The world.
    pub(crate) world: &'a W,
    /// Where it runs.
    pub(crate) place: &'a Place,
    /// The command. For a named script `argv` is `sh -c SCRIPT NAME ARG...`.
    pub(crate) command: &'a Command,
    /// Its arguments: without the program's name; for a named script, the script's own.
    pub(crate) args: &'a [String],
    /// All of its standard input.
    pub(crate) stdin: Vec<u8>,
}

impl Call<'_> {
    /// The kernel of the world.
    pub(crate) fn kernel(&self) -> &Kernel {
        &self.world.kernel
    }

    /// The number of the machine it runs on; none for the controller and pods.
    pub(crate) fn machine(&self) -> Option<MachineId> {
        match self.place {
            Place::Node { site, node } => self.world.machines().find(site, node),
            _ => None,
        }
    }

    /// The features of file systems that the machine it runs on does not know.
    pub(crate) fn unknown_features(&self) -> Vec<String> {
        let Place::Node { site, node } = self.place else { return Vec::new() };
        self.kernel().spec.unknown_features.get(&format!("{site}/{node}")).cloned().unwrap_or_default()
    }

    /// Works on the machine it runs on. In a pod there is no such program.
    pub(crate) fn on_machine(&self, work: impl FnOnce(&mut Machine) -> Reply) -> Reply {
        let name = self.command.script_name().or(self.command.argv.first().map(String::as_str)).unwrap_or_default();
        let missing = || Reply::fail(127, format!("sh: 1: {name}: not found\n"));
        self.world.with_machine(self.place, work).unwrap_or_else(missing)
    }
}

/// What a program printed, and its exit code.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Reply {
    /// Its exit code.
    pub(crate) code: i32,
    /// Its standard output.
    pub(crate) stdout: Vec<u8>,
    /// Its standard error.
    pub(crate) stderr: Vec<u8>,
}

impl Reply {
    /// Success with output.
    pub(crate) fn ok(stdout: impl Into<Vec<u8>>) -> Self {
        Self { code: 0, stdout: stdout.into(), stderr: Vec::new() }
    }

    /// An exit code with words on standard error.
    pub(crate) fn fail(code: i32, stderr: impl Into<Vec<u8>>) -> Self {
        Self { code, stdout: Vec::new(), stderr: stderr.into() }
    }
}

/// A program (or named script) that simulated machines have. `W` is as much of the world as it works with.
pub(crate) trait Program<W = Hosts>: Send + Sync {
    /// The names it goes by: `mount`, or a script's name such as `cutover-manifest`.
    fn names(&self) -> &'static [&'static str];

    /// Runs it. Time passes by sleeping on the (paused) clock; the world's state is never locked across a sleep.
    fn run<'a>(&'a self, call: Call<'a, W>) -> BoxFuture<'a, Reply>;
}
