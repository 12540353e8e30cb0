//! What must hold for every playbook.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use cutover_testkit::driver::{Bench, Case, Decision, End, Folded};
use cutover_testkit::model::{Blow, Effect, Model, State, Strike};
use cutover_testkit::playbook::Playbook;
use cutover_testkit::{At, Mode, Random, Trip};
use futures_util::future::BoxFuture;

/// Whether something holds for a playbook, at points that are sampled.
type Holds = for<'a> fn(&'a Tried<'a>, &'a mut Random) -> BoxFuture<'a, Result<(), String>>;

/// A playbook that is tried.
pub(super) struct Tried<'a> {
    pub(super) playbook: &'a Playbook,
    pub(super) bench: &'a Bench,
    pub(super) whole: &'a Whole,
}

/// A law.
pub(super) struct Law {
    pub(super) name: &'static str,
    pub(super) holds: Holds,
}

/// Every law.
pub(super) const LAWS: &[Law] = &[
    Law { name: "a: stop and resume", holds: |tried, random| Box::pin(stop_and_resume(tried, random)) },
    Law { name: "b: nothing at most once is sent twice", holds: |tried, random| Box::pin(never_twice(tried, random)) },
    Law { name: "c: undo", holds: |tried, random| Box::pin(undo(tried, random)) },
    Law { name: "d: fail, fix and resume", holds: |tried, random| Box::pin(fail_and_resume(tried, random)) },
    Law { name: "e: check lists every path", holds: |tried, random| Box::pin(listed(tried, random)) },
    Law { name: "e: plan decides as the run does", holds: |tried, _| Box::pin(decided(tried)) },
    Law { name: "f: secrets", holds: |tried, random| Box::pin(secrets(tried, random)) },
];

/// A run that nothing has disturbed.
pub(super) struct Whole {
    end: End,
    state: State,
    effects: Vec<Effect>,
    folded: Folded,
    events: usize,
    bench: Bench,
}

impl Whole {
    /// How a step ended.
    pub(super) fn outcome(&self, path: &str) -> Option<&str> {
        self.folded.steps.get(path).map(String::as_str)
    }
}

pub(super) async fn whole(bench: &Bench) -> Whole {
    let bench = bench.fresh();
    let end = bench.run(None).await;
    let Model { state, effects, .. } = bench.model().clone();
    Whole { end, state, effects, folded: bench.folded(), events: bench.length(), bench }
}

/// A point to stop at.
fn sampled(random: &mut Random, events: usize, commands: usize) -> Trip {
    let mode = match random.below(4) {
        0 => Mode::Soft,
        1 => Mode::Hard,
        2 => Mode::Kill { lost: 0 },
        _ => Mode::Kill { lost: random.between(1, 12) },
    };
    let at = match random.below(4) {
        0 => At::Before(random.between(1, commands.max(1))),
        1 => At::After(random.between(1, commands.max(1))),
        _ => At::Event(random.between(1, events.max(1))),
    };
    Trip { at, mode }
}

fn sampled_stops(random: &mut Random, whole: &Whole, most: usize) -> Vec<Trip> {
    let many = if random.chance(70) { 1 } else { random.between(2, most) };
    (0..many).map(|_| sampled(random, whole.events, whole.effects.len() * 2)).collect()
}

async fn stop_and_resume(tried: &Tried<'_>, random: &mut Random) -> Result<(), String> {
    let Tried { bench, whole, .. } = tried;
    let stops = sampled_stops(random, whole, 3);
    resumes(bench, whole, &stops).await.map_err(|words| format!("stopped at {stops:?}: {words}"))
}

/// Runs, is stopped, goes on and so forth: comes to the same as the whole run.
pub(super) async fn resumes(bench: &Bench, whole: &Whole, stops: &[Trip]) -> Result<(), String> {
    let mut bench = bench.fresh();
    let mut end = bench.run(stops.first().copied()).await;
    for at in 1..=stops.len() {
        if matches!(end.exit_code, None | Some(5)) {
            end = bench.resume(stops.get(at).copied()).await;
        }
    }
    goes_on(&mut bench, whole, end).await
}

