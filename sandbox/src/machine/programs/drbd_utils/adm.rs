//! `drbdadm`: its command line, the configuration it reads, and which step each of its commands is.

use std::time::Duration;

use futures_util::future::BoxFuture;

use super::{Session, answers, meta, more, session, setup, step};
use crate::machine::drbd::config::Config;
use crate::machine::drbd::{operations, unanswered};
use crate::machine::program::{Call, Program, Reply};
use crate::machine::{MachineId, Machines};

/// The commit that drbd-utils 9.22.0 was built from, as `--version` prints it.
const BUILDTAG: &str =
    "GIT-hash:\\ 409097fe02187f83790b88ac3e0d94f3c167adab\\ reproducible\\ build\\,\\ 2023-01-09\\ 14:51:18";
/// The commands that this drbdadm knows.
const COMMANDS: [&str; 26] = [
    "adjust",
    "attach",
    "connect",
    "create-md",
    "cstate",
    "detach",
    "disconnect",
    "down",
    "dstate",
    "dump",
    "get-gi",
    "invalidate",
    "invalidate-remote",
    "new-current-uuid",
    "outdate",
    "pause-sync",
    "primary",
    "resume-sync",
    "role",
    "secondary",
    "sh-resources",
    "show-gi",
    "status",
    "up",
    "verify",
    "wait-connect",
];
/// The commands of a real one that this one does not know.
const BEYOND: [&str; 23] = [
    "apply-al",
    "check-resize",
    "del-minor",
    "del-peer",
    "disk-options",
    "dump-md",
    "dump-xml",
    "forget-peer",
    "hidden-commands",
    "net-options",
    "new-minor",
    "new-peer",
    "new-resource",
    "peer-device-options",
    "resize",
    "resource-options",
    "resume-io",
    "rename-resource",
    "suspend-io",
    "wait-con-int",
    "wait-sync",
    "wipe-md",
    "del-path",
];
/// Commands that wait for a connected peer to agree, or to be given up.
const ASKS_PEER: [&str; 6] = ["primary", "secondary", "disconnect", "down", "detach", "invalidate"];

/// `drbdadm [--version] COMMAND [OPTION...] {all|RESOURCE...}`
pub(crate) struct Drbdadm;

/// A command line, taken apart.
pub(super) struct Line {
    pub(super) verb: String,
    pub(super) resources: Vec<String>,
    /// Options that go to drbdsetup or drbdmeta.
    pub(super) options: Vec<String>,
    pub(super) dry_run: bool,
}

impl Line {
    pub(super) fn has(&self, option: &str) -> bool {
        self.options.iter().any(|there| there == option)
    }
}

impl Program for Drbdadm {
    fn names(&self) -> &'static [&'static str] {
        &["drbdadm"]
    }

    fn run<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            let Some(machine) = call.machine() else {
                return Reply::fail(127, "sh: 1: drbdadm: not found\n");
            };
            let wait = patience(&call.world.machines(), machine, call.args);
            if let Some(wait) = wait {
                tokio::time::sleep(wait).await;
            }
            if tests_a_text(call.args) {
                return session(call.world, machine, |session| test(session, &call.stdin));
            }
            session(call.world, machine, |session| run(session, call.args))
        })
    }
}

/// Whether a configuration on standard input is to be tested.
pub(super) fn tests_a_text(args: &[String]) -> bool {
    args.iter().map(String::as_str).eq(["-c", "-", "sh-nop"])
}

/// `drbdadm -c - sh-nop`
pub(super) fn test(session: &mut Session<'_>, stdin: &[u8]) -> i32 {
    let Some(machine) = session.state.get(session.machine) else { return 20 };
    match Config::test(machine, &String::from_utf8_lossy(stdin), session.legacy) {
        Ok(()) => 0,
        Err(words) => {
            session.stderr += &words;
            10
        }
    }
}

/// How long a command waits for a peer that does not answer, before it has any effect; none if it need not wait.
pub(super) fn patience(state: &Machines, machine: MachineId, args: &[String]) -> Option<Duration> {
    let line = parse(args).ok().filter(|line| ASKS_PEER.contains(&line.verb.as_str()) && !line.dry_run)?;
    line.resources.into_iter().filter_map(|name| unanswered(state, &(machine, name.into()))).max()
}

