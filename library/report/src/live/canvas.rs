//! The terminal as indicatif wants it: cursor moves written into any stream. A drawing gathers here and reaches the
//! stream as one write, so that no half-drawn footer is ever seen.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indicatif::TermLike;

use super::super::Width;

/// A terminal over a stream. Clones share it.
#[derive(Clone)]
pub(super) struct Canvas {
    sheet: Arc<Mutex<Sheet>>,
    width: Width,
}

struct Sheet {
    out: Box<dyn Write + Send>,
    drawing: Vec<u8>,
}

impl Canvas {
    pub(super) fn new(out: Box<dyn Write + Send>, width: Width) -> Self {
        Self { sheet: Arc::new(Mutex::new(Sheet { out, drawing: Vec::new() })), width }
    }

    /// Shows what was drawn. A closed terminal must not fail a run.
    pub(super) fn show(&self) {
        let mut sheet = self.sheet();
        let drawing = std::mem::take(&mut sheet.drawing);
        let _ = sheet.out.write_all(&drawing).and_then(|()| sheet.out.flush());
    }

    fn sheet(&self) -> MutexGuard<'_, Sheet> {
        self.sheet.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, text: &str) -> io::Result<()> {
        self.sheet().drawing.write_all(text.as_bytes())
    }

    /// Moves the cursor by `n`, if at all: a count of 0 would mean 1 (ECMA-48, CUU and its like).
    fn step(&self, n: usize, direction: char) -> io::Result<()> {
        if n == 0 { Ok(()) } else { self.write(&format!("\x1b[{n}{direction}")) }
    }
}

impl fmt::Debug for Canvas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Canvas").finish_non_exhaustive()
    }
}

impl TermLike for Canvas {
    fn width(&self) -> u16 {
        u16::try_from(self.width.size().1).unwrap_or(u16::MAX)
    }

    fn height(&self) -> u16 {
        u16::try_from(self.width.size().0).unwrap_or(u16::MAX)
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.step(n, 'A')
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.step(n, 'B')
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.step(n, 'C')
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.step(n, 'D')
    }

    fn write_line(&self, line: &str) -> io::Result<()> {
        self.write(&format!("{line}\n"))
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.write(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.write("\r\x1b[2K")
    }

    /// Does nothing: indicatif flushes in the middle of a drawing. See [`Canvas::show`].
    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}
