//! Takes the markers of [`crate::wrapper`] out of a stream: the line before a command's output, which names its process group, and the marker
//! after it, if there is one, with its exit code. What a login shell prints before and after them is not the command's.

/// A stream that begins with a marker line, perhaps after the output of a login shell.
#[derive(Debug)]
pub(crate) struct Marked {
    marker: String,
    end: Option<String>,
    /// Whether what comes before the marker line is dropped.
    alone: bool,
    held: Vec<u8>,
    group: Option<u32>,
    code: Option<i32>,
}

/// If there is no marker line within this many bytes, there will be none.
const MOST_HELD: usize = 64 * 1024;

impl Marked {
    /// A stream whose marker line starts with this text.
    pub(crate) fn new(marker: String) -> Self {
        Self { marker, end: None, alone: false, held: Vec::new(), group: None, code: None }
    }

    /// Drops what comes before the marker line.
    pub(crate) fn alone(mut self) -> Self {
        self.alone = true;
        self
    }

    /// Expects this marker after the output as well.
    pub(crate) fn until(mut self, end: Option<String>) -> Self {
        self.end = end;
        self
    }

    /// The exit code in the marker at the end.
    pub(crate) fn code(&self) -> Option<i32> {
        self.code
    }

    /// What was held back because it might have been the marker at the end. For streams that have ended.
    pub(crate) fn remainder(&mut self) -> Vec<u8> {
        match (self.group, self.code) {
            (Some(_), None) => std::mem::take(&mut self.held),
            _ => Vec::new(),
        }
    }

    /// The process group, once it is known. If it is, the command has been started.
    pub(crate) fn group(&self) -> Option<u32> {
        self.group
    }

    /// Takes the next piece of the stream and returns the part for the caller. Everything before the marker line is held back
    /// until the line has arrived.
    pub(crate) fn feed(&mut self, piece: &[u8]) -> Option<Vec<u8>> {
        if self.group.is_some() {
            return Some(self.before_end(piece));
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
            let (mut before, rest) = (self.held[..start].to_vec(), self.held[end..].to_vec());
            self.held.clear();
            if self.alone {
                before.clear();
            }
            before.extend(self.before_end(&rest));
            return Some(before);
        }
        let excess = self.held.len().saturating_sub(MOST_HELD);
        let passed = (excess > 0).then(|| self.held.drain(..excess).collect());
        passed.filter(|_| !self.alone)
    }

    /// The part of a piece that comes before the marker at the end.
    fn before_end(&mut self, piece: &[u8]) -> Vec<u8> {
        let Some(end) = self.end.as_deref().map(str::as_bytes) else { return piece.to_vec() };
        if self.code.is_some() {
            return Vec::new();
        }
        self.held.extend_from_slice(piece);
        let found = self.held.windows(end.len()).position(|window| window == end);
        let through = match found {
            Some(start) => {
                let rest = &self.held[start + end.len()..];
                let digits = rest.iter().position(|byte| *byte == b';').map(|stop| &rest[..stop]);
                self.code = digits.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
                start
            }
            // The longest end of what is there that the marker may begin with.
            None => (0..=self.held.len()).find(|at| end.starts_with(&self.held[*at..])).unwrap_or(self.held.len()),
        };
        self.held.drain(..through).collect()
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
    fn what_comes_after_the_marker_at_the_end_is_dropped_however_the_stream_is_cut() {
        let stream = b"cutover-ab 4711\noutput, cutover-ab-ex\0cutover-ab-end 137;logout\n";
        for cut in 0..stream.len() {
            let mut marked = Marked::new("cutover-ab".to_owned()).until(Some("cutover-ab-end ".to_owned()));
            let mut seen = marked.feed(&stream[..cut]).unwrap_or_default();
            seen.extend(marked.feed(&stream[cut..]).unwrap_or_default());
            seen.extend(marked.remainder());
            assert_eq!((marked.code(), seen.as_slice()), (Some(137), &b"output, cutover-ab-ex\0"[..]), "cut at {cut}");
        }
        let mut marked = Marked::new("cutover-ab".to_owned()).until(Some("cutover-ab-end ".to_owned()));
        let mut seen = marked.feed(b"cutover-ab 7\nall of cutover-ab-").unwrap_or_default();
        seen.extend(marked.remainder());
        assert_eq!((marked.code(), seen.as_slice()), (None, &b"all of cutover-ab-"[..]), "killed before the end");
    }

    #[test]
    fn without_a_line_the_output_is_the_reason() {
        let mut marked = Marked::new("cutover-ab".to_owned());
        assert_eq!(marked.feed(b"sudo: a password is required\n"), None);
        assert_eq!((marked.group(), marked.rest().as_str()), (None, "sudo: a password is required"));
    }
}
