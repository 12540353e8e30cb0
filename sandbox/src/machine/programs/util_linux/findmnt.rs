//! `findmnt`: what is mounted where.

use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};

use super::super::options::Options;
use super::super::words::inside;
use super::signature::Signature;
use crate::machine::program::{Call, Program, Reply};
use crate::machine::{Machine, Mount};

/// `findmnt [-J|-P] [-n] [-l] [-o COLUMN,...] [-M DIRECTORY | -T PATH | -S DEVICE | DEVICE | DIRECTORY]`
pub(crate) struct Findmnt;

impl Program for Findmnt {
    fn names(&self) -> &'static [&'static str] {
        &["findmnt"]
    }

    fn run<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Reply> {
        Box::pin(
            async move { call.on_machine(|machine| findmnt(machine, call.args, &call.kernel().spec.drbd_version)) },
        )
    }
}

fn findmnt(machine: &Machine, args: &[String], drbd_version: &str) -> Reply {
    let spec = [
        "J|json",
        "P|pairs",
        "n|noheadings",
        "l|list",
        "r|raw",
        "o|output=",
        "M|mountpoint=",
        "T|target=",
        "S|source=",
        "k|kernel",
        "v|nofsroot",
        "b|bytes",
    ];
    let options = match Options::parse(args, &spec) {
        Ok(options) => options,
        Err(words) => return Reply::fail(1, format!("findmnt: {words}\n")),
    };
    let columns = options.value("o").unwrap_or("TARGET,SOURCE,FSTYPE,OPTIONS");
    let columns: Vec<String> = columns.split(',').map(str::to_ascii_uppercase).collect();
    let all = select(machine, &options);
    if all.is_empty() {
        return Reply::fail(1, "");
    }
    let row = |mount: &Mount| {
        let cell = |column: &String| (column.clone(), cell(machine, mount, column, drbd_version));
        columns.iter().map(cell).collect::<Vec<_>>()
    };
    if options.has("J") {
        let objects = if options.operands.is_empty() && !options.has("l") && all.len() > 1 {
            tree(&all, &row, None)
        } else {
            all.iter().map(|mount| Value::Object(object(&row(mount)))).collect()
        };
        return Reply::ok(super::super::json::print(&json!({"filesystems": objects})));
    }
    let lines: Vec<_> = all.iter().map(|mount| row(mount)).collect();
    if options.has("P") {
        let pairs = |row: &Vec<(String, String)>| {
            let pairs = row.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect::<Vec<_>>();
            pairs.join(" ") + "\n"
        };
        return Reply::ok(lines.iter().map(pairs).collect::<String>());
    }
    let cells: Vec<Vec<&str>> = lines.iter().map(|row| row.iter().map(|(_, value)| value.as_str()).collect()).collect();
    let headings = columns.iter().map(String::as_str).collect();
    let rows: Vec<Vec<&str>> = (!options.has("n")).then_some(headings).into_iter().chain(cells).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let line = |row: &Vec<&str>| {
        let padded = row.iter().enumerate().map(|(column, cell)| format!("{cell:0$}", width(column)));
        padded.collect::<Vec<_>>().join(" ").trim_end().to_owned() + "\n"
    };
    Reply::ok(rows.iter().map(line).collect::<String>())
}

fn select<'a>(machine: &'a Machine, options: &Options) -> Vec<&'a Mount> {
    let real = |path: &str| machine.real_path(path).unwrap_or_else(|_| path.to_owned());
    if let Some(path) = options.value("T") {
        return machine.path_mount(path).into_iter().collect();
    }
    let wanted = |mount: &&Mount| {
        let at = |path: &str| mount.target == real(path);
        let from = |device: &str| mount.source == machine.kernel_name(device);
        options.value("M").is_none_or(at)
            && options.value("S").is_none_or(from)
            && options.operands.iter().all(|operand| at(operand) || from(operand))
    };
    machine.mounts.iter().filter(wanted).collect()
}

