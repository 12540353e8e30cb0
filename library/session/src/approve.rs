//! Who answers gates: approvals given beforehand, a person at the keyboard, or nobody.

use std::io::{self, IsTerminal as _};
use std::str::FromStr;

use cutover_engine::execute::{Answer, Approver, Judgement, Question, Stop, Tags, Unanswered};
use cutover_engine::plan::{KnownGate, gates};
use cutover_engine::redact::Redactor;
use cutover_engine::run::Run;
use cutover_engine::selector::Selector;
use cutover_engine::source::Fault;
use cutover_engine::world::quote;
use cutover_files::known_gates;
use futures_util::future::BoxFuture;

use crate::prompt::Prompt;
use crate::screen::Screen;

/// Who runs this program, as `user@host`.
pub fn operator() -> String {
    let user = ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim();
    let named = || {
        let output = std::process::Command::new("id").arg("-un").output().ok()?;
        Some(String::from_utf8(output.stdout).ok()?.trim().to_owned()).filter(|name| !name.is_empty())
    };
    let user = user.or_else(named).unwrap_or_else(|| "unknown".to_owned());
    if host.is_empty() { user } else { format!("{user}@{host}") }
}

/// A gate that is approved beforehand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// The gate.
    pub gate: Selector,
    /// The phrase, for a gate that asks for one.
    pub phrase: Option<String>,
}

impl FromStr for Approval {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (gate, phrase) =
            text.split_once('=').map_or((text, None), |(gate, phrase)| (gate, Some(phrase.to_owned())));
        if gate.is_empty() {
            return Err("write the gate's path, as `cutover plan` shows it".to_owned());
        }
        let gate: Selector = gate.parse()?;
        if gate.target().is_some() {
            return Err(format!("`{gate}` names a target, and a gate has none"));
        }
        Ok(Self { gate, phrase })
    }
}

impl Approval {
    /// What it types at a gate, if that approves it.
    ///
    /// # Errors
    /// What the gate asks for instead.
    fn typed(&self, question: &Question) -> Result<String, String> {
        let typed = match (&self.phrase, question.phrase) {
            (Some(phrase), _) => phrase.clone(),
            (None, false) => question.confirm.clone(),
            (None, true) => return Err("this gate asks for a phrase".to_owned()),
        };
        match question.judge(&typed) {
            Judgement::Approved => Ok(typed),
            _ => Err(format!("`{typed}` does not approve this gate")),
        }
    }
}

/// Refuses approvals of gates that the run does not have, in a pass that it does not make, or with a phrase that does not approve
/// them. A phrase that depends on a result is compared when the gate is reached.
///
/// # Errors
/// With the gate, the passes or the phrase that was perhaps meant.
pub fn known_approvals(provided: &[Approval], run: &Run, tags: &Tags) -> Result<(), Fault> {
    if provided.is_empty() {
        return Ok(());
    }
    known_gates(provided.iter().map(|approval| &approval.gate), &run.playbook)?;
    let gates = gates(run, tags);
    let shown = |fault: Fault, asked: &Question| {
        let confirm = Redactor::new(&run.secrets).text(&asked.confirm);
        fault.help(asks_for(asked, &confirm))
    };
    for approval in provided {
        let meant: Vec<&KnownGate> = gates.iter().filter(|known| approval.gate.selects(&known.path)).collect();
        if meant.is_empty() {
            let paths: Vec<String> = gates.iter().map(|known| known.path.to_string()).collect();
            let fault = Fault::bare(format!("--approve: the run does not come to the gate `{}`", approval.gate));
            return Err(fault.help(format!("it comes to\n    {}", paths.join("\n    "))));
        }
        // One of them at least it has to fit, also if another one was given before it.
        let fits = |known: &&KnownGate| known.question.as_ref().is_none_or(|asked| approval.typed(asked).is_ok());
        if let (false, Some(asked)) = (meant.iter().any(fits), meant[0].question.as_ref()) {
            known_phrase(std::slice::from_ref(approval), asked).map_err(|fault| shown(fault, asked))?;
        }
    }
    for question in gates.iter().filter_map(|known| known.question.as_ref()) {
        known_phrase(provided, question).map_err(|fault| shown(fault, question))?;
    }
    Ok(())
}

/// Refuses an approval of a question with a phrase that does not approve it.
///
/// # Errors
/// With the phrase that does.
pub fn known_phrase(provided: &[Approval], question: &Question) -> Result<(), Fault> {
    // Of several that mean a gate the first one answers it.
    let Some(approval) = provided.iter().find(|approval| approval.gate.selects(&question.path)) else { return Ok(()) };
    let unfit =
        |why| Fault::bare(format!("--approve {}: {why}", approval.gate)).help(asks_for(question, &question.confirm));
    approval.typed(question).map(drop).map_err(unfit)
}

