//! The DRBD of hosts whose kernel has none: `drbdadm` and `drbdsetup` answered from a state that all hosts share, over real
//! disks, loop devices and file systems. The sandbox simulates DRBD's decisions and output; this program carries them out.
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
            // `--help` and `--version` are errors for clap as well. A failure to print them does not matter.
            let _ = error.print();
            if error.use_stderr() { WRONG.into() } else { ExitCode::SUCCESS }
        }
    }
}

/// Carries out a command; one that answers as a DRBD program ends with its exit code.
fn run(args: &Args) -> ExitCode {
    let dir = &args.dir;
    let done = match &args.command {
        Command::Drbdadm(words) => return answer(dir, "drbdadm", &words.words),
        Command::Drbdsetup(words) => return answer(dir, "drbdsetup", &words.words),
        Command::Drbdmeta(words) => return answer(dir, "drbdmeta", &words.words),
        Command::Replicate { once, interval } => replicate(dir, *once, Duration::from_millis(*interval)),
        Command::Rate { rate } => change(dir, |store| {
            store.state.drbd.set_rate(*rate);
            Ok(())
        }),
        Command::Link { change: wanted, a, b } => change(dir, |store| {
            store.state.drbd.link(a, b, wanted == "heal");
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

/// Reports an error on standard error.
fn complain(error: &anyhow::Error) {
    // If standard error is closed, there is nowhere left to report to.
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
        // The lock is free for other programs at least half of the time.
        std::thread::sleep(interval.max(began.elapsed()));
    }
}

/// Changes the shared state; all hosts are brought up to date before and after.
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
    let known = store.state.drbd.machines();
    let id = id.filter(|id| known.contains(id)).with_context(|| {
        let names: Vec<String> = known.iter().map(|(site, node)| format!("{site}/{node}")).collect();
        format!("no host {host}; known: {}", names.join(", "))
    })?;
    if store.state.drbd.power(&id, on) && !on {
        devices::lose(store, &id)?;
    }
    Ok(())
}

fn clear(dir: &Path) -> anyhow::Result<()> {
    let mut store = Store::open(dir)?;
    for id in store.state.drbd.machines() {
        devices::lose(&mut store, &id)?;
    }
    store.clear()
}

/// The current time.
fn now() -> Timestamp {
    Timestamp::now()
}
