//! `dmesg` and `journalctl -k`: what the kernel has logged since it booted; here only what DRBD says at level `alert`.

use futures_util::future::BoxFuture;

use crate::machine::{LogLine, Machine};
use crate::program::{Call, Program, Reply};

/// `dmesg [-t] [--level=LEVEL,...]` and `journalctl -k [...]`
pub(crate) struct KernelLog;

impl Program for KernelLog {
    fn names(&self) -> &'static [&'static str] {
        &["dmesg", "journalctl"]
    }

    fn run<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Reply> {
        let journal = call.command.argv.first().is_some_and(|name| name.ends_with("journalctl"));
        let starts = call.sim.starts.as_nanosecond();
        Box::pin(async move { call.on_machine(|machine| show(machine, call.args, journal, starts)) })
    }
}

fn show(machine: &Machine, args: &[String], journal: bool, starts: i128) -> Reply {
    if journal && !args.iter().any(|arg| arg == "-k" || arg == "--dmesg") {
        return Reply::fail(1, "journalctl: the sandbox keeps the kernel's journal only: use -k\n");
    }
    let levels = args.iter().find_map(|arg| arg.strip_prefix("--level="));
    let bare = args.iter().any(|arg| arg == "-t" || arg == "--notime");
    let line = |line: &LogLine| {
        let stamp = jiff::Timestamp::from_nanosecond(line.at_ns).map(|at| at.strftime("%b %d %H:%M:%S").to_string());
        match (journal, bare) {
            (true, _) => format!("{} {} kernel: {}\n", stamp.unwrap_or_default(), machine.hostname, line.text),
            (false, true) => format!("{}\n", line.text),
            (false, false) => format!("[{:>12.6}] {}\n", (line.at_ns - starts) as f64 / 1e9, line.text),
        }
    };
    let wanted = |line: &&LogLine| levels.is_none_or(|levels| levels.split(',').any(|level| level == line.level));
    Reply::ok(machine.kernel_log.iter().filter(wanted).map(line).collect::<String>())
}
