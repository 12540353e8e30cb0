//! Small questions to a machine: `hostname`, `df`, `lsattr`, `readlink`.

use cutover_engine::world::Place;
use futures_util::future::BoxFuture;

use super::options::Options;
use crate::machine::Machine;
use crate::program::{Call, Program, Reply};

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

/// `df -B1 [--output=COLUMN,...] PATH...`
pub(crate) struct Df;

impl Program for Df {
    fn names(&self) -> &'static [&'static str] {
        &["df"]
    }

    fn run<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Reply> {
        Box::pin(async move { call.on_machine(|machine| df(machine, call.args)) })
    }
}

fn df(machine: &Machine, args: &[String]) -> Reply {
    let options = match Options::parse(args, &["B|block-size=", "output=", "P|portability"]) {
        Ok(options) => options,
        Err(words) => return Reply::fail(1, format!("df: {words}\n")),
    };
    let unit: u64 = options.number("B").unwrap_or(1024);
    let columns: Vec<&str> =
        options.value("output").unwrap_or("source,size,used,avail,pcent,target").split(',').collect();
    let mut rows = vec![columns.iter().map(|column| heading(column, unit)).collect::<Vec<_>>()];
    let mut stderr = String::new();
    for path in &options.operands {
        let (Ok(mount), Ok(spot)) = (machine.path_mount(path), machine.resolve(path, crate::machine::Follow::Yes))
        else {
            stderr += &format!("df: {path}: No such file or directory\n");
            continue;
        };
        let (size, used) =
            machine.filesystem(spot.mount).map_or((0, 0), |filesystem| (filesystem.bytes, filesystem.used()));
        let cell = |column: &&str| match *column {
            "source" => mount.source.clone(),
            "target" => mount.target.clone(),
            "size" => (size / unit).to_string(),
            "used" => used.div_ceil(unit).to_string(),
            "avail" => (size.saturating_sub(used) / unit).to_string(),
            "pcent" => format!("{}%", used * 100 / size.max(1)),
            _ => "-".to_owned(),
        };
        rows.push(columns.iter().map(cell).collect());
    }
    if rows.len() == 1 {
        return Reply::fail(1, stderr);
    }
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let line = |row: &Vec<String>| {
        let cells = row.iter().enumerate().map(|(column, cell)| match columns[column] {
            "source" | "target" => format!("{cell:0$}", width(column)),
            _ => format!("{cell:>0$}", width(column)),
        });
        cells.collect::<Vec<_>>().join(" ").trim_end().to_owned() + "\n"
    };
    let stdout = rows.iter().map(line).collect::<String>();
    Reply { code: i32::from(!stderr.is_empty()), stdout: stdout.into(), stderr: stderr.into() }
}

fn heading(column: &str, unit: u64) -> String {
    match column {
        "source" => "Filesystem".to_owned(),
        "target" => "Mounted on".to_owned(),
        "size" if unit == 1 => "1B-blocks".to_owned(),
        "size" => "1K-blocks".to_owned(),
        "used" => "Used".to_owned(),
        "avail" => "Avail".to_owned(),
        "pcent" => "Use%".to_owned(),
        other => other.to_owned(),
    }
}

/// `lsattr -d PATH...`
pub(crate) struct Lsattr;

impl Program for Lsattr {
    fn names(&self) -> &'static [&'static str] {
        &["lsattr"]
    }

    fn run<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            let paths = call.args.iter().filter(|arg| !arg.starts_with('-'));
            call.on_machine(|machine| {
                let (mut stdout, mut stderr) = (String::new(), String::new());
                for path in paths {
                    match machine.stat(path) {
                        Ok(stat) => {
                            let immutable = if stat.immutable { 'i' } else { '-' };
                            stdout += &format!("----{immutable}---------e------- {path}\n");
                        }
                        Err(errno) => stderr += &format!("lsattr: {errno} while trying to stat {path}\n"),
                    }
                }
                Reply { code: i32::from(!stderr.is_empty()), stdout: stdout.into(), stderr: stderr.into() }
            })
        })
    }
}

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
