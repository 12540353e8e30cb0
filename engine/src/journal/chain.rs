//! The chain of a journal's lines: each carries a digest of itself and the digest of the line before it. So a line that was
//! changed, lost, doubled or moved is noticed, wherever it stands, and the last one too.

use serde_json::Result as JsonResult;
use sha2::{Digest, Sha256};

use crate::digest::hex;
use crate::event::Event;

/// What a chained line begins with; its digest and [`AFTER`] follow.
const BEFORE: &[u8] = b"{\"digest\":\"";
const AFTER: &[u8] = b"\",";
/// Half of a SHA-256, in hex: against accidents, not against forgers, who could write the whole chain anew.
const LENGTH: usize = 32;

/// Where a chain has got to.
#[derive(Debug, Clone, Default)]
pub(super) struct Chain {
    /// The digest of the last line.
    last: Option<String>,
    /// Whether the last line carried its digest. Journals of earlier versions do not.
    carried: bool,
}

impl Chain {
    /// The next line, with its newline. The chain is not longer before [`Chain::written`].
    pub(super) fn line(&self, event: &Event) -> JsonResult<Vec<u8>> {
        let event = serde_json::to_vec(event)?;
        // The event is an object: what follows its brace comes after the fields of the chain.
        let event = &event[1..];
        let prev = self.prev();
        let content = [prev.as_bytes(), event].concat();
        Ok([BEFORE, digest(&content).as_bytes(), AFTER, &content, b"\n"].concat())
    }

    /// The field that ties the next line to the last one; empty before the first.
    fn prev(&self) -> String {
        self.last.as_ref().map(|last| format!("\"prev\":\"{last}\",")).unwrap_or_default()
    }

    /// Goes on from a line that is in the journal.
    pub(super) fn written(&mut self, line: &[u8]) {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let own = own(line).map(|(own, _)| String::from_utf8_lossy(own).into_owned());
        self.carried = own.is_some();
        self.last = Some(own.unwrap_or_else(|| digest(line)));
    }

    /// Whether a line, without its newline, is the one that was written after those before it.
    ///
    /// # Errors
    /// Says why not.
    pub(super) fn holds(&self, line: &[u8]) -> Result<(), String> {
        let Some((own, content)) = own(line) else {
            let lost =
                "it has no digest, and the line before it has one: it was not written by cutover, or was changed";
            return if self.carried { Err(lost.to_owned()) } else { Ok(()) };
        };
        if digest(content).as_bytes() != own {
            return Err("it was changed after it was written: it does not have its digest".to_owned());
        }
        let prev = self.prev();
        let follows = content.starts_with(prev.as_bytes()) && !(prev.is_empty() && content.starts_with(b"\"prev\":"));
        if follows { Ok(()) } else { Err("it was not written after the line that stands before it".to_owned()) }
    }
}

/// The digest that a line carries, and what it is a digest of.
fn own(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let (own, rest) = line.strip_prefix(BEFORE)?.split_at_checked(LENGTH)?;
    rest.strip_prefix(AFTER).map(|content| (own, content))
}

fn digest(content: &[u8]) -> String {
    let mut hex = hex(&Sha256::digest(content));
    hex.truncate(LENGTH);
    hex
}