/// Brings a run to its end like an operator who looks at what is in doubt.
async fn goes_on(bench: &mut Bench, whole: &Whole, mut end: End) -> Result<(), String> {
    for _ in 0..6 {
        once(bench, whole)?;
        // It failed and was stopped: the worse of the two names the end, and the rest is still to come.
        if end.stopped && end.exit_code != Some(0) {
            end = bench.resume(None).await;
            continue;
        }
        if end.exit_code == whole.end.exit_code && !bench.refused_in_doubt() {
            return same(bench, whole, &end);
        }
        if !bench.refused_in_doubt() {
            if !has_lost_a_result(&end) {
                break;
            }
            // It was made, and its result is secret: refused as often as it is resumed, and never made again.
            bench.resume(None).await;
            return once(bench, whole);
        }
        // Refused, because something that must be made at most once is in doubt.
        let standing = bench.standing();
        let doubts: Vec<_> = standing.iter().filter(|change| change.once && !change.complete).collect();
        if doubts.is_empty() {
            return Err(format!("refused for a doubt, and nothing is in doubt: {end:?}"));
        }
        if end.exit_code != Some(1) {
            return Err(format!("something is in doubt, and the run ended with {end:?}"));
        }
        let made = |change: &&cutover_testkit::driver::Standing| {
            let arrived = bench.model().effects.iter().filter(|effect| change.is(&effect.line())).count();
            let known = standing.iter().filter(|other| other.complete && other.lines == change.lines).count();
            arrived > known
        };
        if doubts.iter().any(made) {
            return Ok(());
        }
        // It was not made, the operator sees, and may be made now.
        let paths: Vec<String> = doubts.iter().map(|change| change.path.clone()).collect();
        let lines: Vec<String> = doubts.iter().flat_map(|change| change.lines.clone()).collect();
        lines.iter().for_each(|line| bench.model().settled(line));
        bench.repeat = paths;
        end = bench.resume(None).await;
    }
    Err(format!("ended with {end:?}, undisturbed with {:?}", whole.end))
}

fn has_lost_a_result(end: &End) -> bool {
    end.failure.as_ref().is_some_and(|failure| failure.message.id() == Some("engine.result-lost"))
}

fn same(bench: &Bench, whole: &Whole, end: &End) -> Result<(), String> {
    let mut words = String::new();
    if end.exit_code != whole.end.exit_code {
        let _ =
            writeln!(words, "exit code {:?}, undisturbed {:?}: {:?}", end.exit_code, whole.end.exit_code, end.failure);
    }
    let state = bench.model().state.clone();
    if state != whole.state {
        let _ = writeln!(words, "the world is {state:?}, undisturbed {:?}", whole.state);
    }
    let (now, then) = (bench.model().once(), whole.bench.model().once());
    if now != then {
        let _ = writeln!(words, "made at most once {now:?}, undisturbed {then:?}");
    }
    let (now, then) = (bench.folded(), &whole.folded);
    for (what, now, then) in [
        ("steps", format!("{:?}", now.steps), format!("{:?}", then.steps)),
        ("tasks", format!("{:?}", now.tasks), format!("{:?}", then.tasks)),
        ("registered", format!("{:?}", now.registered), format!("{:?}", then.registered)),
        ("standing", format!("{:?}", now.standing), format!("{:?}", then.standing)),
        ("approved", format!("{:?}", now.approved), format!("{:?}", then.approved)),
    ] {
        if now != then {
            let _ = writeln!(words, "{what}: {now}\n  undisturbed: {then}");
        }
    }
    if words.is_empty() { Ok(()) } else { Err(words) }
}

/// Whether nothing was made twice that must be made at most once.
fn once(bench: &Bench, whole: &Whole) -> Result<(), String> {
    let model = bench.model();
    if let [first, ..] = model.sent_again() {
        return Err(format!("sent again while in doubt: {first}"));
    }
    let allowed = whole.bench.model().once();
    let too_often = model.once().into_iter().find(|(line, count)| *count > allowed.get(line).copied().unwrap_or(1));
    too_often.map_or(Ok(()), |(line, count)| Err(format!("made {count} times: {line}")))
}

async fn never_twice(tried: &Tried<'_>, random: &mut Random) -> Result<(), String> {
    let Tried { bench, whole, .. } = tried;
    let lines: Vec<String> = whole.effects.iter().filter(|effect| effect.once()).map(Effect::line).collect();
    if lines.is_empty() {
        return Ok(());
    }
    let blows = [Blow::LoseBefore, Blow::LoseAfter, Blow::HangAfter, Blow::Hang, Blow::Fail];
    let strike = Strike { line: random.pick(&lines).clone(), blow: *random.pick(&blows), times: 1 };
    let words = |words| format!("struck by {strike:?}: {words}");
    let struck = bench.fresh();
    struck.model().strikes.push(strike.clone());
    let stop = random.chance(30).then(|| sampled(random, whole.events, whole.effects.len() * 2));
    struck.run(stop).await;
    once(&struck, whole).map_err(words)?;
    struck.resume(None).await;
    once(&struck, whole).map_err(words)
}

