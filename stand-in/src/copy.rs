//! Copies the differences between two disks.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

/// How many bytes are read at a time.
const READ: usize = 1 << 20;
/// The smallest piece that is written if something in it differs, in bytes.
const WRITTEN: usize = 64 << 10;

/// Makes the first bytes of one disk equal to another's, fsyncs, and returns how many bytes were written.
pub(crate) fn differences(from: &File, to: &File, bytes: u64) -> io::Result<u64> {
    let (mut wanted, mut there) = (vec![0; READ], vec![0; READ]);
    let mut written = 0;
    let mut at = 0;
    while at < bytes {
        let len = usize::try_from(bytes - at).unwrap_or(READ).min(READ);
        from.read_exact_at(&mut wanted[..len], at)?;
        to.read_exact_at(&mut there[..len], at)?;
        if wanted[..len] != there[..len] {
            let pieces = wanted[..len].chunks(WRITTEN).zip(there[..len].chunks(WRITTEN)).enumerate();
            for (index, (piece, _)) in pieces.filter(|(_, (wanted, there))| wanted != there) {
                to.write_all_at(piece, at + (index * WRITTEN) as u64)?;
                written += piece.len() as u64;
            }
        }
        at += len as u64;
    }
    to.sync_all()?;
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_written_and_nothing_beyond() {
        let [from, to] = [0_u8, 1].map(|fill| {
            let file = tempfile::tempfile().unwrap();
            file.write_all_at(&vec![fill; 3 << 20], 0).unwrap();
            file
        });
        let bytes = (2 << 20) + 4096;
        assert_eq!(differences(&from, &to, bytes).unwrap(), bytes);
        from.write_all_at(b"x", (1 << 20) + 5).unwrap();
        assert_eq!(differences(&from, &to, bytes).unwrap(), WRITTEN as u64);
        let mut byte = [0; 2];
        to.read_exact_at(&mut byte, (1 << 20) + 4).unwrap();
        assert_eq!(byte, [0, b'x']);
        to.read_exact_at(&mut byte, bytes - 1).unwrap();
        assert_eq!(byte, [0, 1], "the byte behind is as it was");
    }
}
