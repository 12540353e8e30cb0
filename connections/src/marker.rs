//! Takes the marker line of [`crate::wrapper`] out of a standard error stream and learns the process group from it.

/// A standard error stream that begins with a marker line, perhaps after the output of a login shell.
#[derive(Debug)]
pub(crate) struct Marked {
    marker: String,
    held: Vec<u8>,
    group: Option<u32>,
}

/// If there is no marker line within this many bytes, there will be none.
const MOST_HELD: usize = 64 * 1024;

impl Marked {
    /// A stream whose marker line starts with this text.
    pub(crate) fn new(marker: String) -> Self {
        Self { marker, held: Vec::new(), group: None }
    }

    /// The process group, once it is known. If it is, the command has been started.
    pub(crate) fn group(&self) -> Option<u32> {
        self.group
    }

    /// Takes the next piece of the stream and returns the part for the caller. Everything before the marker line is held back
    /// until the line has arrived.
    pub(crate) fn feed(&mut self, piece: &[u8]) -> Option<Vec<u8>> {
        if self.group.is_some() {
            return Some(piece.to_vec());
        }
        self.held.extend_from_slice(piece);
        let found = self.held.windows(self.marker.len()).position(|window| window == self.marker.as_bytes());
        let line = found.and_then(|start| {
            let rest = &self.held[start + self.marker.len()..];
            let end = rest.iter().position(|byte| *byte == b'\n')?;
            let group = std::str::from_utf8(&rest[..end]).ok()?.trim().parse().ok()?;
            Some((start, start + self.marker.len() + end + 1, group))
        });
        if let Some((start, end, group)) = line {
            self.group = Some(group);
            self.held.drain(start..end);
            return Some(std::mem::take(&mut self.held));
        }
        let excess = self.held.len().saturating_sub(MOST_HELD);
        (excess > 0).then(|| self.held.drain(..excess).collect())
    }

    /// The output in place of a marker line: the reason why the command was not started.
    pub(crate) fn rest(&self) -> String {
        String::from_utf8_lossy(&self.held).trim().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_taken_out_however_the_stream_is_cut() {
        let stream = b"motd\ncutover-ab 4711\n\xff\0the rest\n";
        for cut in 0..stream.len() {
            let mut marked = Marked::new("cutover-ab".to_owned());
            let mut seen = marked.feed(&stream[..cut]).unwrap_or_default();
            seen.extend(marked.feed(&stream[cut..]).unwrap_or_default());
            assert_eq!((marked.group(), seen.as_slice()), (Some(4711), &b"motd\n\xff\0the rest\n"[..]), "cut at {cut}");
        }
    }

    #[test]
    fn without_a_line_the_output_is_the_reason() {
        let mut marked = Marked::new("cutover-ab".to_owned());
        assert_eq!(marked.feed(b"sudo: a password is required\n"), None);
        assert_eq!((marked.group(), marked.rest().as_str()), (None, "sudo: a password is required"));
    }
}