async fn undo(tried: &Tried<'_>, random: &mut Random) -> Result<(), String> {
    let Tried { bench, whole, .. } = tried;
    let first = random.chance(85).then(|| sampled(random, whole.events, whole.effects.len() * 2));
    let mut stops = Vec::new();
    while random.chance(40) && stops.len() < 3 {
        stops.push(sampled(random, 14, 6));
    }
    undoes(bench, first, &stops)
        .await
        .map_err(|words| format!("stopped at {first:?}, undo stopped at {stops:?}: {words}"))
}

/// Whether something is written to have no way back.
fn for_good(line: &str) -> bool {
    line.split(' ').any(|word| word.starts_with("nr"))
}

pub(super) async fn undoes(bench: &Bench, first: Option<Trip>, stops: &[Trip]) -> Result<(), String> {
    let bench = bench.fresh();
    bench.run(first).await;
    let (made, before) = (bench.model().effects.clone(), bench.standing());
    let mut end = bench.undo(stops.first().copied()).await;
    for at in 1..=stops.len() {
        if matches!(end.exit_code, None | Some(5)) {
            end = bench.undo(stops.get(at).copied()).await;
        }
    }
    let (state, left) = (bench.model().state.clone(), bench.standing());
    match end.exit_code {
        Some(7) if state != State::default() => Err(format!("undone, and the world is {state:?}")),
        Some(7) if !left.is_empty() => Err(format!("undone, and there stand {left:?}")),
        Some(7) => Ok(()),
        Some(3) => {
            let Some(last) = left.last() else { return Err(format!("refused, and nothing stands: {end:?}")) };
            let step = |path: &str| before.iter().filter(|change| change.path == path).cloned().collect::<Vec<_>>();
            if !step(&last.path).iter().any(|change| change.lines.iter().any(|line| for_good(line))) {
                return Err(format!("stopped at a change that can be undone: {last:?}: {end:?}"));
            }
            // Everything after it is undone, so the world is as it was at some moment after it was made.
            let from = made.iter().position(|effect| last.is(&effect.line())).map_or(0, |at| at + 1);
            let was = (from..=made.len()).any(|to| State::after(&made[..to]) == state);
            if was { Ok(()) } else { Err(format!("undone down to {last:?}, and the world is {state:?}")) }
        }
        _ => Err(format!("undo ended with {end:?}")),
    }
}

async fn fail_and_resume(tried: &Tried<'_>, random: &mut Random) -> Result<(), String> {
    let Tried { bench, whole, .. } = tried;
    if whole.effects.is_empty() {
        return Ok(());
    }
    let line = random.pick(&whole.effects).line();
    fails(bench, whole, &line).await.map_err(|words| format!("failed at {line}: {words}"))
}

pub(super) async fn fails(bench: &Bench, whole: &Whole, line: &str) -> Result<(), String> {
    let mut bench = bench.fresh();
    bench.model().strikes.push(Strike { line: line.to_owned(), blow: Blow::Fail, times: usize::MAX });
    let end = bench.run(None).await;
    let same_end = end.exit_code == whole.end.exit_code;
    if end.exit_code == Some(0) || same_end {
        // The playbook itself says what to do then: it was rescued or allowed.
        return Ok(());
    }
    bench.model().strikes.clear();
    let end = bench.resume(None).await;
    goes_on(&mut bench, whole, end).await
}

async fn listed(tried: &Tried<'_>, random: &mut Random) -> Result<(), String> {
    let Tried { bench, whole, .. } = tried;
    let (listed, other) = (bench.listed(), bench.fresh());
    let stop = sampled(random, whole.events, whole.effects.len() * 2);
    other.run(Some(stop)).await;
    other.undo(None).await;
    let paths: BTreeSet<String> = whole.bench.paths().into_iter().chain(other.paths()).collect();
    paths.difference(&listed).next().map_or(Ok(()), |path| Err(format!("`{path}` was not listed: {listed:?}")))
}

