//! What is printed at the end of a run: the table, the sums, the failures, what still stands, and the verdict.

use cutover_protocol::event::Outcome;
use cutover_protocol::failure::RecordedFailure;

use super::super::outcome::{Verdict, exit_meaning, is_good, standing, verdict};
use super::super::table::{sums, table};
use super::{Narration, Timeline, Tone, clean, exact, first_line};

impl Narration {
    pub(super) fn closing(&mut self, timeline: &Timeline) -> Vec<String> {
        self.closed = true;
        let mut output: Vec<String> = self.end_group().into_iter().collect();
        output.push(String::new());
        output.extend(table(timeline, self.palette, self.style.width.columns()));
        output.extend(sums(timeline));
        output.extend(self.failures(timeline));
        output.push(String::new());
        let took = exact(timeline.now_ms);
        let Some(end) = &timeline.end else {
            let text = format!("the run's end was not recorded; its last event is {took} after its start");
            output.extend(self.say(Tone::Warning, "UNFINISHED", &text));
            return output;
        };
        if !end.standing.is_empty() {
            output.push(self.palette.paint(Tone::Strong, "What was changed and still stands:"));
            output.extend(end.standing.iter().map(|change| format!("  - {}", clean(&standing(timeline, change)))));
            output.push(String::new());
        }
        let Verdict { word, tone } = verdict(timeline, end);
        let text = format!("after {took}, exit code {} ({})", end.exit_code, exit_meaning(end.exit_code));
        output.extend(self.say(tone, &word.to_uppercase(), &text));
        output
    }

    /// One line for each failure; the whole of it was printed when it happened.
    fn failures(&self, timeline: &Timeline) -> Vec<String> {
        let mut output = Vec::new();
        let mut line = |outcome: Option<Outcome>, of: &str, failure: &RecordedFailure| {
            let word = if outcome.is_some_and(is_good) { "failed, allowed" } else { "failed" };
            output.push(clean(&format!("    {word}: {of}: {}", first_line(&failure.message))));
        };
        for step in timeline.steps() {
            for task in &step.tasks {
                let of = format!("{} on {}", step.name_in(&task.id), task.id.target);
                task.failure.iter().for_each(|failure| line(task.outcome, &of, failure));
            }
            step.failure.iter().for_each(|failure| line(step.outcome, &step.name, failure));
        }
        output
    }
}
