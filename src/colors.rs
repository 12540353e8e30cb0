//! Decides whether this process writes in colours.

use std::io::{self, IsTerminal as _};

use crate::args::Color;

/// Decides on colours for this process, separately for standard output and standard error.
pub(crate) fn set(color: Color) {
    let (out, err) = match color {
        Color::Always => (true, true),
        Color::Never => (false, false),
        Color::Auto => {
            let wanted =
                colors_wanted(std::env::var("NO_COLOR").ok().as_deref(), std::env::var("TERM").ok().as_deref());
            (wanted && io::stdout().is_terminal(), wanted && io::stderr().is_terminal())
        }
    };
    console::set_colors_enabled(out);
    console::set_colors_enabled_stderr(err);
}

/// <https://no-color.org>: `NO_COLOR` counts when it is not empty.
fn colors_wanted(no_color: Option<&str>, term: Option<&str>) -> bool {
    no_color.unwrap_or_default().is_empty() && term != Some("dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_color_counts_when_it_is_not_empty() {
        let cases = [(None, true), (Some(""), true), (Some("1"), false), (Some("0"), false)];
        for (no_color, expected) in cases {
            assert_eq!(colors_wanted(no_color, Some("xterm")), expected, "{no_color:?}");
        }
        assert!(!colors_wanted(None, Some("dumb")));
    }
}
