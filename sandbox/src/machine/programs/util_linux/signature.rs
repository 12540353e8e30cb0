//! What libblkid finds on a device: the tags that blkid, wipefs, lsblk and findmnt print.

use crate::machine::drbd::Layout;
use crate::machine::{BlockContent, Disk, Machine, OpenError};

/// What is recognised on a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signature {
    /// `ext4`, `drbd`, `LVM2_member`; empty for a bare partition table.
    pub(crate) kind: String,
    /// The UUID, if the format has one.
    pub(crate) uuid: String,
    /// The label, if there is one.
    pub(crate) label: String,
    /// The format's version, as `blkid -p` prints it.
    pub(crate) version: &'static str,
    /// The block size in bytes; 0 if the format has none.
    pub(crate) block_size: u64,
    /// `filesystem`, `raid`; empty for a bare partition table.
    pub(crate) usage: &'static str,
    /// `dos` or `gpt` for a partition table.
    pub(crate) table: String,
    /// Where the magic string is, in bytes from the start.
    pub(crate) offset: u64,
}

impl Signature {
    /// Looks at a device as a program does that opens it.
    ///
    /// # Errors
    /// Says why the device cannot be opened.
    pub(crate) fn of(machine: &Machine, device: &str, drbd_version: &str) -> Result<Option<Self>, OpenError> {
        let disk = machine.disk(device)?;
        let raw = machine.disks.contains_key(&machine.kernel_name(device));
        Ok(Self::on(disk, raw, drbd_version))
    }

    /// What lies before DRBD's metadata on a disk; nothing on a disk without metadata, or seen through the DRBD device.
    pub(crate) fn beneath(machine: &Machine, device: &str) -> Option<Self> {
        let disk = machine.disks.get(&machine.kernel_name(device)).filter(|disk| disk.metadata.is_some())?;
        Self::on(disk, false, "")
    }

    /// `raw`: the disk itself is looked at, not the DRBD device over it, so DRBD's metadata at its end shows.
    fn on(disk: &Disk, raw: bool, drbd_version: &str) -> Option<Self> {
        let blank = Self {
            kind: String::new(),
            uuid: String::new(),
            label: String::new(),
            version: "",
            block_size: 0,
            usage: "",
            table: String::new(),
            offset: 0,
        };
        if raw && let Some(metadata) = &disk.metadata {
            let version = if drbd_version.starts_with("8.") { "v08" } else { "v09" };
            // The kernel sets the identifier of the disk when it first attaches it.
            let uuid = if metadata.device_uuid == 0 { String::new() } else { format!("{:x}", metadata.device_uuid) };
            let offset = Layout::of(disk.bytes).superblock + 60;
            return Some(Self { kind: "drbd".to_owned(), uuid, version, usage: "raid", offset, ..blank });
        }
        match &disk.content {
            // Real disks are looked at with real programs.
            BlockContent::Blank | BlockContent::Real(_) => None,
            BlockContent::Filesystem(filesystem) => Some(Self {
                kind: filesystem.kind.clone(),
                uuid: filesystem.uuid.clone(),
                label: filesystem.label.clone(),
                version: if filesystem.kind == "ext4" { "1.0" } else { "" },
                block_size: match filesystem.kind.as_str() {
                    "xfs" => 512,
                    // What mke2fs.conf calls small.
                    _ if filesystem.bytes < 512 << 20 => 1024,
                    _ => 4096,
                },
                usage: "filesystem",
                offset: if filesystem.kind == "xfs" { 0 } else { 0x438 },
                ..blank
            }),
            BlockContent::Signature(table) if table == "dos" || table == "gpt" => {
                Some(Self { table: table.clone(), offset: if table == "dos" { 0x1fe } else { 0x200 }, ..blank })
            }
            BlockContent::Signature(kind) => {
                Some(Self { kind: kind.clone(), usage: "raid", offset: 0x218, version: "LVM2 001", ..blank })
            }
        }
    }

    /// The tags in the order in which blkid prints them. `low_level`: with what only `blkid -p` prints.
    pub(crate) fn tags(&self, low_level: bool) -> Vec<(&'static str, String)> {
        let block_size = if self.block_size == 0 { String::new() } else { self.block_size.to_string() };
        let only_low = |value: &str| if low_level { value.to_owned() } else { String::new() };
        let tags = [
            ("LABEL", self.label.clone()),
            ("UUID", self.uuid.clone()),
            ("VERSION", only_low(self.version)),
            ("BLOCK_SIZE", block_size),
            ("TYPE", self.kind.clone()),
            ("USAGE", only_low(self.usage)),
            ("PTTYPE", self.table.clone()),
        ];
        tags.into_iter().filter(|(_, value)| !value.is_empty()).collect()
    }
}
