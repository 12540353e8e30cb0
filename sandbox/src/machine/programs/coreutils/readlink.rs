//! `readlink`: where symbolic links lead.

use futures_util::future::BoxFuture;

use super::super::options::Options;
use crate::machine::Machine;
use crate::machine::program::{Call, Program, Reply};

/// `readlink [-f|-e] PATH...`: also through udev's links under `/dev`.
pub(crate) struct Readlink;

impl Program for Readlink {
    fn names(&self) -> &'static [&'static str] {
        &["readlink"]
    }

    fn run<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Reply> {
        Box::pin(async move { call.on_machine(|machine| readlink(machine, call.args)) })
    }
}

fn readlink(machine: &Machine, args: &[String]) -> Reply {
    let options = match Options::parse(
        args,
        &["f|canonicalize", "e|canonicalize-existing", "m|canonicalize-missing", "n|no-newline"],
    ) {
        Ok(options) => options,
        Err(words) => return Reply::fail(1, format!("readlink: {words}\n")),
    };
    let mut stdout = String::new();
    let mut code = 0;
    let canonical = ["f", "e", "m"].iter().any(|option| options.has(option));
    for path in &options.operands {
        if !canonical {
            match machine.lstat(path).ok().and_then(|stat| stat.link) {
                Some(target) => stdout += &format!("{target}\n"),
                None => code = 1,
            }
            continue;
        }
        let kernel_name = machine.kernel_name(path);
        let parent = || {
            let (dir, name) = path.rsplit_once('/')?;
            let dir = machine.real_path(if dir.is_empty() { "/" } else { dir }).ok()?;
            Some(format!("{}/{name}", dir.trim_end_matches('/')))
        };
        let real = match machine.real_path(path) {
            Ok(real) => Some(real),
            Err(_) if kernel_name.starts_with("/dev/") => Some(kernel_name),
            Err(_) if options.has("f") => parent(),
            Err(_) => None,
        };
        match real {
            Some(real) => stdout += &format!("{real}\n"),
            None => code = 1,
        }
    }
    Reply { code, stdout: stdout.into(), stderr: Vec::new() }
}