fn cell(machine: &Machine, mount: &Mount, column: &str, drbd_version: &str) -> String {
    let signature = || {
        let mut tags = Signature::of(machine, &mount.source, drbd_version).ok().flatten();
        // What is mounted was a file system when it was mounted, whatever role the device has now.
        tags.take_if(|signature| signature.usage == "filesystem")
    };
    match column {
        "TARGET" => mount.target.clone(),
        "SOURCE" => mount.source.clone(),
        "OPTIONS" => mount.options.clone(),
        "FSROOT" => "/".to_owned(),
        "FSTYPE" => signature().map_or_else(|| "ext4".to_owned(), |signature| signature.kind),
        "UUID" => signature().map_or_else(String::new, |signature| signature.uuid),
        "LABEL" => signature().map_or_else(String::new, |signature| signature.label),
        "SIZE" => machine.device_bytes(&mount.source).map_or_else(String::new, |bytes| bytes.to_string()),
        _ => String::new(),
    }
}

fn object(row: &[(String, String)]) -> Map<String, Value> {
    let value = |value: &String| if value.is_empty() { Value::Null } else { Value::String(value.clone()) };
    row.iter().map(|(name, text)| (name.to_ascii_lowercase(), value(text))).collect()
}

/// The mounts as a tree: each beneath the one its directory lies on.
fn tree(all: &[&Mount], row: &dyn Fn(&Mount) -> Vec<(String, String)>, parent: Option<usize>) -> Vec<Value> {
    let parent_of = |index: usize| {
        let above = all.iter().enumerate().take(index).filter(|(_, mount)| inside(&all[index].target, &mount.target));
        above.max_by_key(|(at, mount)| (mount.target.len(), *at)).map(|(at, _)| at)
    };
    let children = (0..all.len()).filter(|index| parent_of(*index) == parent);
    children
        .map(|index| {
            let mut object = object(&row(all[index]));
            let below = tree(all, row, Some(index));
            if !below.is_empty() {
                object.insert("children".to_owned(), Value::Array(below));
            }
            Value::Object(object)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::testing;

    #[tokio::test(start_paused = true)]
    async fn a_mount_is_seen_and_ends() {
        let sandbox = testing::sandbox();
        let seen = testing::transcript(
            &sandbox,
            "worker01",
            &[
                "mount /dev/sdc /mnt",
                "mkfs.ext4 -q /dev/sdc",
                "mount /dev/sdc /mnt",
                "mount /dev/sdc /mnt",
                "mkfs.ext4 -q /dev/sdc",
                "mount -t ext4 /dev/sdc /nowhere",
                "mount -t ext4 /dev/sdq /mnt",
                "findmnt -J /mnt",
                "findmnt -P -o TARGET,SOURCE,FSTYPE,OPTIONS",
                "findmnt -no SOURCE,FSTYPE /mnt",
                "findmnt -J",
                "lsblk -J -b",
                "lsblk -P -b -o NAME,PKNAME,TYPE,SIZE,MOUNTPOINT /dev/sdc",
                "df -B1 --output=avail,target /mnt",
                "umount /mnt",
                "umount /mnt",
                "findmnt /mnt",
                "mountpoint /data/vmdata/hpvolumes",
            ],
        );
        insta::assert_snapshot!(seen.await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_mount_in_use_stays() {
        let sandbox = testing::sandbox();
        sandbox.clusters.hosts.with_machine(&cutover_engine::world::Place::node("primary", "worker01"), |machine| {
            machine.holders.insert("/data/vmdata/hpvolumes/pvc-1".to_owned(), "etcd".to_owned());
        });
        let seen = testing::transcript(
            &sandbox,
            "worker01",
            &["umount /data/vmdata/hpvolumes", "fuser -vm /data/vmdata/hpvolumes", "fuser -m /mnt", "umount /"],
        );
        insta::assert_snapshot!(seen.await);
    }
}
