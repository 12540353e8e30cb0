//! DRBD's metadata at the end of a backing disk: where it lies, and what it remembers over a crash.

use serde::{Deserialize, Serialize};

use super::content::BlockContent;

/// The current generation of a disk whose metadata was just created.
pub(crate) const JUST_CREATED: u64 = 4;

/// The metadata on a backing disk.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Metadata {
    /// The generation identifiers: current, bitmap, two of history. The lowest bit is always clear here; the tools show
    /// it set in the current one while the node is Primary.
    pub(crate) generations: [u64; 4],
    /// The data is consistent: it was so at some point in time.
    pub(crate) consistent: bool,
    /// The data was or is up to date.
    pub(crate) up_to_date: bool,
    /// The node is Primary, or was when it lost its kernel.
    pub(crate) primary: bool,
    /// The node was a Primary when it crashed, and has not seen its peer since.
    pub(crate) crashed: bool,
    /// The node is connected, or was when it lost its kernel.
    pub(crate) connected: bool,
    /// The activity log was applied: the disk can be attached.
    pub(crate) clean: bool,
    /// The whole disk has to be resynchronised.
    pub(crate) full_sync: bool,
    /// The peer was seen with a disk.
    pub(crate) seen: bool,
    /// What the bitmap marks as out of sync, in KiB, what was written since the peer was lost left out.
    pub(crate) marked_kib: u64,
    /// The content when the peer was lost: what differs from it now is out of sync.
    pub(crate) base: Option<BlockContent>,
    /// The size that both sides agreed on, in KiB; none before they first met.
    pub(crate) agreed_kib: Option<u64>,
    /// Identifies the disk; none before it was first attached.
    pub(crate) device_uuid: u64,
}

impl Metadata {
    /// What `create-md` writes.
    pub(crate) fn new() -> Self {
        Self {
            generations: [JUST_CREATED, 0, 0, 0],
            consistent: false,
            up_to_date: false,
            primary: false,
            crashed: false,
            connected: false,
            clean: true,
            full_sync: true,
            seen: false,
            marked_kib: 0,
            base: None,
            agreed_kib: None,
            device_uuid: 0,
        }
    }

    /// The current generation.
    pub(crate) fn current(&self) -> u64 {
        self.generations[0]
    }

    /// The generation that the bitmap counts from; 0 if the peer has all that this disk has.
    pub(crate) fn bitmap(&self) -> u64 {
        self.generations[1]
    }

    /// Begins a new generation: from here on the bitmap counts what the peer misses. `content` is what the peer has.
    /// `legacy`: 8.4 keeps even the generation of just created metadata.
    pub(crate) fn begin_generation(&mut self, uuid: u64, content: &BlockContent, legacy: bool) {
        let old = self.generations[0];
        if self.generations[1] == 0 && (old != JUST_CREATED || legacy) {
            self.generations[1] = old;
            self.base = Some(content.clone());
        }
        self.generations[0] = uuid;
    }

    /// Puts a generation into the history.
    pub(crate) fn remember(&mut self, uuid: u64) {
        (self.generations[2], self.generations[3]) = (uuid, self.generations[2]);
    }

    /// Ends what the bitmap counted: the peer has everything. A former current generation goes into the history; the
    /// marker of a full resync takes the newest place there.
    pub(crate) fn clear_bitmap(&mut self, full_sync_uuid: Option<u64>) {
        match (full_sync_uuid, self.generations[1]) {
            (Some(uuid), _) => self.generations[2] = uuid,
            (None, 0) => {}
            (None, bitmap) => self.remember(bitmap),
        }
        self.generations[1] = 0;
        self.base = None;
        self.marked_kib = 0;
        self.full_sync = false;
    }

    /// What is out of sync with the peer, in KiB, out of a device of a size.
    pub(crate) fn out_of_sync(&self, content: &BlockContent, size_kib: u64) -> u64 {
        let written = self.base.as_ref().map_or(0, |base| difference_kib(base, content));
        (self.marked_kib + written).min(size_kib)
    }
}

/// What differs between two contents of a device, in KiB: inodes that are new or changed with what they take on disk.
pub(crate) fn difference_kib(old: &BlockContent, new: &BlockContent) -> u64 {
    match (old, new) {
        _ if old.same(new) => 0,
        (BlockContent::Filesystem(old), BlockContent::Filesystem(new)) if old.uuid == new.uuid => {
            let changed = new.inodes.iter().filter(|(ino, inode)| old.inodes.get(ino) != Some(inode));
            changed.map(|(_, inode)| (crate::machine::allocated(inode) + 4096) / 1024).sum()
        }
        (BlockContent::Real(old), BlockContent::Real(new)) => new.difference_kib(old),
        (_, BlockContent::Filesystem(new)) => (new.bytes / 128 + new.used()) / 1024,
        _ => 4,
    }
}

/// Where internal metadata lies on a disk: bitmap, activity log and superblock at its end, as drbdmeta places them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    /// The superblock, in bytes from the start.
    pub(crate) superblock: u64,
    /// The activity log.
    pub(crate) activity_log: u64,
    /// The bitmap.
    pub(crate) bitmap: u64,
    /// The size of the bitmap, in KiB.
    pub(crate) bitmap_kib: u64,
    /// What is left for data, in KiB.
    pub(crate) usable_kib: u64,
}

impl Layout {
    /// The layout on a disk of a size in bytes.
    pub(crate) fn of(bytes: u64) -> Self {
        let superblock = (bytes & !4095).saturating_sub(4096);
        let activity_log = superblock.saturating_sub(32 << 10);
        // One bit for every 4 KiB.
        let bitmap_bytes = bytes.div_ceil(4096 * 8).next_multiple_of(4096);
        let bitmap = activity_log.saturating_sub(bitmap_bytes);
        Self { superblock, activity_log, bitmap, bitmap_kib: bitmap_bytes / 1024, usable_kib: bitmap / 1024 }
    }
}
