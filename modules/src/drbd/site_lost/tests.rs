//! What counts as an answer, and what `site_lost` makes of it.

use super::*;
use crate::testing;

fn signs(answers: [Option<&str>; 3]) -> State {
    let what = ["the API server of primary", "the node primary/worker01", "the DRBD link of etcd0"];
    let sign = |(index, answer): (usize, Option<&str>)| Sign {
        what: Text::verbatim(what[index]),
        answer: answer.map(Text::verbatim),
        silence: None,
        late: index == 2,
    };
    State { site: "primary".to_owned(), signs: answers.into_iter().enumerate().map(sign).collect() }
}

fn diff(answers: [Option<&str>; 3]) -> String {
    let cx = testing::pair_context();
    testing::show(&SiteLost.diff(cx.facts(), &Params {}, &signs(answers)))
}

#[test]
fn anything_that_answers_speaks_against_it() {
    assert_eq!(diff([None, None, None]), "in sync\n");
    let one = diff([None, Some("it runs commands"), None]);
    assert!(one.starts_with("blocked: primary is not lost: the node primary/worker01: it runs commands; "), "{one}");
    let all = diff([Some("it answers with status 200"), Some("it runs commands"), Some("it is connected")]);
    assert_eq!(all.lines().count(), 3, "{all}");
    // A link alone may be one that has not noticed yet.
    let link = diff([None, None, Some("it is connected")]);
    assert!(link.starts_with("waiting: primary is not lost: the DRBD link of etcd0: "), "{link}");
}

#[test]
fn only_silence_is_silence() {
    use cutover_engine::world::TransportFault as Fault;
    let answers = |fault: Fault| {
        let sign = sign(Text::verbatim("a node"), false, Err(Failure::from(fault))).expect("a sign");
        sign.answer.is_some()
    };
    let words = || "words".to_owned();
    assert!(!answers(Fault::Unreachable(words())));
    for fault in [Fault::Auth(words()), Fault::HostKey(words()), Fault::TimedOut(words()), Fault::Lost(words())] {
        assert!(answers(fault.clone()), "{fault}");
    }
    let stopped = sign(Text::verbatim("a node"), false, Err(Failure::from(Fault::Cancelled)));
    assert!(stopped.is_err(), "what is not known is not silence");
}
