//! `drbdadm`, `drbdsetup`, `drbdmeta` of drbd-utils 9.22, for a kernel with DRBD 9 or 8.4, and the kernel's log: their
//! command lines, words and exit codes. What happens in the kernel is [`crate::machine::drbd`]'s.

mod adm;
mod answers;
mod events;
mod json;
mod kernel_log;
mod meta;
mod more;
mod setup;
mod status;
mod step;
mod view;
mod words;

use adm::Drbdadm;
use kernel_log::KernelLog;
use meta::Drbdmeta;
use setup::Drbdsetup;

use std::time::Duration;

use crate::machine::Hosts;
use crate::machine::drbd::{End, config::Config};
use crate::machine::program::Reply;
use crate::machine::{MachineId, Machines};

pub(super) const ALL: &[super::Named] = &[&Drbdadm, &Drbdsetup, &Drbdmeta, &KernelLog];

/// What a command has printed so far, and the kernel that it works on.
struct Session<'a> {
    state: &'a mut Machines,
    machine: MachineId,
    /// DRBD 8.4, not 9.
    legacy: bool,
    stdout: String,
    stderr: String,
}

impl Session<'_> {
    fn end(&self, resource: &str) -> End {
        (self.machine, resource.into())
    }

    fn reply(self, code: i32) -> Reply {
        Reply { code, stdout: self.stdout.into(), stderr: self.stderr.into() }
    }
}

/// Runs a command on a machine's DRBD, brought up to the present before and after.
fn session(hosts: &Hosts, machine: MachineId, work: impl FnOnce(&mut Session<'_>) -> i32) -> Reply {
    hosts.on_drbd(machine, |state, machine| on_state(state, machine, work))
}

/// Runs a command on a machine's DRBD, as it is.
fn on_state(state: &mut Machines, machine: MachineId, work: impl FnOnce(&mut Session<'_>) -> i32) -> Reply {
    let legacy = state.drbd.legacy;
    let mut session = Session { state, machine, legacy, stdout: String::new(), stderr: String::new() };
    let code = work(&mut session);
    session.reply(code)
}

/// How long one of the programs waits for a peer that does not answer, before it has any effect; none if it need not.
pub(crate) fn patience(state: &Machines, machine: MachineId, program: &str, args: &[String]) -> Option<Duration> {
    if program == "drbdadm" { adm::patience(state, machine, args) } else { None }
}

/// Runs one of the programs on a machine, whose state was brought up to the present, with its standard input.
pub(crate) fn run(state: &mut Machines, machine: MachineId, program: &str, args: &[String], stdin: &[u8]) -> Reply {
    match program {
        "drbdadm" if adm::tests_a_text(args) => on_state(state, machine, |session| adm::test(session, stdin)),
        "drbdadm" => on_state(state, machine, |session| adm::run(session, args)),
        "drbdsetup" => on_state(state, machine, |session| setup::run(session, args)),
        "drbdmeta" => on_state(state, machine, |session| meta::run(session, args)),
        "journalctl" => match state.get(machine) {
            Some(machine) => kernel_log::journal(machine, args),
            None => Reply::ok(""),
        },
        _ => Reply::fail(127, format!("{program}: not found\n")),
    }
}

/// Switches a machine on again. Its enabled units start, `drbd.service` among them. Returns whether it was off.
pub(crate) fn boot(state: &mut Machines, machine: MachineId) -> bool {
    let on = state.power_on(machine);
    if on && state.get(machine).is_some_and(|booted| booted.active_units.contains("drbd.service")) {
        start(state, machine);
    }
    on
}

/// Brings up every resource of a machine that boots, as drbd.service does (`drbdadm adjust-with-progress all`).
fn start(state: &mut Machines, machine: MachineId) {
    on_state(state, machine, |session| {
        let Some((config, hostname)) = session
            .state
            .get(machine)
            .and_then(|machine| Some((Config::load(machine, session.legacy).ok()?, machine.hostname.clone())))
        else {
            return 10;
        };
        let names: Vec<&str> =
            config.resources.iter().filter(|own| own.me(&hostname).is_some()).map(|own| &*own.name).collect();
        names.iter().map(|name| step::adjust(session, &config, name, &hostname, false)).max().unwrap_or(0)
    });
}
