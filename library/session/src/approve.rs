//! Who answers gates: approvals given beforehand, a person at the keyboard, or nobody.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::str::FromStr;

use cutover_engine::execute::{Answer, Approver, Question};
use cutover_engine::selector::Selector;
use futures_util::future::BoxFuture;

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

/// Approvals from the command line, and a person for the rest.
pub struct Approvals {
    /// What was approved beforehand.
    pub given: Vec<Approval>,
    /// The screen to ask on.
    pub screen: Screen,
    /// Whether the question is already on the screen.
    pub told: bool,
}

impl Approvals {
    fn beforehand(&self, question: &Question) -> Option<Result<Answer, String>> {
        let given = self.given.iter().find(|given| given.gate.selects(&question.path))?;
        let typed = match (&given.phrase, question.phrase) {
            (Some(phrase), _) => phrase.clone(),
            (None, false) => question.confirm.clone(),
            (None, true) => {
                let words = format!("this gate asks for a phrase: --approve '{}={}'", question.path, question.confirm);
                return Some(Err(words));
            }
        };
        Some(Ok(Answer { typed, by: format!("{} (--approve)", operator()) }))
    }
}

impl Approver for Approvals {
    fn ask<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Result<Answer, String>> {
        Box::pin(async move {
            if let Some(answer) = self.beforehand(question) {
                return answer;
            }
            if !io::stdin().is_terminal() {
                return Err("standard input is not a terminal".to_owned());
            }
            // People have read the question in the reporter's lines; beside the event stream it has to be asked here.
            let text = match self.told {
                true => "           > ".to_owned(),
                false => format!("{} (type `{}` to go on) > ", question.question, question.confirm),
            };
            // What waits for the terminal cannot be cancelled; the thread is left behind if the run is stopped meanwhile.
            let (paused, ready) = tokio::sync::oneshot::channel();
            let (sender, receiver) = tokio::sync::oneshot::channel();
            let screen = self.screen.clone();
            std::thread::spawn(move || {
                // If nobody waits any more the footer comes back at once, and nobody is asked.
                if paused.send(screen.pause()).is_ok() {
                    let _ = sender.send(ask_terminal(&text));
                }
            });
            let _paused = ready.await;
            let typed = receiver.await.unwrap_or_else(|_| Err(io::Error::other("nobody answered")));
            typed.map(|typed| Answer { typed, by: operator() }).map_err(|error| error.to_string())
        })
    }
}

fn ask_terminal(text: &str) -> io::Result<String> {
    let mut error = io::stderr().lock();
    error.write_all(text.as_bytes())?;
    error.flush()?;
    // What was typed before the question was there is no answer to it.
    let _ = rustix::termios::tcflush(io::stdin(), rustix::termios::QueueSelector::IFlush);
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim().to_owned())
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
        let given = texts.iter().map(|text| text.parse().expect("an approval")).collect();
        Approvals { given, screen: Screen::default(), told: true }
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
        assert_eq!(typed(answer(&["approve=wrong"], true)), "wrong", "the engine compares");
        assert!(answer(&["approve"], true).expect("an answer").is_err());
        assert_eq!(typed(answer(&["each[2]/approve"], false)), "yes");
        assert!(answer(&["another"], false).is_none() && answer(&["each[1]/approve"], false).is_none());
    }
}
