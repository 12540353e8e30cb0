//! The DRBD of hosts whose kernel has none: `drbdadm` and `drbdsetup` answered from a state that all hosts share, over real
//! disks, loop devices and file systems. What DRBD decides and says is the sandbox's; here is what has to happen for it.

mod boot;
mod copy;
mod devices;
mod disk;
mod host;
mod mounts;
mod replication;
mod store;
mod superblock;

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use jiff::Timestamp;

use crate::args::{StandInArgs, StandInCommand};
use crate::exit::Exit;
use crate::terminal;
use host::Host;
use store::Store;

/// The programs that it can be called as.
const PROGRAMS: [&str; 4] = ["drbdadm", "drbdsetup", "drbdmeta", "journalctl"];
/// The host's own program, for all that is not the kernel's log.
const JOURNALCTL: &str = "/usr/bin/journalctl";
/// Commands that only ask. No answer tells how far a copy is, so none waits for one: while a file system is being written to,
/// the next copy begins when the last one ends.
const QUESTIONS: [&str; 11] = [
    "--version",
    "-V",
    "role",
    "cstate",
    "dstate",
    "status",
    "get-gi",
    "show-gi",
    "dump",
    "events2",
    "_TRANSPORT=kernel",
];
/// The exit code of drbd-utils for what their user can do nothing about.
const INTERNAL: u8 = 20;

/// Runs a program of DRBD if `cutover` was called by its name, as by a link `/usr/local/sbin/drbdadm`.
pub(crate) fn called_as(words: &[std::ffi::OsString]) -> Option<ExitCode> {
    let name = Path::new(words.first()?).file_name()?.to_str()?;
    let program = PROGRAMS.iter().find(|program| **program == name)?;
    let dir =
        std::env::var_os("CUTOVER_STAND_IN_DIR").map_or_else(|| "/var/lib/cutover-stand-in".into(), PathBuf::from);
    let args: Vec<String> = words[1..].iter().map(|word| word.to_string_lossy().into_owned()).collect();
    if *program == "journalctl" && !args.iter().any(|arg| arg == "_TRANSPORT=kernel") {
        let error = std::process::Command::new(JOURNALCTL).args(&words[1..]).exec();
        complain(&anyhow::Error::new(error).context(JOURNALCTL));
        return Some(INTERNAL.into());
    }
    Some(answer(&dir, program, &args))
}

/// Runs `cutover stand-in`.
pub(crate) fn run(args: &StandInArgs) -> ExitCode {
    let dir = &args.dir;
    let done = match &args.command {
        StandInCommand::Drbdadm(words) => return answer(dir, "drbdadm", &words.words),
        StandInCommand::Drbdsetup(words) => return answer(dir, "drbdsetup", &words.words),
        StandInCommand::Drbdmeta(words) => return answer(dir, "drbdmeta", &words.words),
        StandInCommand::Replicate { once, interval } => replicate(dir, *once, Duration::from_millis(*interval)),
        StandInCommand::Rate { rate } => change(dir, |store| {
            store.kept.drbd.set_rate(*rate);
            Ok(())
        }),
        StandInCommand::Link { change: wanted, a, b } => change(dir, |store| {
            store.kept.drbd.link(a, b, wanted == "heal");
            Ok(())
        }),
        StandInCommand::Power { change: wanted, host } => change(dir, |store| power(store, host, wanted == "on")),
        StandInCommand::Clear => clear(dir),
    };
    match done {
        Ok(()) => Exit::Done.into(),
        Err(error) => {
            complain(&error);
            Exit::Failed.into()
        }
    }
}

fn complain(error: &anyhow::Error) {
    // There is nobody left to tell if this cannot be written.
    let _ = terminal::complain(&format!("cutover stand-in: {error:#}\n"));
}

/// Answers as one of the programs.
fn answer(dir: &Path, program: &str, args: &[String]) -> ExitCode {
    let answered = refuse_beside_drbd().and_then(|()| attempt(dir, program, args));
    match answered {
        Ok(answer) => {
            // As drbdadm itself, which does not look whether anybody reads.
            let _ = terminal::print_bytes(&answer.stdout).and_then(|()| terminal::complain_bytes(&answer.stderr));
            answer.code.into()
        }
        Err(error) => {
            complain(&error);
            INTERNAL.into()
        }
    }
}

/// With the module loaded there is a real DRBD, which must not be answered for.
fn refuse_beside_drbd() -> anyhow::Result<()> {
    let loaded = ["/sys/module/drbd", "/proc/drbd"].iter().any(|path| Path::new(path).exists());
    ensure!(!loaded, "this kernel has the DRBD module: use its own drbdadm, and remove the stand-in from this host");
    Ok(())
}

fn attempt(dir: &Path, program: &str, args: &[String]) -> anyhow::Result<cutover_sandbox::stand_in::Answer> {
    loop {
        let mut store = Store::open(dir)?;
        let host = Host::here(&store.kept.drbd)?;
        host.tell(&mut store, args)?;
        if args.iter().any(|arg| QUESTIONS.contains(&arg.as_str())) {
            replication::pass(&mut store)?;
        } else {
            replication::catch_up(&mut store)?;
        }
        if let Some(wait) = store.kept.drbd.patience(&host.id, program, args).filter(|wait| !wait.is_zero()) {
            store.save()?;
            drop(store);
            std::thread::sleep(wait);
            continue;
        }
        let before = store.kept.drbd.versions();
        let answer = store.kept.drbd.run(&host.id, program, args).map_err(anyhow::Error::msg)?;
        replication::carry_out(&store, &before)?;
        disk::seal(&store, &host.id)?;
        devices::arrange(&mut store, &host.id)?;
        store.save()?;
        return Ok(answer);
    }
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
