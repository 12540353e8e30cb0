//! `dmesg`, `journalctl -k`: what the kernel has logged since it booted; `journalctl _TRANSPORT=kernel` and the modules' script
//! `cutover-drbd-log`: in earlier boots, too. Here only what DRBD says, and of that not every step.

use futures_util::future::BoxFuture;
use jiff::Timestamp;

use crate::machine::program::{Call, Program, Reply};
use crate::machine::{LogLine, Machine};

/// `dmesg [-t] [--level=LEVEL,...]`, `journalctl [--no-pager] [-o short-unix] -k|_TRANSPORT=kernel`, `cutover-drbd-log RESOURCE`
pub(crate) struct KernelLog;

impl Program for KernelLog {
    fn names(&self) -> &'static [&'static str] {
        &["dmesg", "journalctl", "cutover-drbd-log"]
    }

    fn run<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Reply> {
        let (starts, now) = (call.kernel().clock.starts, call.kernel().clock.now());
        Box::pin(async move {
            call.on_machine(|machine| {
                if call.command.script_name().is_some() {
                    return of_resource(machine, call.args, starts, now);
                }
                match call.command.argv.first().is_some_and(|name| name.ends_with("journalctl")) {
                    true => journal(machine, call.args),
                    false => dmesg(machine, call.args, starts),
                }
            })
        })
    }
}

fn dmesg(machine: &Machine, args: &[String], starts: Timestamp) -> Reply {
    let levels = args.iter().find_map(|arg| arg.strip_prefix("--level="));
    let bare = args.iter().any(|arg| arg == "-t" || arg == "--notime");
    let line = |line: &LogLine| match bare {
        true => format!("{}\n", line.text),
        false => format!("[{:>12.6}] {}\n", (line.at_ns - starts.as_nanosecond()) as f64 / 1e9, line.text),
    };
    let wanted = |line: &&LogLine| levels.is_none_or(|levels| levels.split(',').any(|level| level == line.level));
    Reply::ok(machine.kernel_log.iter().filter(wanted).map(line).collect::<String>())
}

/// The journal, of which there is only the kernel's part.
pub(super) fn journal(machine: &Machine, args: &[String]) -> Reply {
    let has = |names: &[&str]| args.iter().any(|arg| names.contains(&arg.as_str()));
    let boot = has(&["-k", "--dmesg"]);
    if !boot && !has(&["_TRANSPORT=kernel"]) {
        return Reply::fail(1, "journalctl: there is the kernel's journal only: use -k or _TRANSPORT=kernel\n");
    }
    let unix = has(&["short-unix", "--output=short-unix"]);
    let earlier = if boot { &[][..] } else { &machine.journal };
    let line = |line: &LogLine| format!("{} {} kernel: {}\n", stamp(line, unix), machine.hostname, line.text);
    Reply::ok(earlier.iter().chain(&machine.kernel_log).map(line).collect::<String>())
}

fn stamp(line: &LogLine, unix: bool) -> String {
    if unix {
        return format!("{}.{:06}", line.at_ns / 1_000_000_000, line.at_ns % 1_000_000_000 / 1000);
    }
    let at = Timestamp::from_nanosecond(line.at_ns);
    at.map(|at| at.strftime("%b %d %H:%M:%S").to_string()).unwrap_or_default()
}

/// What the script makes of the journal. A machine's journal begins with the world.
fn of_resource(machine: &Machine, args: &[String], starts: Timestamp, now: Timestamp) -> Reply {
    let about = format!(" drbd {}", args.first().map_or("", String::as_str));
    let lines = journal(machine, &["-o", "short-unix", "_TRANSPORT=kernel"].map(str::to_owned)).stdout;
    let lines = String::from_utf8_lossy(&lines).into_owned();
    let mut text = format!("now {}\nbegins {}\n", now.as_second(), starts.as_second());
    for line in lines.lines().filter(|line| line.contains(&about) && line.contains("conn( ")) {
        text += &format!("{line}\n");
    }
    Reply::ok(text)
}
