//! DRBD 9's metadata on a disk, as `drbdmeta create-md` leaves it, so that blkid, wipefs and people see that it is DRBD's. The
//! data generations are in the stand-in's own state.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

/// The size of the superblock, at the end of the disk.
const SUPERBLOCK: u64 = 4096;
/// The size of the activity log before it.
const ACTIVITY_LOG: u64 = 32 << 10;
/// `DRBD_MD_MAGIC_09`.
const MAGIC: u32 = 0x8374_026d;
/// Where the disk's identifier lies in the superblock.
const DEVICE_UUID: usize = 0x30;

/// The identifier in a disk's metadata; `None` if there is no metadata. `bytes` is the disk's size.
pub(crate) fn read(disk: &File, bytes: u64) -> io::Result<Option<u64>> {
    let Some(at) = place(bytes) else { return Ok(None) };
    let mut block = [0; 0x40];
    disk.read_exact_at(&mut block, at)?;
    let (uuid, magic) = (&block[DEVICE_UUID..DEVICE_UUID + 8], &block[0x3c..0x40]);
    let found = magic == MAGIC.to_be_bytes();
    Ok(found.then(|| uuid.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))))
}

/// Writes metadata: all of it if there is none, else the identifier.
pub(crate) fn write(disk: &File, bytes: u64, device_uuid: u64) -> io::Result<()> {
    let Some(at) = place(bytes) else { return Ok(()) };
    if read(disk, bytes)?.is_some() {
        disk.write_all_at(&device_uuid.to_be_bytes(), at + DEVICE_UUID as u64)?;
        return disk.sync_all();
    }
    let bitmap = bytes.div_ceil(4096 * 8).next_multiple_of(4096);
    let start = at - ACTIVITY_LOG - bitmap;
    disk.write_all_at(&vec![0; usize::try_from(bitmap).map_err(io::Error::other)?], start)?;
    for block in 0..ACTIVITY_LOG / 4096 {
        disk.write_all_at(&activity_log_block(), at - ACTIVITY_LOG + block * 4096)?;
    }
    disk.write_all_at(&superblock(bitmap, device_uuid), at)?;
    disk.sync_all()
}

fn place(bytes: u64) -> Option<u64> {
    (bytes & !4095).checked_sub(SUPERBLOCK).filter(|_| bytes > 1 << 20)
}

/// An empty transaction.
fn activity_log_block() -> [u8; 4096] {
    let mut block = [0; 4096];
    block[..16].copy_from_slice(&[0x69, 0xcb, 0x65, 0xa2, 0, 0, 0, 0, 0x70, 0x9c, 0xc6, 0x51, 0xff, 0xff, 0, 0]);
    block
}

/// `struct meta_data_on_disk_9` of drbd-utils, for one peer, with a bitmap of a size in bytes.
fn superblock(bitmap: u64, device_uuid: u64) -> [u8; 4096] {
    let mut block = [0; 4096];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    let sectors = |bytes: u64| u32::try_from(bytes / 512).unwrap_or(u32::MAX);
    let log = sectors(ACTIVITY_LOG);
    let numbers: [u32; 14] = [
        // The activity log is clean.
        0x80,
        MAGIC,
        sectors(SUPERBLOCK + ACTIVITY_LOG + bitmap),
        log.wrapping_neg(),
        // Extents of the activity log.
        257,
        (log + sectors(bitmap)).wrapping_neg(),
        // Bytes for each bit of the bitmap.
        4096,
        0,
        // Peers, and this node's number, which is not known yet.
        1,
        u32::MAX,
        // One stripe of 32 KiB.
        1,
        8,
        0,
        0,
    ];
    // The current generation: just created.
    put(8, &4_u64.to_be_bytes());
    put(DEVICE_UUID, &device_uuid.to_be_bytes());
    for (index, number) in numbers.iter().enumerate() {
        put(0x38 + index * 4, &number.to_be_bytes());
    }
    // 32 peers without a place in the bitmap.
    for peer in 0..32 {
        put(0x84 + peer * 0x20, &u32::MAX.to_be_bytes());
    }
    block
}
