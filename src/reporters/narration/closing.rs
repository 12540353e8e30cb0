//! What is said at the end of a run: the table, the sums, the failures, what still stands, and the verdict.

use super::super::outcome::{exit_meaning, is_good};
use super::super::table::{sums, table};
use super::{Narration, Timeline, Tone, clean, exact, tone};

impl Narration {
    pub(super) fn closing(&mut self, timeline: &Timeline) -> Vec<String> {
        self.closed = true;
        let mut said: Vec<String> = self.end_group().into_iter().collect();
        said.push(String::new());
        said.extend(table(timeline, self.palette, self.style.width.columns()));
        said.extend(sums(timeline));
        said.extend(self.failures(timeline));
        said.push(String::new());
        let took = exact(timeline.now_ms);
        let Some(end) = &timeline.end else {
            let text = format!("the run's end was not recorded; its last event is {took} after its start");
            said.extend(self.say(Tone::Warning, "UNFINISHED", &text));
            return said;
        };
        if !end.standing.is_empty() {
            said.push(self.palette.paint(Tone::Strong, "What was changed and still stands:"));
            said.extend(end.standing.iter().map(|line| format!("  - {}", clean(line))));
            said.push(String::new());
        }
        let word = if is_good(end.outcome) { "DONE".to_owned() } else { super::word(end.outcome).to_uppercase() };
        let tone = if is_good(end.outcome) { Tone::Good } else { tone(Some(end.outcome)) };
        let text = format!("after {took}, exit code {} ({})", end.exit_code, exit_meaning(end.exit_code));
        said.extend(self.say(tone, &word, &text));
        said
    }

    /// One line for each failure; the whole of it was said when it happened.
    fn failures(&self, timeline: &Timeline) -> Vec<String> {
        let mut said = Vec::new();
        for (step, task) in timeline.tasks() {
            let Some(failure) = &task.failure else { continue };
            let word = if task.outcome.is_some_and(is_good) { "failed, allowed" } else { "failed" };
            let first = failure.message.lines().next().unwrap_or_default();
            said.push(clean(&format!("    {word}: {} on {}: {first}", step.name, task.id.target)));
        }
        said
    }
}
