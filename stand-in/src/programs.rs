//! The programs of DRBD by their names, each answered from the state that all hosts share.

use std::ffi::OsString;
use std::io::{Read as _, Write as _, stderr, stdin, stdout};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::ensure;
use cutover_sandbox::stand_in::Answer;

use crate::host::Host;
use crate::store::Store;
use crate::{complain, devices, disk, replication};

/// The names by which it can be called.
const PROGRAMS: [&str; 4] = ["drbdadm", "drbdsetup", "drbdmeta", "journalctl"];
/// The host's own program, for all that is not the kernel's log.
const JOURNALCTL: &str = "/usr/bin/journalctl";
/// Commands that only query. Their output does not depend on a copy under way, so they do not wait for one: while a file system
/// is being written to, the next copy begins as soon as the last one ends.
const QUESTIONS: [&str; 12] = [
    "--version",
    "-V",
    "role",
    "cstate",
    "dstate",
    "status",
    "get-gi",
    "show-gi",
    "dump",
    "sh-nop",
    "events2",
    "_TRANSPORT=kernel",
];
/// The exit code of drbd-utils for failures that are not the user's.
const INTERNAL: u8 = 20;

/// Answers as a DRBD program if called by its name, for example by a link `/usr/local/sbin/drbdadm`.
pub(crate) fn called_as(words: &[OsString]) -> Option<ExitCode> {
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

/// Answers as one of the programs.
pub(crate) fn answer(dir: &Path, program: &str, args: &[String]) -> ExitCode {
    let answered = refuse_beside_drbd().and_then(|()| attempt(dir, program, args));
    match answered {
        Ok(answer) => {
            // drbdadm itself ignores errors of its standard output as well.
            let _ = stdout().write_all(&answer.stdout).and_then(|()| stdout().flush());
            let _ = stderr().write_all(&answer.stderr);
            answer.code.into()
        }
        Err(error) => {
            complain(&error);
            INTERNAL.into()
        }
    }
}

/// Refuses to run if the kernel module is loaded: then there is a real DRBD.
pub(crate) fn refuse_beside_drbd() -> anyhow::Result<()> {
    let loaded = ["/sys/module/drbd", "/proc/drbd"].iter().any(|path| Path::new(path).exists());
    ensure!(!loaded, "this kernel has the DRBD module: use its own drbdadm, and remove the stand-in from this host");
    Ok(())
}

fn attempt(dir: &Path, program: &str, args: &[String]) -> anyhow::Result<Answer> {
    // Only what tests a text reads one.
    let mut fed = Vec::new();
    if args.iter().any(|arg| arg == "sh-nop") {
        stdin().read_to_end(&mut fed)?;
    }
    loop {
        let mut store = Store::open(dir)?;
        let host = Host::here(&store.state.drbd)?;
        host.tell(&mut store, args)?;
        if args.iter().any(|arg| QUESTIONS.contains(&arg.as_str())) {
            replication::pass(&mut store)?;
        } else {
            replication::catch_up(&mut store)?;
        }
        if let Some(wait) = store.state.drbd.patience(&host.id, program, args).filter(|wait| !wait.is_zero()) {
            store.save()?;
            drop(store);
            std::thread::sleep(wait);
            continue;
        }
        let before = store.state.drbd.versions();
        let answer = store.state.drbd.run(&host.id, program, args, &fed).map_err(anyhow::Error::msg)?;
        replication::carry_out(&store, &before)?;
        disk::seal(&store, &host.id)?;
        devices::arrange(&mut store, &host.id)?;
        store.save()?;
        return Ok(answer);
    }
}