/// Runs a command line.
pub(super) fn run(session: &mut Session<'_>, args: &[String]) -> i32 {
    if args.iter().any(|arg| arg == "--version" || arg == "-V") {
        session.stdout += &version(&session.state.drbd.version);
        return 0;
    }
    match parse(args) {
        Ok(line) => carry_out(session, &line),
        Err(reply) => {
            session.stderr += &String::from_utf8_lossy(&reply.stderr);
            reply.code
        }
    }
}

fn version(kernel: &str) -> String {
    let number: Vec<u32> = kernel.split('.').map(|part| part.parse().unwrap_or(0)).collect();
    let code = number.iter().take(3).fold(0, |code, part| code << 8 | part);
    let (tag, utils) = (BUILDTAG, "DRBDADM_VERSION_CODE=0x091600\nDRBDADM_VERSION=9.22.0\n");
    // For 8.4 drbdadm hands over to drbdadm-84, which says less.
    if kernel.starts_with("8.") {
        return format!("DRBDADM_BUILDTAG={tag}\nDRBDADM_API_VERSION=1\nDRBD_KERNEL_VERSION_CODE={code:#08x}\n{utils}");
    }
    format!(
        "DRBDADM_BUILDTAG={tag}\nDRBDADM_API_VERSION=2\nDRBD_KERNEL_VERSION_CODE={code:#08x}\n\
         DRBD_KERNEL_VERSION={kernel}\n{utils}"
    )
}

fn parse(args: &[String]) -> Result<Line, Reply> {
    let mut line = Line { verb: String::new(), resources: Vec::new(), options: Vec::new(), dry_run: false };
    for arg in args.iter().filter(|arg| *arg != "--") {
        match arg.as_str() {
            "-d" | "--dry-run" => line.dry_run = true,
            option if option.starts_with('-') => line.options.push(option.to_owned()),
            word if line.verb.is_empty() => line.verb = word.to_owned(),
            word => line.resources.push(word.to_owned()),
        }
    }
    if line.verb.is_empty() {
        return Err(Reply::fail(1, "\nUSAGE: drbdadm COMMAND [OPTION...] {all|RESOURCE...}\n\nNo command specified\n"));
    }
    if BEYOND.contains(&line.verb.as_str()) {
        let words = format!("drbdadm: the sandbox lacks drbdadm:{0}: `{0}` of drbdadm\n", line.verb);
        return Err(Reply::fail(20, words));
    }
    if !COMMANDS.contains(&line.verb.as_str()) {
        return Err(Reply::fail(1, format!("drbdadm: Unknown command '{}'\n", line.verb)));
    }
    if line.dry_run && line.verb != "adjust" {
        let words = format!("drbdadm: the sandbox lacks drbdadm:--dry-run: `--dry-run` of drbdadm {}\n", line.verb);
        return Err(Reply::fail(20, words));
    }
    if line.resources.is_empty() && !["dump", "sh-resources", "status"].contains(&line.verb.as_str()) {
        let usage =
            format!("\nUSAGE: drbdadm {} [OPTION...] {{all|RESOURCE...}}\n\nNo resource names specified\n", line.verb);
        return Err(Reply::fail(1, usage));
    }
    Ok(line)
}

