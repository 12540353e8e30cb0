//! Which faults a campaign tries: every kind of strike that makes sense, at every call of the undisturbed run; or pairs of them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use cutover_engine::duration::HumanDuration;
use cutover_sandbox::{Received, StrikeKind};

/// How long what is lost stays away.
const AWAY: HumanDuration = HumanDuration(Duration::from_secs(5 * 60));

/// A strike at one call.
#[derive(Debug, Clone, PartialEq)]
pub struct Blow {
    /// The call's name: `stop/scale@primary:set-replicas.1`.
    pub call: String,
    /// What happens.
    pub kind: StrikeKind,
}

impl fmt::Display for Blow {
    /// As `--fault` and `--fail` take it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.call, self.kind)
    }
}

impl FromStr for Blow {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (call, kind) = text.rsplit_once('=').ok_or_else(|| format!("`{text}` names no kind: write CALL=KIND"))?;
        call.parse::<cutover_engine::world::CallSelector>()?;
        Ok(Self { call: call.to_owned(), kind: kind.parse()? })
    }
}

/// What is broken in one case: one strike, or several.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// The strikes, in the order of their calls.
    pub blows: Vec<Blow>,
    /// The number of the first call in the undisturbed run.
    pub ordinal: u64,
    /// The step that sends it.
    pub step: String,
    /// Whether it only reads.
    pub reads: bool,
}

impl Fault {
    /// The column of a table that it belongs to.
    pub fn column(&self) -> String {
        match self.blows.as_slice() {
            [blow] => blow.kind.to_string(),
            blows => format!("{} faults", blows.len()),
        }
    }
}

/// The kinds of strikes that make sense at a call.
pub(super) fn kinds(call: &Received) -> Vec<StrikeKind> {
    let request = !call.text.contains("$ ");
    let mut kinds = vec![StrikeKind::Fails(1), StrikeKind::Hangs, StrikeKind::LostBefore, StrikeKind::KilledBefore];
    if request {
        kinds.push(StrikeKind::Answers { status: 429, retry_after: Some(1) });
        kinds.push(StrikeKind::Answers { status: 500, retry_after: None });
    }
    if !call.reads {
        kinds.extend([StrikeKind::LostAfter, StrikeKind::KilledAfter]);
    }
    if !request {
        kinds.push(StrikeKind::NodeLost { node: None, back_after: Some(AWAY) });
    }
    if !call.reads || !request {
        kinds.push(StrikeKind::LinkLost { between: None, back_after: Some(AWAY) });
    }
    if !call.reads && !request {
        kinds.push(StrikeKind::DiskFull { node: None, path: None });
    }
    kinds
}

/// The columns of a table in their order, for single faults.
pub(super) fn columns() -> Vec<String> {
    let kinds = [
        StrikeKind::Fails(1),
        StrikeKind::Hangs,
        StrikeKind::LostBefore,
        StrikeKind::LostAfter,
        StrikeKind::KilledBefore,
        StrikeKind::KilledAfter,
        StrikeKind::Answers { status: 429, retry_after: None },
        StrikeKind::Answers { status: 500, retry_after: None },
        StrikeKind::NodeLost { node: None, back_after: Some(AWAY) },
        StrikeKind::LinkLost { between: None, back_after: Some(AWAY) },
        StrikeKind::DiskFull { node: None, path: None },
    ];
    kinds.iter().map(ToString::to_string).collect()
}

/// A place where a strike can hit.
fn blow(call: &Received, kind: StrikeKind) -> Blow {
    Blow { call: call.name.clone(), kind }
}

/// Every single fault: those at changes first, since they are what can do harm.
pub(super) fn single<'a>(calls: &'a [Received], step_of: impl Fn(u64) -> &'a str) -> Vec<Fault> {
    let mut faults = Vec::new();
    for reads in [false, true] {
        for call in calls.iter().filter(|call| call.reads == reads) {
            faults.extend(kinds(call).into_iter().map(|kind| Fault {
                blows: vec![blow(call, kind)],
                ordinal: call.ordinal,
                step: step_of(call.ordinal).to_owned(),
                reads,
            }));
        }
    }
    faults
}

/// So many faults of several strikes each, drawn by a seed: the first at a change, the others at calls after it.
pub(super) fn sampled<'a>(
    calls: &'a [Received],
    step_of: impl Fn(u64) -> &'a str,
    (depth, count, seed): (usize, usize, u64),
) -> Vec<Fault> {
    let mut drawn = seed;
    // SplitMix64: its numbers depend on the seed alone, in every version of every library.
    let mut draw = |below: usize| {
        drawn = drawn.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (drawn ^ (drawn >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % below.max(1) as u64).unwrap_or(0)
    };
    let changes: Vec<usize> = (0..calls.len()).filter(|index| !calls[*index].reads).collect();
    let mut faults = Vec::new();
    while faults.len() < count && !changes.is_empty() {
        let first = changes[draw(changes.len())];
        let mut places = vec![first];
        while places.len() < depth {
            let after = places.last().map_or(0, |last| last + 1);
            // What follows soon is struck more often: there the engine is still busy with the first fault.
            let within = (calls.len() - after).min(if draw(2) == 0 { 12 } else { calls.len() });
            if within == 0 {
                break;
            }
            places.push(after + draw(within));
        }
        if places.len() < depth {
            continue;
        }
        let blows = places.iter().map(|index| {
            let kinds = kinds(&calls[*index]);
            let chosen = draw(kinds.len());
            blow(&calls[*index], kinds[chosen].clone())
        });
        let blows: Vec<Blow> = blows.collect();
        let (ordinal, reads) = (calls[first].ordinal, false);
        faults.push(Fault { blows, ordinal, step: step_of(ordinal).to_owned(), reads });
    }
    faults
}
