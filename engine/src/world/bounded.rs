//! Output that is retained within bounds: its beginning and its end, so that a command that prints a gigabyte costs a few megabytes.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;

/// How much of an output is retained, in bytes: half from its beginning, half from its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound(usize);

impl Bound {
    /// For what a program reads: listings of large trees.
    pub const READ: Self = Self(128 << 20);
    /// For what people read, and journals keep.
    pub const SHOWN: Self = Self(1 << 20);

    /// A text within the bound; what was left out of it is named in its place.
    pub fn shorten(self, text: String) -> String {
        if text.len() <= self.0 {
            return text;
        }
        let mut retained = Retained::within(self);
        retained.take(text.as_bytes());
        retained.text()
    }

    /// Whether something was left out of a text.
    pub fn has_cut(self, text: &str) -> bool {
        text.len() > self.0
    }
}

/// What is retained of an output while it comes.
#[derive(Debug)]
pub(super) struct Retained {
    half: usize,
    head: Vec<u8>,
    tail: VecDeque<u8>,
    left_out: u64,
}

impl Retained {
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

impl AsyncWrite for Retained {
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

    fn retained(bound: usize, pieces: &[&str]) -> String {
        let mut retained = Retained::within(Bound(bound));
        pieces.iter().for_each(|piece| retained.take(piece.as_bytes()));
        retained.text()
    }

    #[test]
    fn the_beginning_and_the_end_are_kept() {
        assert_eq!(retained(8, &["abcd", "ef", "", "gh"]), "abcdefgh");
        assert_eq!(retained(8, &["abcdefghi"]), "abcd\n... 1 bytes are left out here ...\nfghi");
        assert_eq!(retained(8, &["ab", "cdefgh", "ijkl"]), "abcd\n... 4 bytes are left out here ...\nijkl");
        assert_eq!(retained(4, &["äöü"]), "ä\n... 2 bytes are left out here ...\nü");
        assert_eq!(Bound(4).shorten("abcd".to_owned()), "abcd");
        let cut = Bound(4).shorten("abcdef".to_owned());
        assert!(Bound(4).has_cut(&cut) && !Bound(4).has_cut("abcd"), "{cut}");
    }

    #[test]
    fn a_gigabyte_costs_no_more_than_the_bound() {
        let mut retained = Retained::within(Bound::SHOWN);
        let piece = vec![b'y'; 1 << 20];
        (0..1024).for_each(|_| retained.take(&piece));
        assert!(retained.head.capacity() + retained.tail.capacity() <= 6 << 20);
        assert!(retained.text().contains("1072693248 bytes are left out"));
    }
}
