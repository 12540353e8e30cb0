//! `blkid`, `wipefs` (only looking) and `blockdev`: what is on a device, and whether it can be opened at all.

use futures_util::future::BoxFuture;

use super::super::options::Options;
use super::signature::Signature;
use crate::machine::program::{Call, Program, Reply};
use crate::machine::{Machine, OpenError};

/// `blkid [-p] [-o export|value|full] [-s TAG] DEVICE...`
pub(crate) struct Blkid;

impl Program for Blkid {
    fn names(&self) -> &'static [&'static str] {
        &["blkid"]
    }

    fn run<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Reply> {
        Box::pin(async move { call.on_machine(|machine| blkid(machine, call.args, &call.kernel().spec.drbd_version)) })
    }
}

fn blkid(machine: &Machine, args: &[String], drbd_version: &str) -> Reply {
    let options = match Options::parse(args, &["p|probe", "o|output=", "s|match-tag=", "c|cache-file="]) {
        Ok(options) => options,
        Err(words) => return Reply::fail(4, format!("blkid: {words}\n")),
    };
    let low_level = options.has("p");
    let (mut stdout, mut stderr) = (String::new(), String::new());
    for device in &options.operands {
        let found = match Signature::of(machine, device, drbd_version) {
            Ok(found) => found,
            // Of what is not there blkid says nothing but its exit code.
            Err(error @ OpenError::WrongMedium) if low_level => {
                stderr += &format!("blkid: error: {device}: {}\n", error.text());
                None
            }
            Err(_) => None,
        };
        let Some(signature) = found else { continue };
        let mut tags = signature.tags(low_level);
        if let Some(only) = options.value("s") {
            tags.retain(|(name, _)| *name == only);
        }
        match options.value("o") {
            Some("export") => {
                stdout += &format!("DEVNAME={device}\n");
                tags.iter().for_each(|(name, value)| stdout += &format!("{name}={value}\n"));
            }
            Some("value") => tags.iter().for_each(|(_, value)| stdout += &format!("{value}\n")),
            _ => {
                let tags = tags.iter().map(|(name, value)| format!(" {name}=\"{value}\"")).collect::<String>();
                stdout += &format!("{device}:{tags}\n");
            }
        }
    }
    let code = if stdout.is_empty() { 2 } else { 0 };
    Reply { code, stdout: stdout.into(), stderr: stderr.into() }
}

/// `wipefs -n DEVICE...`; wiping is refused: no module wipes.
pub(crate) struct Wipefs;

impl Program for Wipefs {
    fn names(&self) -> &'static [&'static str] {
        &["wipefs"]
    }

    fn run<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Reply> {
        Box::pin(async move { call.on_machine(|machine| wipefs(machine, call.args, &call.kernel().spec.drbd_version)) })
    }
}

fn wipefs(machine: &Machine, args: &[String], drbd_version: &str) -> Reply {
    let options = match Options::parse(args, &["n|no-act", "a|all", "f|force"]) {
        Ok(options) => options,
        Err(words) => return Reply::fail(1, format!("wipefs: {words}\n")),
    };
    if options.has("a") && !options.has("n") {
        return Reply::fail(1, "wipefs: error: erasing is not simulated\n");
    }
    let mut rows = Vec::new();
    for device in &options.operands {
        match Signature::of(machine, device, drbd_version) {
            Err(error) => {
                let text = format!("wipefs: error: {device}: probing initialization failed: {}\n", error.text());
                return Reply::fail(1, text);
            }
            Ok(None) => {}
            Ok(Some(found)) => {
                // DRBD's metadata is at the end of the disk; what is written through the device lies before it.
                let beneath = Signature::beneath(machine, device);
                for found in [Some(found), beneath].into_iter().flatten() {
                    let name = device.rsplit('/').next().unwrap_or(device).to_owned();
                    let kind = if found.table.is_empty() { found.kind } else { found.table };
                    rows.push([name, format!("{:#x}", found.offset), kind, found.uuid, found.label]);
                }
            }
        }
    }
    if rows.is_empty() {
        return Reply::ok("");
    }
    rows.insert(0, ["DEVICE", "OFFSET", "TYPE", "UUID", "LABEL"].map(str::to_owned));
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths = [0, 1, 2, 3].map(width);
    let line = |row: &[String; 5]| {
        let cells = widths.iter().zip(row).map(|(width, cell)| format!("{cell:width$} ")).collect::<String>();
        format!("{cells}{}\n", row[4])
    };
    Reply::ok(rows.iter().map(line).collect::<String>())
}

/// `blockdev --getsize64|--getro DEVICE`
pub(crate) struct Blockdev;

impl Program for Blockdev {
    fn names(&self) -> &'static [&'static str] {
        &["blockdev"]
    }

    fn run<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Reply> {
        Box::pin(async move { call.on_machine(|machine| blockdev(machine, call.args)) })
    }
}

fn blockdev(machine: &Machine, args: &[String]) -> Reply {
    let [question, device] = args else { return Reply::fail(1, "Usage: blockdev [-v|-q] commands devices\n") };
    match (machine.disk(device), question.as_str()) {
        (Err(error), _) => Reply::fail(1, format!("blockdev: cannot open {device}: {}\n", error.text())),
        (Ok(_), "--getsize64") => Reply::ok(format!("{}\n", machine.device_bytes(device).unwrap_or(0))),
        (Ok(_), "--getro") => Reply::ok("0\n"),
        (Ok(_), other) => Reply::fail(1, format!("blockdev: Unknown command: {other}\n")),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing;

    #[tokio::test(start_paused = true)]
    async fn devices_tell_what_they_carry() {
        let sandbox = testing::sandbox();
        let seen = testing::transcript(
            &sandbox,
            "worker01",
            &[
                "blkid -p -o export /dev/sdb1",
                "blkid -p -o export /dev/sdc",
                "blkid -p -o export /dev/sdq",
                "blkid -o value -s TYPE /dev/sda1",
                "wipefs -n /dev/sdb1",
                "wipefs -n /dev/sdc",
                "wipefs -n /dev/sdq",
                "blockdev --getsize64 /dev/sdc",
                "blockdev --getsize64 /dev/drbd0",
            ],
        );
        insta::assert_snapshot!(seen.await);
    }
}
