//! The colours of reports, or none. Colour never carries meaning alone: a word always says the same.

/// Paints text, if colours are wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Palette {
    /// Whether colours are wanted.
    pub(crate) color: bool,
}

/// What a text is, not how it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Nothing had to be done; secondary text.
    Quiet,
    /// Something was done, and well.
    Good,
    /// Something to look at.
    Warning,
    /// Something went wrong.
    Bad,
    /// Something that runs.
    Active,
    /// A heading.
    Strong,
}

impl Palette {
    /// Paints a text.
    pub(crate) fn paint(self, tone: Tone, text: &str) -> String {
        let style = console::Style::new().force_styling(self.color);
        let style = match tone {
            Tone::Quiet => style.dim(),
            Tone::Good => style.green(),
            Tone::Warning => style.yellow(),
            Tone::Bad => style.red().bold(),
            Tone::Active => style.cyan(),
            Tone::Strong => style.bold(),
        };
        style.apply_to(text).to_string()
    }
}
