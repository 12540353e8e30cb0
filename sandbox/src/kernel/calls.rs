//! The account of a run's calls: every command and request has a number and a name, and is where a strike can hit. What strikes
//! do is in [`crate::kernel::strike`].

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use cutover_engine::world::{Caller, Command, Gap, Place, Request, TransportFault};
use tokio::sync::Notify;

use super::strike::{At, Strike, StrikeKind, Struck};
use super::{Agenda, Kernel};

/// A command or request that the world has received.
#[derive(Debug, Clone, PartialEq)]
pub struct Received {
    /// Its number in the run; the first is 1.
    pub ordinal: u64,
    /// Its name in the run: `stop/scale@primary:set-replicas.1`, or `@primary:call.1` outside of any task.
    pub name: String,
    /// Where it went: the place of a command, the site of a request.
    pub place: String,
    /// What it was, as a plan prints it.
    pub text: String,
    /// Whether it only read.
    pub reads: bool,
    /// How it ended.
    pub ended: Ended,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// With this exit code or HTTP status.
    Answered(i32),
    /// The connection was lost before it had an effect.
    LostBefore,
    /// The connection was lost after its effect, for which there would have been this exit code or HTTP status.
    LostAfter(i32),
    /// By a strike, without effect, with this exit code or HTTP status.
    Refused(i32),
    /// The world does not simulate it.
    Unsimulated,
    /// Nobody has got an answer, or not yet.
    Unanswered,
}

/// Who calls, with the beginning of the names of its calls.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) caller: Caller,
    prefix: Arc<str>,
}

impl Known {
    pub(crate) fn new(caller: Caller) -> Self {
        let prefix = caller.to_string().into();
        Self { caller, prefix }
    }
}

/// What is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sent<'a> {
    Command(&'a Place, &'a Command),
    Request(&'a Request),
}

impl fmt::Display for Sent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(place, command) => write!(f, "{place}$ {command}"),
            Self::Request(request) => write!(f, "{request}"),
        }
    }
}

impl Sent<'_> {
    fn place(self) -> String {
        match self {
            Self::Command(place, _) => place.to_string(),
            Self::Request(request) => request.site.clone(),
        }
    }
}

/// A call that is being answered.
#[derive(Debug)]
pub(crate) struct Ticket {
    /// Its number.
    pub(crate) ordinal: u64,
    /// Who calls.
    pub(crate) caller: Option<Arc<Known>>,
    /// What hits it.
    pub(crate) strike: Option<StrikeKind>,
}

/// What is kept of a call.
#[derive(Debug, Clone)]
struct Entry {
    ordinal: u64,
    prefix: Arc<str>,
    number: u32,
    place: Box<str>,
    text: Box<str>,
    reads: bool,
    get: bool,
    ended: Ended,
}

/// What a strike has taken, and comes back by itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Comeback {
    /// The power of a machine: site and node.
    Power(String, String),
    /// Links between addresses.
    Links(Vec<(String, String)>),
}

/// The account. It is cheap to copy with the world that it belongs to: what has ended is shared.
#[derive(Debug, Clone, Default)]
pub(crate) struct Calls {
    /// The number of the last one.
    pub(crate) last: u64,
    /// How many calls there were with the same beginning of their name.
    numbers: Arc<HashMap<Arc<str>, u32>>,
    pub(crate) strikes: Vec<Strike>,
    pub(crate) struck: Vec<Struck>,
    /// What comes back by itself.
    pub(crate) due: Agenda<Comeback>,
    /// Whether nobody wants the list.
    unlisted: bool,
    open: BTreeMap<u64, Entry>,
    ended: List,
    /// What was asked for that is not simulated.
    pub(crate) gaps: Vec<Gap>,
    pub(crate) killed: bool,
    pub(crate) deaths: Arc<Notify>,
}

impl Calls {
    /// Receives a call: it gets its number and its name, and the strike that is due.
    fn receive(&mut self, caller: Option<&Arc<Known>>, sent: Sent<'_>) -> Ticket {
        self.last += 1;
        let ordinal = self.last;
        let prefix = match caller {
            Some(known) => Arc::clone(&known.prefix),
            None => format!("@{}:call", sent.place()).into(),
        };
        let number = {
            let number = Arc::make_mut(&mut self.numbers).entry(Arc::clone(&prefix)).or_default();
            *number += 1;
            *number
        };
        let strike = self.strike(ordinal, caller, (&prefix, number), sent);
        if let Some(kind) = strike.clone() {
            self.struck.push(Struck { ordinal, name: format!("{prefix}.{number}"), kind, outcome: None });
        }
        if !self.unlisted {
            let get = matches!(sent, Sent::Request(request) if request.method == "GET");
            let reads = caller.map_or(get, |known| known.caller.only_looks());
            let (place, text) = (sent.place().into(), sent.to_string().into());
            let entry = Entry { ordinal, prefix, number, place, text, reads, get, ended: Ended::Unanswered };
            self.open.insert(ordinal, entry);
        }
        Ticket { ordinal, caller: caller.cloned(), strike }
    }

