//! `df`: how full file systems are.

use futures_util::future::BoxFuture;

use super::super::options::Options;
use crate::machine::Machine;
use crate::machine::program::{Call, Program, Reply};

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
        let filesystem = machine.filesystem(spot.mount).ok();
        let (size, used) = filesystem.map_or((0, 0), |filesystem| (filesystem.bytes, filesystem.used()));
        let (inodes, free) =
            filesystem.map_or((0, 0), |filesystem| (filesystem.all_inodes(), filesystem.free_inodes()));
        let cell = |column: &&str| match *column {
            "source" => mount.source.clone(),
            "target" => mount.target.clone(),
            "size" => (size / unit).to_string(),
            "used" => used.div_ceil(unit).to_string(),
            "avail" => (size.saturating_sub(used) / unit).to_string(),
            "itotal" => inodes.to_string(),
            "iused" => inodes.saturating_sub(free).to_string(),
            "iavail" => free.to_string(),
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
        "itotal" => "Inodes".to_owned(),
        "iused" => "IUsed".to_owned(),
        "iavail" => "IFree".to_owned(),
        other => other.to_owned(),
    }
}
