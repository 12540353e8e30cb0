//! `fuser` and the modules' script `cutover-holders`: which processes use a directory or a file system.

use futures_util::future::BoxFuture;

use super::options::Options;
use super::words::inside;
use crate::machine::Machine;
use crate::machine::program::{Call, Program, Reply};

/// `fuser [-v] [-m] PATH` and `cutover-holders PATH`
pub(crate) struct Holders;

impl Program for Holders {
    fn names(&self) -> &'static [&'static str] {
        &["fuser", "cutover-holders"]
    }

    fn run<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Reply> {
        let script = call.command.script_name().is_some();
        Box::pin(async move {
            call.on_machine(|machine| if script { holders(machine, call.args) } else { fuser(machine, call.args) })
        })
    }
}

/// The process number that a directory's holder shows: the same one at every look.
fn pid(held: &str) -> u64 {
    2000 + held.bytes().fold(7u64, |sum, byte| (sum * 31 + u64::from(byte)) % 28_000)
}

fn holders(machine: &Machine, args: &[String]) -> Reply {
    let path = args.first().map_or("", String::as_str);
    let real = match machine.real_path(path) {
        Ok(real) => real,
        Err(errno) => return Reply::fail(1, format!("stat: cannot statx '{path}': {errno}\n")),
    };
    let users = if machine.is_mount_point(&real) {
        machine.users_of(&real)
    } else {
        let beneath = machine.holders.iter().filter(|(held, _)| inside(held, &real));
        beneath.map(|(held, command)| (held.clone(), command.clone())).collect()
    };
    let line = |(held, command): (String, String)| format!("{}\t{command}\tmount\t{held}\n", pid(&held));
    Reply::ok(users.into_iter().map(line).collect::<String>())
}

fn fuser(machine: &Machine, args: &[String]) -> Reply {
    let options = match Options::parse(args, &["v|verbose", "m|mount", "M|ismountpoint", "s|silent"]) {
        Ok(options) => options,
        Err(words) => return Reply::fail(1, format!("fuser: {words}\n")),
    };
    let [path] = options.operands.as_slice() else { return Reply::fail(1, "No process specification given\n") };
    let Ok(mount) = machine.path_mount(path) else {
        return Reply::fail(1, format!("Specified filename {path} does not exist.\n"));
    };
    let users = if options.has("m") { machine.users_of(&mount.target) } else { Vec::new() };
    let kernel = options.has("m") && options.has("v");
    if users.is_empty() && !kernel {
        return Reply::fail(1, "");
    }
    let pids = users.iter().map(|(held, _)| format!("{:>6}", pid(held))).collect::<String>();
    if !options.has("v") {
        return Reply { code: 0, stdout: pids.into(), stderr: format!("{path}:             \n").into() };
    }
    // The numbers go to standard output, the table around them to standard error.
    let mut table = format!("{:21}USER        PID ACCESS COMMAND\n", "");
    table += &format!("{:20} root      mount {}\n", format!("{path}:"), mount.target);
    for (_, command) in &users {
        table += &format!("{:20} root      ..c.. {command}\n", "");
    }
    Reply { code: 0, stdout: format!("kernel{pids}").into(), stderr: table.into() }
}