    /// Takes the strike that is due for a call, if there is one.
    fn strike(
        &mut self,
        ordinal: u64,
        caller: Option<&Arc<Known>>,
        (prefix, number): (&str, u32),
        sent: Sent<'_>,
    ) -> Option<StrikeKind> {
        let mut text = None;
        let mut fits = |strike: &Strike| match &strike.at {
            At::Ordinal(wanted) => *wanted == ordinal,
            At::Name(wanted) => match caller {
                Some(known) => wanted.selects(&known.caller, number),
                None => wanted.selects_outside(&format!("{prefix}.{number}")),
            },
            At::Text(fragments) => {
                let text = text.get_or_insert_with(|| sent.to_string());
                fragments.iter().all(|fragment| text.contains(fragment))
            }
        };
        let strike = self.strikes.iter_mut().find(|strike| strike.times > 0 && fits(strike))?;
        if strike.skip > 0 {
            strike.skip -= 1;
            return None;
        }
        strike.times -= 1;
        Some(strike.kind.clone())
    }

    /// Notes how a call ended.
    fn end(&mut self, ordinal: u64, ended: Ended) {
        if let Some(entry) = self.open.remove(&ordinal) {
            self.ended.push(Entry { ended, ..entry });
        }
    }

    /// Notes what came of a strike.
    pub(crate) fn tell(&mut self, ordinal: u64, outcome: String) {
        if let Some(struck) = self.struck.iter_mut().rev().find(|struck| struck.ordinal == ordinal) {
            struck.outcome = Some(outcome);
        }
    }

    /// Kills the controller.
    pub(crate) fn kill(&mut self) {
        self.killed = true;
        self.deaths.notify_waiters();
    }

    /// Begins a run: its calls are counted from 1, and more strikes are in place.
    pub(crate) fn begin_run(&mut self, strikes: &[Strike]) {
        let before = std::mem::take(self);
        self.strikes = [&before.strikes, strikes].concat();
        (self.due, self.unlisted) = (before.due, before.unlisted);
    }

    /// Keeps nothing for [`Self::received`] and [`Self::effects`] from now on.
    pub(crate) fn keep_nothing(&mut self) {
        self.unlisted = true;
    }

    /// Every call of the run in the order in which the world has received them.
    pub(crate) fn received(&self) -> Vec<Received> {
        let received = |entry: &Entry| Received {
            ordinal: entry.ordinal,
            name: format!("{}.{}", entry.prefix, entry.number),
            place: entry.place.to_string(),
            text: entry.text.to_string(),
            reads: entry.reads,
            ended: entry.ended,
        };
        let mut calls: Vec<Received> = self.ended.iter().chain(self.open.values()).map(received).collect();
        calls.sort_by_key(|call| call.ordinal);
        calls
    }

    /// What had an effect or may have had one, in the order in which it ended.
    pub(crate) fn effects(&self) -> Vec<String> {
        let effect = |entry: &Entry| match entry.ended {
            Ended::Answered(code) | Ended::LostAfter(code) if !entry.get => Some(format!("{} [{code}]", entry.text)),
            _ => None,
        };
        let mut effects: Vec<String> = self.ended.iter().filter_map(effect).collect();
        effects.reverse();
        effects
    }
}

impl Kernel {
    /// Receives a call. A controller that was killed sends nothing any more.
    pub(crate) async fn receive(&self, caller: Option<&Arc<Known>>, sent: Sent<'_>) -> Ticket {
        let ticket = {
            let mut calls = self.calls();
            (!calls.killed).then(|| calls.receive(caller, sent))
        };
        match ticket {
            Some(ticket) => ticket,
            None => std::future::pending().await,
        }
    }

    /// Notes that a call has asked for what is not simulated and cannot be answered, and returns the fault for its caller.
    pub(crate) fn unanswered(&self, ticket: &Ticket, gap: Gap) -> TransportFault {
        self.calls().end(ticket.ordinal, Ended::Unsimulated);
        self.unsimulated(&gap.name, &gap.what);
        TransportFault::Unsimulated(gap.what)
    }

    /// Notes that something was asked for that is not simulated. Whoever has asked may get an answer all the same; a
    /// rehearsal does not count it as proof.
    pub(crate) fn unsimulated(&self, name: &str, what: impl Into<String>) {
        let gap = Gap { name: name.to_owned(), what: what.into() };
        let mut calls = self.calls();
        if !calls.gaps.contains(&gap) {
            calls.gaps.push(gap);
        }
    }

    /// Notes how a call ended.
    pub(crate) fn ended(&self, ticket: &Ticket, ended: Ended) {
        self.calls().end(ticket.ordinal, ended);
    }
}

/// A list that only grows; a copy of it shares everything. It is read from its end.
#[derive(Debug, Clone, Default)]
struct List(Option<Arc<Link>>);

#[derive(Debug)]
struct Link {
    entry: Entry,
    before: List,
}

impl List {
    fn push(&mut self, entry: Entry) {
        let before = Self(self.0.take());
        self.0 = Some(Arc::new(Link { entry, before }));
    }

    fn iter(&self) -> impl Iterator<Item = &Entry> {
        std::iter::successors(self.0.as_deref(), |link| link.before.0.as_deref()).map(|link| &link.entry)
    }
}

impl Drop for List {
    /// One link after the other: a long list must not be let go of by as many calls, each inside the one before.
    fn drop(&mut self) {
        let mut next = self.0.take();
        while let Some(link) = next {
            next = Arc::into_inner(link).and_then(|mut link| link.before.0.take());
        }
    }
}
