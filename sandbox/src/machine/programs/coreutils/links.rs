//! `ln` and `mv`: what makes another name of a file.

use futures_util::future::BoxFuture;

use super::super::options::Options;
use super::super::words::{absolute, program_name};
use crate::machine::program::{Call, Program, Reply};
use crate::machine::{Errno, Machine};

/// `ln [-s] [-f] [-n] [-T] TARGET NAME` and `mv [-f] [-T] FROM TO`
pub(crate) struct Links;

impl Program for Links {
    fn names(&self) -> &'static [&'static str] {
        &["ln", "mv"]
    }

    fn run<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            let name = program_name(&call);
            let known = ["s|symbolic", "f|force", "n|no-dereference", "T|no-target-directory"];
            let options = match Options::parse(call.args, if name == "ln" { &known } else { &known[1..] }) {
                Ok(options) => options,
                Err(words) => return Reply::fail(1, format!("{name}: {words}\n")),
            };
            let cwd = call.command.cwd.as_deref().unwrap_or("/");
            let now = call.kernel().now_ns();
            let (from, to) = match options.operands.as_slice() {
                [from, to] => (from.clone(), to.clone()),
                [] => return Reply::fail(1, format!("{name}: missing file operand\n")),
                [from] if name == "ln" => (from.clone(), ".".to_owned()),
                [from] => return Reply::fail(1, format!("mv: missing destination file operand after '{from}'\n")),
                [.., last] => return Reply::fail(1, format!("{name}: target '{last}' is not a directory\n")),
            };
            call.on_machine(|machine| {
                let work = if name == "ln" { ln } else { mv };
                match work(machine, &options, cwd, (&from, &to), now) {
                    Ok(()) => Reply::default(),
                    Err(words) => Reply::fail(1, format!("{name}: {words}\n")),
                }
            })
        })
    }
}

/// Where the new name goes, absolute and as shown: into a directory, unless that is excluded.
fn goal(machine: &Machine, options: &Options, cwd: &str, (from, to): (&str, &str)) -> (String, String) {
    let at = absolute(cwd, to);
    let through = !options.has("n") || machine.lstat(&at).is_ok_and(|stat| stat.is_dir());
    if !options.has("T") && through && machine.stat(&at).is_ok_and(|stat| stat.is_dir()) {
        let base = from.trim_end_matches('/').rsplit('/').next().unwrap_or(from);
        let inside = |dir: &str| format!("{}/{base}", dir.trim_end_matches('/'));
        return (inside(&at), inside(to));
    }
    (at, to.to_owned())
}

fn ln(machine: &mut Machine, options: &Options, cwd: &str, names: (&str, &str), now: i128) -> Result<(), String> {
    let (at, shown) = goal(machine, options, cwd, names);
    let existing = absolute(cwd, names.0);
    if !options.has("s") {
        machine.lstat(&existing).map_err(|errno| format!("failed to access '{}': {errno}", names.0))?;
    }
    if options.has("f") && machine.lstat(&at).is_ok() {
        machine.remove_file(&at, now).map_err(|errno| format!("cannot remove '{shown}': {errno}"))?;
    }
    if options.has("s") {
        let made = machine.symlink(names.0, &at, now);
        return made.map_err(|errno| format!("failed to create symbolic link '{shown}': {errno}"));
    }
    machine.link(&existing, &at, now).map_err(|errno| match errno {
        Errno::NotPermitted if machine.lstat(&existing).is_ok_and(|stat| stat.is_dir()) => {
            format!("{}: hard link not allowed for directory", names.0)
        }
        errno => format!("failed to create hard link '{shown}': {errno}"),
    })
}

fn mv(machine: &mut Machine, options: &Options, cwd: &str, names: (&str, &str), now: i128) -> Result<(), String> {
    let (at, shown) = goal(machine, options, cwd, names);
    let existing = absolute(cwd, names.0);
    machine.lstat(&existing).map_err(|errno| format!("cannot stat '{}': {errno}", names.0))?;
    machine.rename(&existing, &at, now).map_err(|errno| match errno {
        Errno::Invalid => format!("cannot move '{}' to a subdirectory of itself, '{shown}'", names.0),
        Errno::IsDirectory => format!("cannot overwrite directory '{shown}' with non-directory"),
        Errno::NotDirectory => format!("cannot overwrite non-directory '{shown}' with directory '{}'", names.0),
        errno => format!("cannot move '{}' to '{shown}': {errno}", names.0),
    })
}
