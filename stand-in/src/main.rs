//! The DRBD of hosts whose kernel has none: `drbdadm` and `drbdsetup` answered from a state that all hosts share, over real
//! disks, loop devices and file systems. What DRBD decides and says is the sandbox's; here is what has to happen for it.
//! A program of its own, so that no production program answers as DRBD, whatever its name is.

mod args;
mod boot;
mod copy;
mod devices;
mod disk;
mod host;
mod mounts;
mod programs;
mod replication;
mod store;
mod superblock;

use std::ffi::OsString;
use std::io::{Write as _, stderr};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Parser as _;
use jiff::Timestamp;

use args::{Args, Command};
use programs::{answer, refuse_beside_drbd};
use store::Store;

/// The exit code for a command line that is wrong.
const WRONG: u8 = 2;

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    if let Some(code) = programs::called_as(&words) {
        return code;
    }
    match Args::try_parse_from(words) {
        Ok(args) => run(&args),
        Err(error) => {
            // `--help` and `--version` come this way, too. If nobody reads it, nobody misses it.
            let _ = error.print();
            if error.use_stderr() { WRONG.into() } else { ExitCode::SUCCESS }
        }
    }
}

/// Does what was typed; one that answers as a program ends as that does.
fn run(args: &Args) -> ExitCode {
    let dir = &args.dir;
    let done = match &args.command {
        Command::Drbdadm(words) => return answer(dir, "drbdadm", &words.words),
        Command::Drbdsetup(words) => return answer(dir, "drbdsetup", &words.words),
        Command::Drbdmeta(words) => return answer(dir, "drbdmeta", &words.words),
        Command::Replicate { once, interval } => replicate(dir, *once, Duration::from_millis(*interval)),
        Command::Rate { rate } => change(dir, |store| {
            store.kept.drbd.set_rate(*rate);
            Ok(())
        }),
        Command::Link { change: wanted, a, b } => change(dir, |store| {
            store.kept.drbd.link(a, b, wanted == "heal");
            Ok(())
        }),
        Command::Power { change: wanted, host } => change(dir, |store| power(store, host, wanted == "on")),
        Command::Clear => clear(dir),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

/// Says on standard error why something was not done.
fn complain(error: &anyhow::Error) {
    // There is nobody left to tell if this cannot be written.
    let _ = stderr().write_all(format!("cutover-drbd-stand-in: {error:#}\n").as_bytes());
}

fn replicate(dir: &Path, once: bool, interval: Duration) -> anyhow::Result<()> {
    loop {
        refuse_beside_drbd()?;
        let began = Instant::now();
        let mut store = Store::open(dir)?;
        if once {
            replication::catch_up(&mut store)?;
        } else {
            replication::round(&mut store)?;
        }
        store.save()?;
        drop(store);
        if once {
            return Ok(());
        }
        // Others want their turn, too: at most half of the time is for copying.
        std::thread::sleep(interval.max(began.elapsed()));
    }
}

/// Changes something in the world of the hosts, which are brought up to the present before and after.
fn change(dir: &Path, work: impl FnOnce(&mut Store) -> anyhow::Result<()>) -> anyhow::Result<()> {
    refuse_beside_drbd()?;
    let mut store = Store::open(dir)?;
    replication::catch_up(&mut store)?;
    work(&mut store)?;
    replication::catch_up(&mut store)?;
    store.save()
}

fn power(store: &mut Store, host: &str, on: bool) -> anyhow::Result<()> {
    let id = host.split_once('/').map(|(site, node)| (site.to_owned(), node.to_owned()));
    let known = store.kept.drbd.machines();
    let id = id.filter(|id| known.contains(id)).with_context(|| {
        let names: Vec<String> = known.iter().map(|(site, node)| format!("{site}/{node}")).collect();
        format!("no host {host}; known: {}", names.join(", "))
    })?;
    if store.kept.drbd.power(&id, on) && !on {
        devices::lose(store, &id)?;
    }
    Ok(())
}

fn clear(dir: &Path) -> anyhow::Result<()> {
    let mut store = Store::open(dir)?;
    for id in store.kept.drbd.machines() {
        devices::lose(&mut store, &id)?;
    }
    store.clear()
}

/// The time on the clock.
fn now() -> Timestamp {
    Timestamp::now()
}
