//! GitHub's workflow commands: a group for each phase, an annotation for each failure.
//!
//! <https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions>

use super::Narration;

impl Narration {
    /// Opens a group.
    pub(super) fn begin_group(&mut self, heading: &str) -> String {
        self.group_open = true;
        format!("::group::{heading}")
    }

    /// Closes the open group, if there is one: what is printed next must not be folded away.
    pub(super) fn end_group(&mut self) -> Option<String> {
        std::mem::take(&mut self.group_open).then(|| "::endgroup::".to_owned())
    }

    /// An annotation, where they are wanted.
    pub(super) fn annotation(&self, title: &str, message: &str) -> Option<String> {
        let title = data(title).replace(':', "%3A").replace(',', "%2C");
        self.style.github.then(|| format!("::error title={title}::{}", data(message)))
    }

    /// Keeps a line that begins with the text of others (a command's output) from being read as a workflow command.
    pub(super) fn disarm(&self, text: &str) -> String {
        let commands = self.style.github && text.trim_start().starts_with("::");
        if commands { format!("| {text}") } else { text.to_owned() }
    }

    /// The same for the older form of commands, `##[command]`, which runners find anywhere in a line.
    pub(super) fn guarded(&self, output: Vec<String>) -> Vec<String> {
        match self.style.github {
            true => output.into_iter().map(|line| line.replace("##[", "## [")).collect(),
            false => output,
        }
    }
}

/// Escapes the data of a workflow command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}
