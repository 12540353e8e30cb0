//! `hostname` and `uname`: what a machine calls itself.

use cutover_engine::world::Place;
use futures_util::future::BoxFuture;

use crate::machine::program::{Call, Program, Reply};

/// `hostname` and `uname -n`
pub(crate) struct Hostname;

impl Program for Hostname {
    fn names(&self) -> &'static [&'static str] {
        &["hostname", "uname"]
    }

    fn run<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Reply> {
        let uname = call.command.argv.first().is_some_and(|name| name.ends_with("uname"));
        Box::pin(async move {
            if let Place::Pod { pod, .. } = call.place {
                return Reply::ok(format!("{pod}\n"));
            }
            call.on_machine(|machine| match (uname, call.args.first().map(String::as_str)) {
                (false, None) | (true, Some("-n")) => Reply::ok(format!("{}\n", machine.hostname)),
                (true, None | Some("-s")) => Reply::ok("Linux\n"),
                (true, Some("-r")) => Reply::ok("5.4.0-100-generic\n"),
                (true, Some("-m")) => Reply::ok("x86_64\n"),
                (_, Some(option)) => Reply::fail(1, format!("unsupported option '{option}'\n")),
            })
        })
    }
}
