//! Two worlds for the same test: this machine, with its own programs, and the sandbox. A module must behave the same in both.

use std::io::Write as _;
use std::process::Stdio;
use std::sync::Arc;

use cutover_engine::action::{Action, Done};
use cutover_engine::clock::Clock;
use cutover_engine::inventory::Inventory;
use cutover_engine::module::{Change, Context, Diff, Probed};
use cutover_engine::request::{Answer, Request};
use cutover_engine::target::Target;
use cutover_engine::world::{Command, Exit, Io, Output, Place, Transport, TransportFault, World, collect, pipe};
use cutover_sandbox::{Sandbox, WorldSpec};
use futures_util::future::BoxFuture;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::inventory::three_workers;

/// This machine: every place is here.
struct Host;

impl Clock for Host {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::now()
    }
}

impl World for Host {
    fn transport(&self, _: &Place) -> BoxFuture<'_, Result<Arc<dyn Transport>, TransportFault>> {
        Box::pin(async { Ok(Arc::new(Here) as Arc<dyn Transport>) })
    }

    fn request<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Answer, TransportFault>> {
        Box::pin(async move { Err(TransportFault::Unreachable(request.site.clone())) })
    }
}

struct Here;

impl Transport for Here {
    fn exec<'a>(&'a self, command: &'a Command, mut io: Io<'a>) -> BoxFuture<'a, Result<Exit, TransportFault>> {
        Box::pin(async move {
            let mut stdin = command.stdin.clone().unwrap_or_default().into_bytes();
            if let Some(mut stream) = io.stdin.take() {
                stream.read_to_end(&mut stdin).await.unwrap();
            }
            let mut process = std::process::Command::new(&command.argv[0]);
            process.args(&command.argv[1..]).envs(&command.env);
            process.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = match process.spawn() {
                Ok(child) => child,
                Err(_) => return Ok(Exit::Code(127)),
            };
            let mut feed = child.stdin.take().unwrap();
            // If the reader ends early, the writer's broken pipe is not an error.
            let feeding = std::thread::spawn(move || drop(feed.write_all(&stdin)));
            let output = child.wait_with_output().unwrap();
            feeding.join().unwrap();
            let _ = io.stdout.write_all(&output.stdout).await;
            let _ = io.stdout.shutdown().await;
            let _ = io.stderr.write_all(&output.stderr).await;
            Ok(Exit::Code(output.status.code().unwrap_or(-1)))
        })
    }
}

/// A world with the tools of a test.
pub struct Stage {
    /// `host` or `sandbox`.
    pub name: &'static str,
    world: Arc<dyn World>,
    inventory: Arc<Inventory>,
}

impl Stage {
    /// This machine.
    pub fn host() -> Self {
        Self { name: "host", world: Arc::new(Host), inventory: three_workers() }
    }

    /// The sandbox. Call it inside a tokio runtime whose clock is paused.
    pub fn sandbox() -> Self {
        let sandbox = Sandbox::new(three_workers(), WorldSpec::default(), 1).unwrap();
        Self { name: "sandbox", world: Arc::new(sandbox), inventory: three_workers() }
    }

    /// Any world, with the inventory it was made of. Commands run on worker01 of site `primary`.
    pub fn of(name: &'static str, world: Arc<dyn World>, inventory: Arc<Inventory>) -> Self {
        Self { name, world, inventory }
    }

    /// The same stage, with its world wrapped.
    pub fn through(self, put: impl FnOnce(Arc<dyn World>, Arc<Inventory>) -> Arc<dyn World>) -> Self {
        let world = put(self.world, Arc::clone(&self.inventory));
        Self { world, ..self }
    }

    /// Runs a command on worker01.
    pub async fn run(&self, argv: &[&str]) -> Output {
        self.exec(&Place::node("primary", "worker01"), &Command::new(argv.iter().copied())).await
    }

    /// Runs a command on worker01 that must succeed.
    pub async fn must(&self, argv: &[&str]) -> String {
        let output = self.run(argv).await;
        assert!(output.success(), "{}: {argv:?}: {output:?}", self.name);
        output.stdout
    }

    async fn exec(&self, place: &Place, command: &Command) -> Output {
        collect(self.world.transport(place).await.unwrap().as_ref(), command).await.unwrap()
    }

    /// Probes and compares, as a task on worker01.
    pub async fn look(&self, module: &str, params: &Value) -> Result<Probed, cutover_engine::failure::Failure> {
        let target = Target::Node { site: "primary".into(), node: "worker01".into() };
        let context = Context::new(target, None, Arc::clone(&self.inventory), Arc::clone(&self.world));
        let module = cutover_modules::REGISTRY.get(module).unwrap();
        module.bind(params.clone())?.look(&context).await
    }

    /// Carries out an action and returns its result.
    pub async fn act(&self, action: &Action) -> Output {
        match action {
            Action::Exec { place, command } => self.exec(place, command).await,
            Action::Pipe { source, read, destination, write } => {
                let from = self.world.transport(source).await.unwrap();
                let to = self.world.transport(destination).await.unwrap();
                let (sent, received) = pipe((from.as_ref(), read), (to.as_ref(), write)).await.unwrap();
                assert!(sent.success(), "{}: {sent:?}", self.name);
                received
            }
            Action::Request(request) => panic!("no API server here: {request:?}"),
        }
    }

    /// Carries out changes, all of whose actions must succeed.
    pub async fn apply(&self, changes: &[Change]) -> Vec<Done> {
        let mut done = Vec::new();
        for action in changes.iter().flat_map(|change| &change.actions) {
            let output = self.act(action).await;
            assert!(output.success(), "{}: {action}: {output:?}", self.name);
            done.push(Done::Output(output));
        }
        done
    }

    /// Brings a module to `InSync`, in at most three rounds, and returns the summaries of the changes and the result.
    pub async fn converge(&self, module: &str, params: &Value) -> (Vec<String>, Value) {
        let (mut summaries, mut done) = (Vec::new(), Vec::new());
        for _ in 0..4 {
            let probed = self.look(module, params).await.unwrap();
            match &probed.diff {
                Diff::InSync => return (summaries, probed.result(&done)),
                Diff::Change(changes) => {
                    summaries.extend(changes.iter().map(|change| change.summary.to_string()));
                    done.extend(self.apply(changes).await);
                }
                other => panic!("{}: {module}: {other:?}", self.name),
            }
        }
        panic!("{}: {module} does not converge: {summaries:?}", self.name)
    }

    /// Why a module refuses.
    pub async fn refusal(&self, module: &str, params: &Value) -> Vec<String> {
        match self.look(module, params).await.unwrap().diff {
            Diff::Blocked(reasons) => reasons.iter().map(ToString::to_string).collect(),
            other => panic!("{}: {module} does not refuse: {other:?}", self.name),
        }
    }
}
