//! What is said at the end of a run: the table, the sums, the failures, what still stands, and the verdict.

use cutover_protocol::event::Outcome;
use cutover_protocol::failure::RecordedFailure;

use super::super::outcome::{Verdict, exit_meaning, is_good, standing, verdict};
use super::super::table::{sums, table};
use super::{Narration, Timeline, Tone, clean, exact, first_line};

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
            said.extend(end.standing.iter().map(|change| format!("  - {}", clean(&standing(timeline, change)))));
            said.push(String::new());
        }
        let Verdict { word, tone } = verdict(timeline, end);
        let text = format!("after {took}, exit code {} ({})", end.exit_code, exit_meaning(end.exit_code));
        said.extend(self.say(tone, &word.to_uppercase(), &text));
        said
    }

    /// One line for each failure; the whole of it was said when it happened.
    fn failures(&self, timeline: &Timeline) -> Vec<String> {
        let mut said = Vec::new();
        let mut line = |outcome: Option<Outcome>, of: &str, failure: &RecordedFailure| {
            let word = if outcome.is_some_and(is_good) { "failed, allowed" } else { "failed" };
            said.push(clean(&format!("    {word}: {of}: {}", first_line(&failure.message))));
        };
        for step in timeline.steps() {
            for task in &step.tasks {
                let of = format!("{} on {}", step.name_in(&task.id), task.id.target);
                task.failure.iter().for_each(|failure| line(task.outcome, &of, failure));
            }
            step.failure.iter().for_each(|failure| line(step.outcome, &step.name, failure));
        }
        said
    }
}