fn carry_out(session: &mut Session<'_>, line: &Line) -> i32 {
    let Some(machine) = session.state.get(session.machine) else { return 20 };
    let hostname = machine.hostname.clone();
    let config = match Config::load(machine, session.legacy) {
        Ok(config) => config,
        Err(words) => {
            session.stderr += &words;
            return 10;
        }
    };
    let every = line.resources.iter().any(|name| name == "all") || line.resources.is_empty();
    let mut names = line.resources.clone();
    if every {
        if line.verb == "status" {
            return setup::status(session, None, line.has("--json"));
        }
        if line.verb == "dump" {
            session.stdout += "# /etc/drbd.conf\n";
            config.resources.iter().for_each(|resource| session.stdout += &resource.dump(&hostname, session.legacy));
            return 0;
        }
        if line.verb == "sh-resources" {
            let own = config.resources.iter().filter(|own| own.me(&hostname).is_some());
            session.stdout += &(own.map(|own| &*own.name).collect::<Vec<_>>().join(" ") + "\n");
            return 0;
        }
        names = config.resources.iter().filter(|own| own.me(&hostname).is_some()).map(|own| own.name.clone()).collect();
        if names.is_empty() {
            session.stderr += &format!(
                "WARN: no normal resources defined for this host ({hostname})!?\n\
                 Misspelled name of the local machine with the 'on' keyword ?\n"
            );
            return 1;
        }
    }
    let mut worst = 0;
    for name in names {
        if config.find(&name, &hostname).is_none() {
            session.stderr += &format!("'{name}' not defined in your config (for this host).\n");
            return 1;
        }
        let code = command(session, &config, &hostname, &name, line);
        worst = worst.max(code);
        // Steps that drbdadm defers (up, adjust) are all tried; any other command ends at the first failure.
        if code != 0 && !["up", "adjust"].contains(&line.verb.as_str()) {
            break;
        }
    }
    worst
}

fn command(session: &mut Session<'_>, config: &Config, hostname: &str, name: &str, line: &Line) -> i32 {
    let Some(resource) = config.find(name, hostname) else { return 1 };
    let verb = line.verb.as_str();
    let wrong = session.state.get(session.machine).and_then(|machine| resource.wrong_address(machine));
    if let Some(words) = wrong
        && ["up", "adjust", "connect", "dump"].contains(&verb)
    {
        session.stderr += &words;
        if verb != "dump" {
            return 10;
        }
    }
    if verb == "dump" {
        session.stdout += &resource.dump(hostname, session.legacy);
        return 0;
    }
    let Some(kernel) = config.kernel(resource, hostname, session.legacy) else {
        session.stderr += &format!("{name}: the sandbox needs a device, a disk and an address on two hosts\n");
        return 10;
    };
    let (end, minor) = (session.end(name), kernel.minor.to_string());
    let force = if line.has("--force") { " --force" } else { "" };
    let object = if session.legacy { minor.clone() } else { name.to_owned() };
    if let Some(code) = more::run(session, verb, &kernel) {
        return code;
    }
    match verb {
        "up" => step::up(session, config, name, hostname),
        "adjust" => step::adjust(session, config, name, hostname, line.dry_run),
        "attach" => step::attach(session, &kernel),
        "detach" => step::kernel(session, &minor, &format!("detach {minor}"), |state| operations::detach(state, &end)),
        "connect" => step::connect(session, resource, &kernel, line.has("--discard-my-data")),
        "disconnect" => step::disconnect(session, &kernel),
        "down" => step::kernel(session, name, &format!("down {name}"), |state| operations::down(state, &end)),
        "primary" => step::kernel(session, &object, &format!("primary {object}{force}"), |state| {
            operations::promote(state, &end, line.has("--force"))
        }),
        "secondary" => {
            step::kernel(session, &object, &format!("secondary {object}"), |state| operations::demote(state, &end))
        }
        "verify" => {
            let (asked, words) = if session.legacy {
                (minor.clone(), minor.clone())
            } else {
                (name.to_owned(), format!("{name} {} 0", kernel.peer.node_id))
            };
            step::kernel(session, &asked, &format!("verify {words}"), |state| operations::verify(state, &end))
        }
        "invalidate" => step::invalidate(session, &kernel),
        "new-current-uuid" => step::kernel(session, &minor, &format!("new-current-uuid {minor}"), |state| {
            operations::new_current_uuid(state, &end, line.has("--clear-bitmap"))
        }),
        "create-md" => meta::create(session, &kernel, line.has("--force")),
        "status" => {
            let code = setup::status(session, Some(name), line.has("--json"));
            step::report(session, &format!("status {name}"), code)
        }
        _ => answers::answer(session, verb, &kernel),
    }
}