async fn decided(tried: &Tried<'_>) -> Result<(), String> {
    let Tried { bench, whole, .. } = tried;
    let decisions = bench.fresh().decisions().await;
    for (path, decision) in decisions {
        let Some(outcome) = whole.folded.steps.get(&path) else { continue };
        let skipped = outcome == "skipped";
        match decision {
            Decision::Skip if !skipped => return Err(format!("`{path}` was to be skipped and is {outcome}")),
            Decision::Take if skipped => return Err(format!("`{path}` was to be taken and is {outcome}")),
            _ => {}
        }
    }
    Ok(())
}

async fn secrets(tried: &Tried<'_>, random: &mut Random) -> Result<(), String> {
    let Tried { bench, whole, playbook } = tried;
    let stopped = bench.fresh();
    stopped.run(Some(sampled(random, whole.events, whole.effects.len() * 2))).await;
    stopped.resume(None).await;
    stopped.undo(None).await;
    let case = playbook.case();
    for secret in plain(&case) {
        for bench in [&whole.bench, &stopped] {
            if let Some(line) = bench.lines_with(&secret).first() {
                return Err(format!("the secret {secret} stands in {line}"));
            }
        }
    }
    if random.chance(60) {
        return Ok(());
    }
    // With other secrets, unlucky ones above all, the lines are the same but for their texts.
    let other = |text: &str| if text.starts_with("Zq") { "run" } else { "Zq1111kT1111" };
    let mut case = Case { password: other(&case.password).to_owned(), ..case };
    if let Some(value) = case.params.get_mut("pw") {
        *value = serde_json::json!(other(value.as_str().unwrap_or_default()));
    }
    let twin = Bench::new(&case).map_err(|faults| format!("with other secrets: {faults}"))?;
    let end = twin.run(None).await;
    if end.exit_code != whole.end.exit_code {
        return Err(format!("with other secrets it ends with {end:?}, else with {:?}", whole.end));
    }
    let (now, then) = (twin.shapes(), whole.bench.shapes());
    match now.iter().zip(&then).find(|(now, then)| now != then) {
        Some((now, then)) => Err(format!("with other secrets a line is\n  {now}\nelse\n  {then}")),
        None if now.len() != then.len() => Err(format!("with other secrets {} events, else {}", now.len(), then.len())),
        None => Ok(()),
    }
}

/// The secrets that stand nowhere else by accident.
fn plain(case: &Case) -> Vec<String> {
    let mut found = vec![case.password.clone()];
    for value in case.params.values() {
        match value {
            serde_json::Value::String(text) => found.push(text.clone()),
            serde_json::Value::Object(map) => {
                found.extend(map.values().filter_map(|value| Some(value.as_str()?.to_owned())))
            }
            other => found.push(other.to_string()),
        }
    }
    found.retain(|secret| secret.starts_with("Zq") || secret.len() == 8 && secret.starts_with('9'));
    found
}

/// Every point at which a run can be stopped, in every way.
pub(super) fn everywhere(whole: &Whole) -> Vec<Trip> {
    let modes = [Mode::Soft, Mode::Hard, Mode::Kill { lost: 0 }, Mode::Kill { lost: 12 }];
    let events = (1..=whole.events).map(At::Event);
    let commands = (1..=whole.effects.len() * 2).flat_map(|number| [At::Before(number), At::After(number)]);
    events.chain(commands).flat_map(|at| modes.map(|mode| Trip { at, mode })).collect()
}

/// Tries a small playbook at every point.
pub(super) async fn exhaust(bench: &Bench) -> Result<(), String> {
    let whole = whole(bench).await;
    for stop in everywhere(&whole) {
        resumes(bench, &whole, &[stop]).await.map_err(|words| format!("resumed after {stop:?}: {words}"))?;
        undoes(bench, Some(stop), &[]).await.map_err(|words| format!("undone after {stop:?}: {words}"))?;
    }
    for effect in &whole.effects {
        let line = effect.line();
        fails(bench, &whole, &line).await.map_err(|words| format!("failed at {line}: {words}"))?;
    }
    for at in 1..=14 {
        for mode in [Mode::Soft, Mode::Hard, Mode::Kill { lost: 0 }, Mode::Kill { lost: 12 }] {
            let stop = Trip { at: At::Event(at), mode };
            undoes(bench, None, &[stop]).await.map_err(|words| format!("undo stopped at {stop:?}: {words}"))?;
        }
    }
    Ok(())
}
