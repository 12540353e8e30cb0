//! `systemctl`: units by their files in `/etc/systemd/system`, enabled and active. Not what they do at boot.

use futures_util::future::BoxFuture;

use super::options::Options;
use crate::machine::Machine;
use crate::machine::program::{Call, Program, Reply};

/// Where the modules put unit files.
const UNITS: &str = "/etc/systemd/system";

/// drbd-utils' own units, one instance for each resource.
const DRBD_UNIT: &str = "drbd@";

/// `systemctl daemon-reload|enable|disable|is-enabled|is-active|start|stop [UNIT...]`
pub(crate) struct Systemctl;

impl Program for Systemctl {
    fn names(&self) -> &'static [&'static str] {
        &["systemctl"]
    }

    fn run<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Reply> {
        Box::pin(async move { call.on_machine(|machine| systemctl(machine, call.args)) })
    }
}

fn systemctl(machine: &mut Machine, args: &[String]) -> Reply {
    let options = match Options::parse(args, &["q|quiet", "now", "no-pager"]) {
        Ok(options) => options,
        Err(words) => return Reply::fail(1, format!("systemctl: {words}\n")),
    };
    let Some((verb, units)) = options.operands.split_first() else { return Reply::fail(1, "No verb given.\n") };
    let known = |machine: &Machine, unit: &String| {
        unit.starts_with(DRBD_UNIT)
            || machine.exists(&format!("{UNITS}/{unit}"))
            || machine.enabled_units.contains(unit)
            || machine.active_units.contains(unit)
    };
    let missing = units.iter().find(|unit| !known(machine, unit));
    let say = |word: &str| if options.has("q") { String::new() } else { format!("{word}\n") };
    match (verb.as_str(), missing) {
        ("daemon-reload", _) => Reply::ok(""),
        ("is-enabled", Some(unit)) => {
            Reply::fail(1, format!("Failed to get unit file state for {unit}: No such file or directory\n"))
        }
        ("is-enabled", None) => {
            let on = |unit: &String| machine.enabled_units.contains(unit);
            let words = units.iter().map(|unit| say(if on(unit) { "enabled" } else { "disabled" })).collect::<String>();
            Reply { code: i32::from(!units.iter().any(on)), ..Reply::ok(words) }
        }
        ("is-active", _) => {
            let on = |unit: &String| machine.active_units.contains(unit);
            let words = units.iter().map(|unit| say(if on(unit) { "active" } else { "inactive" })).collect::<String>();
            Reply { code: if units.iter().any(on) { 0 } else { 3 }, ..Reply::ok(words) }
        }
        ("enable" | "disable", Some(unit)) => {
            Reply::fail(1, format!("Failed to {verb} unit: Unit file {unit} does not exist.\n"))
        }
        ("enable", None) => {
            let link =
                |unit: &String| format!("Created symlink {UNITS}/multi-user.target.wants/{unit} → {UNITS}/{unit}.\n");
            let new = units.iter().filter(|unit| !machine.enabled_units.contains(*unit)).map(link).collect::<String>();
            machine.enabled_units.extend(units.iter().cloned());
            Reply { stderr: new.into(), ..Reply::default() }
        }
        ("disable", None) => {
            let gone = units.iter().filter(|unit| machine.enabled_units.remove(*unit));
            let text =
                gone.map(|unit| format!("Removed {UNITS}/multi-user.target.wants/{unit}.\n")).collect::<String>();
            Reply { stderr: text.into(), ..Reply::default() }
        }
        ("start" | "stop" | "restart", Some(unit)) => {
            Reply::fail(5, format!("Failed to {verb} {unit}: Unit {unit} not found.\n"))
        }
        ("stop", None) => {
            units.iter().for_each(|unit| {
                machine.active_units.remove(unit);
            });
            Reply::ok("")
        }
        ("start" | "restart", None) => {
            machine.active_units.extend(units.iter().cloned());
            Reply::ok("")
        }
        (other, _) => Reply::fail(1, format!("Unknown command verb {other}.\n")),
    }
}
