//! `lsblk`: block devices and what is built upon them.

use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};

use super::super::options::Options;
use super::signature::Signature;
use crate::machine::Machine;
use crate::machine::program::{Call, Program, Reply};

/// `lsblk [-J|-P] [-b] [-n] [-d] [-p] [-o COLUMN,...] [DEVICE...]`
pub(crate) struct Lsblk;

impl Program for Lsblk {
    fn names(&self) -> &'static [&'static str] {
        &["lsblk"]
    }

    fn run<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Reply> {
        Box::pin(async move { call.on_machine(|machine| lsblk(machine, call.args, &call.kernel().spec.drbd_version)) })
    }
}

/// A block device: its path, what it is, and the device beneath it.
struct Block {
    device: String,
    kind: &'static str,
    parent: Option<String>,
}

fn lsblk(machine: &Machine, args: &[String], drbd_version: &str) -> Reply {
    let spec = [
        "J|json",
        "P|pairs",
        "b|bytes",
        "n|noheadings",
        "d|nodeps",
        "p|paths",
        "l|list",
        "r|raw",
        "o|output=",
        "a|all",
    ];
    let options = match Options::parse(args, &spec) {
        Ok(options) => options,
        Err(words) => return Reply::fail(1, format!("lsblk: {words}\n")),
    };
    let columns = options.value("o").unwrap_or("NAME,MAJ:MIN,RM,SIZE,RO,TYPE,MOUNTPOINTS");
    let columns: Vec<String> = columns.split(',').map(str::to_ascii_uppercase).collect();
    let blocks = blocks(machine);
    let mut roots = Vec::new();
    for operand in &options.operands {
        match blocks.iter().find(|block| block.device == machine.kernel_name(operand)) {
            Some(block) => roots.push(block),
            None => return Reply::fail(32, format!("lsblk: {operand}: not a block device\n")),
        }
    }
    if options.operands.is_empty() {
        roots = blocks.iter().filter(|block| block.parent.is_none()).collect();
    }
    let look = Look { machine, options: &options, columns: &columns, blocks: &blocks, drbd_version };
    if options.has("J") {
        let tree: Vec<Value> = roots.iter().map(|block| Value::Object(look.object(block))).collect();
        return Reply::ok(super::super::json::print(&json!({"blockdevices": tree})));
    }
    let mut listed = Vec::new();
    roots.iter().for_each(|block| look.list(block, &mut listed));
    let line = |block: &&Block| {
        let cells = columns.iter().map(|column| (column, look.cell(block, column)));
        let cell = |(column, value): (&String, String)| {
            if options.has("P") { format!("{column}=\"{value}\"") } else { value }
        };
        cells.map(cell).collect::<Vec<_>>().join(" ") + "\n"
    };
    let headings = if options.has("P") || options.has("n") { String::new() } else { columns.join(" ") + "\n" };
    Reply::ok(headings + &listed.iter().map(line).collect::<String>())
}

struct Look<'a> {
    machine: &'a Machine,
    options: &'a Options,
    columns: &'a [String],
    blocks: &'a [Block],
    drbd_version: &'a str,
}

impl<'a> Look<'a> {
    fn children(&self, block: &Block) -> impl Iterator<Item = &'a Block> {
        let parent = block.device.clone();
        let shown = !self.options.has("d");
        self.blocks.iter().filter(move |child| shown && child.parent.as_ref() == Some(&parent))
    }

    fn list(&self, block: &'a Block, into: &mut Vec<&'a Block>) {
        into.push(block);
        self.children(block).for_each(|child| self.list(child, into));
    }

    fn object(&self, block: &Block) -> Map<String, Value> {
        let mut object: Map<String, Value> = self
            .columns
            .iter()
            .map(|column| {
                let text = self.cell(block, column);
                let value = match column.as_str() {
                    "MOUNTPOINTS" => Value::Array(vec![if text.is_empty() { Value::Null } else { text.into() }]),
                    "RM" | "RO" => Value::Bool(text == "1"),
                    "SIZE" => text.parse::<u64>().map_or(Value::Null, Value::from),
                    _ if text.is_empty() => Value::Null,
                    _ => Value::String(text),
                };
                (column.to_ascii_lowercase(), value)
            })
            .collect();
        let children: Vec<Value> = self.children(block).map(|child| Value::Object(self.object(child))).collect();
        if !children.is_empty() {
            object.insert("children".to_owned(), Value::Array(children));
        }
        object
    }

    fn cell(&self, block: &Block, column: &str) -> String {
        let short =
            |device: &str| if self.options.has("p") { device } else { device.trim_start_matches("/dev/") }.to_owned();
        let disk = self.machine.disk(&block.device).ok();
        let signature = || Signature::of(self.machine, &block.device, self.drbd_version).ok().flatten();
        match column {
            "NAME" | "KNAME" => short(&block.device),
            "PKNAME" => block.parent.as_deref().map(short).unwrap_or_default(),
            "PATH" => block.device.clone(),
            "TYPE" => block.kind.to_owned(),
            "SIZE" => self.size(block).to_string(),
            "FSTYPE" => signature().map(|signature| signature.kind).unwrap_or_default(),
            "UUID" => signature().map(|signature| signature.uuid).unwrap_or_default(),
            "LABEL" => signature().map(|signature| signature.label).unwrap_or_default(),
            "PTTYPE" => signature().map(|signature| signature.table).unwrap_or_default(),
            "SERIAL" if block.parent.is_none() => disk.map(|disk| disk.serial.clone()).unwrap_or_default(),
            "RM" | "RO" => "0".to_owned(),
            "MOUNTPOINT" | "MOUNTPOINTS" => {
                let mounts = self.machine.mounts.iter();
                mounts
                    .filter(|mount| mount.source == block.device)
                    .map(|mount| mount.target.clone())
                    .next()
                    .unwrap_or_default()
            }
            _ => String::new(),
        }
    }

    /// A disk's size, also where the disk exists only as the parent of a partition.
    fn size(&self, block: &Block) -> u64 {
        let parts = || self.children(block).map(|part| self.size(part)).sum();
        self.machine.device_bytes(&block.device).unwrap_or_else(parts)
    }
}

/// All block devices. A disk appears by itself even if the world knows only its partition.
fn blocks(machine: &Machine) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    for device in machine.disks.keys() {
        let disk = device.trim_end_matches(|letter: char| letter.is_ascii_digit());
        let is_part = disk != device && !device.contains("nvme");
        if is_part && !blocks.iter().any(|block| block.device == disk) {
            blocks.push(Block { device: disk.to_owned(), kind: "disk", parent: None });
        }
        let kind = if is_part { "part" } else { "disk" };
        blocks.push(Block { device: device.clone(), kind, parent: is_part.then(|| disk.to_owned()) });
    }
    for resource in machine.drbd.values() {
        let disk = machine.kernel_name(&resource.disk);
        let parent = machine.attached_to(&disk).map(|_| disk);
        blocks.push(Block { device: resource.device.clone(), kind: "disk", parent });
    }
    blocks
}
