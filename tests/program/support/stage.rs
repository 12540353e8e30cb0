//! A simulated world and what a test does in it by hand.

use std::sync::{Arc, LazyLock};
use std::thread;

use cutover_engine::clock::Clock as _;
use cutover_engine::event::{Event, EventKind};
use cutover_engine::execute::Tags;
use cutover_engine::plan::{Plan, plan};
use cutover_engine::request::Request;
use cutover_engine::world::{Answer, Command, Output, Place, TransportFault, World as _, collect, pipe};
use cutover_modules::REGISTRY;
use cutover_sandbox::{Sandbox, Snapshot, WorldSpec};
use serde_json::Value;

use crate::support::execution::{Execution, Moment};
use crate::support::play::Play;
use crate::support::ran::Ran;

/// The world after the preparation, made once.
static PREPARED: LazyLock<Snapshot> = LazyLock::new(|| prepared(&Play::prepare(), WorldSpec::default(), 1));

/// Prepares a world and takes a snapshot of it. Works inside and outside of runtimes.
pub(crate) fn prepared(play: &Play, spec: WorldSpec, seed: u64) -> Snapshot {
    aside(async {
        let stage = Stage::new(play, spec, seed);
        stage.run(play).await.well();
        stage.world.snapshot()
    })
}

/// The cutover of the prepared world, as it is before each of its steps.
static CUTOVER: LazyLock<Vec<Moment>> = LazyLock::new(|| {
    aside(async {
        let step = |event: &Event| matches!(event.kind, EventKind::StepStarted { .. });
        Stage::prepared().execution(&Play::cutover()).moments(step).await
    })
});

/// The cutover before each of its steps: the step's path and the moment.
pub(crate) fn cutover() -> impl Iterator<Item = (String, &'static Moment)> {
    let id = |moment: &'static Moment| match &moment.next.kind {
        EventKind::StepStarted { path, .. } => Some((path.to_string(), moment)),
        _ => None,
    };
    CUTOVER.iter().filter_map(id)
}

/// Lives through something in a runtime of its own, wherever it is called.
pub(crate) fn aside<T: Send>(work: impl Future<Output = T> + Send) -> T {
    thread::scope(|scope| scope.spawn(|| paused().block_on(work)).join()).expect("it ends")
}

/// A runtime whose clock stands still until everybody waits.
pub(crate) fn paused() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime")
}

/// A world and what runs in it.
pub(crate) struct Stage {
    pub(crate) world: Sandbox,
}

impl Stage {
    /// A world of its own. Inside a paused runtime only.
    pub(crate) fn new(play: &Play, spec: WorldSpec, seed: u64) -> Self {
        Self { world: Sandbox::new(Arc::clone(&play.inventory), spec, seed).expect("the world can be built") }
    }

    /// The world after the preparation. Inside a paused runtime only.
    pub(crate) fn prepared() -> Self {
        Self::from(&PREPARED)
    }

    /// A world that goes on from a snapshot. Inside a paused runtime only.
    pub(crate) fn from(snapshot: &Snapshot) -> Self {
        Self { world: snapshot.world() }
    }

    /// The world in which the cutover is about to begin a step, named by the end of its id, and the events until then.
    pub(crate) fn before(step: &str) -> (Self, &'static [Event]) {
        let found = cutover().find(|(id, _)| id.ends_with(step));
        let (_, moment) = found.unwrap_or_else(|| panic!("no step {step}"));
        (Self::from(&moment.snapshot), &moment.events)
    }

    /// Executes a playbook.
    pub(crate) async fn run(&self, play: &Play) -> Ran {
        self.execution(play).go().await
    }

    /// Goes on after these events, as a careful operator does: what may have been begun before is looked at, and since
    /// nothing goes on in this world that nobody waits for, it may then be made.
    pub(crate) async fn resume(&self, play: &Play, events: &[Event]) -> Ran {
        let mut ran = self.execution(play).after(events).go().await;
        while ran.words().starts_with("begun before the run was interrupted, and no sign that it was done") {
            let step = ran.failed().expect("a step").to_owned();
            ran = self.execution(play).after(&ran.events).repeat(&step).go().await;
        }
        ran
    }

    /// An execution of a playbook, to be varied.
    pub(crate) fn execution<'a>(&'a self, play: &'a Play) -> Execution<'a> {
        Execution::new(self, play)
    }

    /// Plans a playbook.
    pub(crate) async fn plan(&self, play: &Play) -> Plan {
        let run = play.bind("plan", self.world.now());
        plan(&run, REGISTRY, Arc::new(self.world.clone()), &Tags::default()).await
    }

    /// Runs a line (words split at spaces) on a node.
    pub(crate) async fn line(&self, site: &str, node: &str, line: &str) -> Output {
        self.exec(&Place::node(site, node), &Command::new(line.split(' '))).await
    }

    /// Runs a line on a node that must succeed; returns its output.
    pub(crate) async fn must(&self, site: &str, node: &str, line: &str) -> String {
        let output = self.line(site, node, line).await;
        assert!(output.success(), "{site}/{node}$ {line}: {output:?}");
        output.stdout
    }

    /// Runs a command.
    pub(crate) async fn exec(&self, place: &Place, command: &Command) -> Output {
        self.try_exec(place, command).await.expect("a way there, and an end")
    }

    /// The same, where it may be that there is no way there.
    pub(crate) async fn try_exec(&self, place: &Place, command: &Command) -> Result<Output, TransportFault> {
        collect(self.world.transport(place).await?.as_ref(), command).await
    }

    /// Copies the contents of a directory from node to node with everything about them.
    pub(crate) async fn carry(&self, site: &str, from: (&str, &str), to: (&str, &str)) {
        self.must(site, to.0, &format!("mkdir -p {}", to.1)).await;
        let (read, write) = (["tar", "-C", from.1, "-c", "-f", "-", "."], ["tar", "-C", to.1, "-x", "-f", "-"]);
        let way = async |node: &str| self.world.transport(&Place::node(site, node)).await.expect("a way there");
        let (reader, writer) = (way(from.0).await, way(to.0).await);
        let (read, write) = (Command::new(read), Command::new(write));
        let (sent, received) = pipe((reader.as_ref(), &read), (writer.as_ref(), &write)).await.expect("an end");
        assert!(sent.success() && received.success(), "{sent:?} {received:?}");
    }

    /// Exchanges the contents of two directories on two nodes.
    pub(crate) async fn exchange(&self, site: &str, one: (&str, &str), other: (&str, &str)) {
        let aside = format!("{}.aside", other.1);
        self.carry(site, one, (other.0, &aside)).await;
        for (from, (node, path)) in [(other, one), ((other.0, aside.as_str()), other)] {
            self.must(site, node, &format!("rm -r {path}")).await;
            self.carry(site, from, (node, path)).await;
        }
    }

    /// Sends a request to a site's API server.
    pub(crate) async fn api(&self, site: &str, method: &str, path: &str, body: Option<Value>) -> Value {
        let answer = self.try_api(site, method, path, body).await.expect("an API server");
        assert!(answer.is_success(), "{method} {path}: {answer:?}");
        answer.body
    }

    /// The same, whatever the answer is.
    pub(crate) async fn try_api(
        &self,
        site: &str,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Result<Answer, TransportFault> {
        let media = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
        let request = Request {
            method: method.to_owned(),
            content_type: Some(media.to_owned()),
            body,
            ..Request::get(site, path)
        };
        self.world.request(&request).await
    }
}
