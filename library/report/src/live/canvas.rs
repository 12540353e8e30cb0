//! The end of a terminal's text: lines that stay, and below them a footer that is drawn anew whenever it changes. Each drawing
//! is one write, so that no half-drawn footer is ever seen.

use std::io::Write;

use console::measure_text_width;

use super::super::Width;

/// Any stream that a terminal shows.
pub(super) struct Canvas {
    out: Box<dyn Write + Send>,
    width: Width,
    /// The lines of the footer that is on the screen; the cursor stands behind the last one.
    footer: Vec<String>,
}

impl Canvas {
    pub(super) fn new(out: Box<dyn Write + Send>, width: Width) -> Self {
        Self { out, width, footer: Vec::new() }
    }

    /// Draws lines above the footer, and the footer below them; takes the footer away if it has no lines.
    pub(super) fn draw(&mut self, lines: &[String], footer: Vec<String>) {
        if lines.is_empty() && footer == self.footer {
            return;
        }
        let mut drawing = self.erasure();
        for line in lines {
            drawing += line;
            drawing.push('\n');
        }
        drawing += &footer.join("\n");
        self.footer = footer;
        // A closed terminal must not fail a run.
        let _ = self.out.write_all(drawing.as_bytes()).and_then(|()| self.out.flush());
    }

    /// Moves the cursor to the footer's first column and erases all that follows (ECMA-48: CUU, ED).
    fn erasure(&self) -> String {
        // A terminal that has become narrower has broken long lines into several rows.
        let columns = self.width.size().1.max(1);
        let rows: usize = self.footer.iter().map(|line| measure_text_width(line).div_ceil(columns).max(1)).sum();
        match rows {
            0 => String::new(),
            1 => "\r\x1b[J".to_owned(),
            // A count of 0 would mean 1.
            _ => format!("\r\x1b[{}A\x1b[J", rows - 1),
        }
    }
}