fn asks_for(question: &Question, confirm: &str) -> String {
    format!("it asks for `{confirm}`: --approve {}", quote(&format!("{}={confirm}", question.path)))
}

/// Approvals from the command line, and a person for the rest.
pub struct Approvals {
    /// What was approved beforehand.
    pub provided: Vec<Approval>,
    /// The screen to ask on.
    pub screen: Screen,
    /// Whether the question is already on the screen.
    pub shown: bool,
    /// How the run is stopped: by Ctrl-C at a question, too.
    pub stop: Stop,
}

impl Approvals {
    /// How a gate was answered beforehand: the answer, or why it approves nothing.
    fn beforehand(&self, question: &Question) -> Option<Result<Answer, String>> {
        let approval = self.provided.iter().find(|approval| approval.gate.selects(&question.path))?;
        let typed = approval.typed(question);
        Some(typed.map(|typed| Answer { typed, by: format!("{} (--approve)", operator()) }))
    }
}

impl Approver for Approvals {
    fn ask<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Result<Answer, Unanswered>> {
        Box::pin(async move {
            let unfit = match self.beforehand(question) {
                Some(Ok(answer)) => return Ok(answer),
                Some(Err(why)) => Some(format!("--approve: {why}, it asks for `{}`", question.confirm)),
                None => None,
            };
            if !io::stdin().is_terminal() {
                return Err(Unanswered::Nobody(unfit.unwrap_or_else(|| "standard input is not a terminal".to_owned())));
            }
            // People have read the question in the reporter's lines; beside the event stream it has to be asked here.
            let mut text = match self.shown {
                true => "           > ".to_owned(),
                false => format!("{} (type `{}` to go on) > ", question.question, question.confirm),
            };
            if let Some(why) = unfit {
                text.insert_str(0, &format!("           {why}\n"));
            }
            let typed = tokio::select! {
                biased;
                () = self.stop.hard.cancelled() => return Err(Unanswered::Stopped),
                () = self.stop.soft.cancelled() => return Err(Unanswered::Stopped),
                typed = Prompt::ask(&self.screen, &text, question) => typed,
            };
            match typed {
                Ok(Some(typed)) => Ok(Answer { typed, by: operator() }),
                Ok(None) => {
                    self.stop.soft.cancel();
                    // Who records that the run is being stopped comes first.
                    tokio::task::yield_now().await;
                    Err(Unanswered::Stopped)
                }
                Err(error) => Err(Unanswered::Nobody(format!("the terminal cannot be read: {error}"))),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(phrase: bool) -> Question {
        let confirm = if phrase { "common-etcd" } else { "yes" };
        Question {
            path: "rebuild/each[2]/approve".parse().expect("a path"),
            question: "Really?".into(),
            confirm: confirm.into(),
            phrase,
        }
    }

    fn approvals(texts: &[&str]) -> Approvals {
        let provided = texts.iter().map(|text| text.parse().expect("an approval")).collect();
        Approvals { provided, screen: Screen::default(), shown: true, stop: Stop::default() }
    }

    #[test]
    fn a_gate_is_approved_with_or_without_a_phrase() {
        let parsed: Approval = "rebuild/uninstall=common-etcd".parse().expect("an approval");
        let (gate, phrase) = (parsed.gate.to_string(), parsed.phrase.as_deref());
        assert_eq!((gate.as_str(), phrase), ("rebuild/uninstall", Some("common-etcd")));
        assert_eq!("stop".parse::<Approval>().expect("an approval").phrase, None);
        for wrong in ["=x", "", "a//b", "each[0]", "stop@here/a"] {
            assert!(wrong.parse::<Approval>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_gate_with_a_phrase_is_not_approved_without_it() {
        let answer = |texts: &[&str], phrase| approvals(texts).beforehand(&question(phrase));
        let typed = |answer: Option<Result<Answer, String>>| answer.expect("an answer").expect("given").typed;
        assert_eq!(typed(answer(&["rebuild/each/approve"], false)), "yes");
        assert_eq!(typed(answer(&["approve=common-etcd"], true)), "common-etcd");
        for unfit in ["approve=wrong", "approve=", "approve=no", "approve"] {
            assert!(answer(&[unfit], true).expect("an answer").is_err(), "{unfit}");
        }
        assert_eq!(typed(answer(&["each[2]/approve"], false)), "yes");
        assert!(answer(&["another"], false).is_none() && answer(&["each[1]/approve"], false).is_none());
    }
}
