//! `drbdsetup`: looking at the kernel's resources. What changes them goes through drbdadm.

use futures_util::future::BoxFuture;

use super::view::View;
use super::{Session, events, json, more, session, status};
use crate::machine::drbd::End;
use crate::machine::program::{Call, Program, Reply};

/// What 8.4's drbdsetup prints after an option that it does not know.
const USAGE_84: &str = include_str!("drbdsetup-84.usage");

/// `drbdsetup status [RESOURCE] [--json]` and `drbdsetup events2 --now [--statistics] [RESOURCE]`
pub(crate) struct Drbdsetup;

impl Program for Drbdsetup {
    fn names(&self) -> &'static [&'static str] {
        &["drbdsetup"]
    }

    fn run<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            let Some(machine) = call.machine() else {
                return Reply::fail(127, "sh: 1: drbdsetup: not found\n");
            };
            session(call.world, machine, |session| run(session, call.args))
        })
    }
}

/// Runs a command line.
pub(super) fn run(session: &mut Session<'_>, args: &[String]) -> i32 {
    let (options, words): (Vec<&str>, Vec<&str>) =
        args.iter().map(String::as_str).partition(|arg| arg.starts_with('-'));
    let known = |option: &&&str| ["--json", "--now", "--statistics"].contains(option);
    if let Some(option) = options.iter().find(|option| !known(option)) {
        session.stderr += &format!("drbdsetup: the sandbox lacks drbdsetup:{option}: `{option}` of drbdsetup\n");
        return 20;
    }
    let has = |option| options.contains(&option);
    let (verb, name) = match words.as_slice() {
        [verb] | [verb, "all"] => (*verb, None),
        [verb, name] => (*verb, Some(*name)),
        _ => ("", None),
    };
    match verb {
        "status" if !has("--statistics") => self::status(session, name, has("--json")),
        "show" if options.is_empty() && !session.legacy && name.is_some() => {
            let end = session.end(name.unwrap_or_default());
            match more::show(session, &end) {
                Some(text) => {
                    session.stdout += &text;
                    0
                }
                None => {
                    session.stderr += &format!("{}: No such resource\n", end.1);
                    10
                }
            }
        }
        "events2" if has("--now") => {
            let text = events::print(&views(session, name), has("--statistics"));
            session.stdout += &text;
            0
        }
        _ => {
            session.stderr += &format!(
                "drbdsetup: the sandbox lacks drbdsetup:{}: `{}` of drbdsetup\n",
                args.first().map(String::as_str).unwrap_or_default(),
                args.join(" ")
            );
            20
        }
    }
}

/// `drbdsetup status`
pub(super) fn status(session: &mut Session<'_>, name: Option<&str>, as_json: bool) -> i32 {
    if as_json && session.legacy {
        session.stderr += &format!("status: unrecognized option '--json'\n{USAGE_84}");
        return 20;
    }
    let views = views(session, name);
    let found = !views.is_empty();
    let text = if as_json { json::print(&views) } else { views.iter().map(status::print).collect() };
    let none_at_all = session.state.get(session.machine).is_none_or(|machine| machine.drbd.is_empty());
    if none_at_all && !as_json && !session.legacy {
        session.stdout += "# No currently configured DRBD found.\n";
    }
    session.stdout += &text;
    match name {
        Some(name) if !found => {
            session.stderr += &format!("{name}: No such resource\n");
            10
        }
        _ => 0,
    }
}

fn views<'a>(session: &'a Session<'_>, name: Option<&str>) -> Vec<View<'a>> {
    let resources = session.state.get(session.machine).map(|machine| machine.drbd.keys()).into_iter().flatten();
    let wanted = resources.filter(|own| name.is_none_or(|name| *own == name));
    let ends: Vec<End> = wanted.map(|own| session.end(own)).collect();
    ends.iter().filter_map(|end| View::of(session.state, end)).collect()
}
