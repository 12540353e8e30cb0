//! `cmp`, as far as it tells a blank device from one with something on it.

use futures_util::future::BoxFuture;

use super::options::Options;
use crate::machine::Machine;
use crate::machine::program::{Call, Program, Reply};

/// `cmp -s -n BYTES /dev/zero DEVICE`: whether a device begins with nothing. What has a signature does not.
pub(crate) struct Cmp;

impl Program for Cmp {
    fn names(&self) -> &'static [&'static str] {
        &["cmp"]
    }

    fn run<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Reply> {
        Box::pin(async move { call.on_machine(|machine| cmp(machine, call.args)) })
    }
}

fn cmp(machine: &Machine, args: &[String]) -> Reply {
    let options = match Options::parse(args, &["s|quiet", "n|bytes="]) {
        Ok(options) => options,
        Err(words) => return Reply::fail(2, format!("cmp: {words}\n")),
    };
    let [zero, device] = options.operands.as_slice() else { return Reply::fail(2, "cmp: two files, please\n") };
    if zero != "/dev/zero" || !options.has("s") {
        return Reply::fail(2, "cmp: only a silent comparison with /dev/zero is simulated\n");
    }
    match machine.disk(device) {
        Ok(disk) => Reply { code: i32::from(!disk.content.kind().is_empty()), ..Reply::default() },
        // `-s` keeps it from saying why, too.
        Err(_) => Reply::fail(2, ""),
    }
}
