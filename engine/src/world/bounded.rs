//! Output that is kept within bounds: its beginning and its end, so that a command that prints a gigabyte costs a few megabytes.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;

/// How much of an output is kept, in bytes: half from its beginning, half from its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound(usize);

impl Bound {
    /// For what a program reads: listings of large trees.
    pub const READ: Self = Self(128 << 20);
    /// For what people read, and journals keep.
    pub const SHOWN: Self = Self(1 << 20);

    /// A text within the bound; what was left out of it is said in its place.
    pub fn shorten(self, text: String) -> String {
        if text.len() <= self.0 {
            return text;
        }
        let mut kept = Kept::within(self);
        kept.take(text.as_bytes());
        kept.text()
    }

    /// Whether something was left out of a text.
    pub fn has_cut(self, text: &str) -> bool {
        text.len() > self.0
    }
}

/// What is kept of an output while it comes.
#[derive(Debug)]
pub(super) struct Kept {
    half: usize,
    head: Vec<u8>,
    tail: VecDeque<u8>,
    left_out: u64,
}

impl Kept {
    pub(super) fn within(Bound(bytes): Bound) -> Self {
        Self { half: bytes / 2, head: Vec::new(), tail: VecDeque::new(), left_out: 0 }
    }

    fn take(&mut self, bytes: &[u8]) {
        let (head, rest) = bytes.split_at(bytes.len().min(self.half - self.head.len()));
        self.head.extend_from_slice(head);
        self.tail.extend(rest);
        let over = self.tail.len().saturating_sub(self.half);
        self.tail.drain(..over);
        self.left_out += u64::try_from(over).unwrap_or(u64::MAX);
    }

    /// The text, with what is not UTF-8 replaced.
    pub(super) fn text(self) -> String {
        let Self { mut head, tail, left_out, .. } = self;
        if left_out == 0 {
            head.extend(tail);
            return String::from_utf8(head)
                .unwrap_or_else(|wrong| String::from_utf8_lossy(wrong.as_bytes()).into_owned());
        }
        let (mut head, tail) = (String::from_utf8_lossy(&head).into_owned(), Vec::from(tail));
        head += &format!("\n... {left_out} bytes are left out here ...\n");
        head + &String::from_utf8_lossy(&tail)
    }
}

impl AsyncWrite for Kept {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.take(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(bound: usize, pieces: &[&str]) -> String {
        let mut kept = Kept::within(Bound(bound));
        pieces.iter().for_each(|piece| kept.take(piece.as_bytes()));
        kept.text()
    }

    #[test]
    fn the_beginning_and_the_end_are_kept() {
        assert_eq!(kept(8, &["abcd", "ef", "", "gh"]), "abcdefgh");
        assert_eq!(kept(8, &["abcdefghi"]), "abcd\n... 1 bytes are left out here ...\nfghi");
        assert_eq!(kept(8, &["ab", "cdefgh", "ijkl"]), "abcd\n... 4 bytes are left out here ...\nijkl");
        assert_eq!(kept(4, &["äöü"]), "ä\n... 2 bytes are left out here ...\nü");
        assert_eq!(Bound(4).shorten("abcd".to_owned()), "abcd");
        let cut = Bound(4).shorten("abcdef".to_owned());
        assert!(Bound(4).has_cut(&cut) && !Bound(4).has_cut("abcd"), "{cut}");
    }

    #[test]
    fn a_gigabyte_costs_no_more_than_the_bound() {
        let mut kept = Kept::within(Bound::SHOWN);
        let piece = vec![b'y'; 1 << 20];
        (0..1024).for_each(|_| kept.take(&piece));
        assert!(kept.head.capacity() + kept.tail.capacity() <= 6 << 20);
        assert!(kept.text().contains("1072693248 bytes are left out"));
    }
}
