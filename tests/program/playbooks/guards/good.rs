//! The run of each shipped playbook that meets nothing bad: the world it begins in, and the world before each of its steps.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, OnceLock};
use std::time::Duration;

use cutover_engine::event::{Event, EventKind};
use cutover_sandbox::{Part, Snapshot};
use serde_json::{Value, json};

use crate::support::execution::Moment;
use crate::support::play::{CUTOVER, PREPARE, Play};
use crate::support::stage::{Stage, aside};
use crate::support::truth::{Truth, Workload};

pub(super) const FAILOVER: &str = "etcd-failover.yml";
pub(super) const SWITCHOVER: &str = "etcd-switchover.yml";
pub(super) const REPROTECT: &str = "etcd-reprotect.yml";
pub(super) const DRILL: &str = "etcd-drill.yml";
pub(super) const PURGE: &str = "etcd-purge.yml";
pub(super) const ROLLBACK: &str = "etcd-rollback.yml";

/// A good run.
pub(super) struct Good {
    /// The playbook, as shipped.
    pub(super) play: Play,
    /// The world that it begins in.
    pub(super) base: Snapshot,
    /// What the service has to have.
    pub(super) truth: Truth,
    /// All of its events.
    pub(super) events: Vec<Event>,
    moments: Vec<Moment>,
}

impl Good {
    /// Of a run that is yet to begin.
    pub(super) fn at_the_beginning(play: Play, base: Snapshot, truth: Truth) -> Self {
        Self { play, base, truth, events: Vec::new(), moments: Vec::new() }
    }

    /// The world before a step, and the events until then.
    pub(super) fn before(&self, step: &str) -> (&Snapshot, &[Event]) {
        let is = |moment: &&Moment| match &moment.next.kind {
            EventKind::StepStarted { path, .. } => path.id() == step,
            _ => false,
        };
        let moment = self.moments.iter().find(is).unwrap_or_else(|| panic!("the good run begins no step {step}"));
        (&moment.snapshot, &moment.events)
    }
}

type Cell = Arc<OnceLock<Arc<Good>>>;

static MADE: LazyLock<Mutex<BTreeMap<String, Cell>>> = LazyLock::new(Mutex::default);

/// The good run of a playbook with parameters in a world; each is made once.
pub(super) fn good(playbook: &str, spec: &Value, params: &Value) -> Arc<Good> {
    let key = format!("{playbook} {spec} {params}");
    let cell = Arc::clone(MADE.lock().unwrap().entry(key).or_default());
    Arc::clone(cell.get_or_init(|| Arc::new(aside(make(playbook, spec, params)))))
}

async fn make(playbook: &str, spec: &Value, params: &Value) -> Good {
    let base = base(playbook, spec, params);
    let stage = Stage::from(&base);
    let play = Play::in_world(playbook, &stage.world, params);
    let truth = match playbook {
        FAILOVER | REPROTECT => good(CUTOVER, spec, params).truth.clone(),
        _ => Workload::default().truth(&stage, "primary").await,
    };
    let step = |event: &Event| matches!(event.kind, EventKind::StepStarted { .. } | EventKind::RunFinished { .. });
    let mut moments = stage.execution(&play).moments(step).await;
    let last = moments.pop().expect("an end");
    let events = last.events.into_iter().chain([last.next]).collect();
    Good { play, base, truth, events, moments }
}

/// The world that a playbook begins in.
pub(super) fn base(playbook: &str, spec: &Value, params: &Value) -> Snapshot {
    let after = |before: &str, part: Option<(Part, bool)>| {
        let (good, play) = (good_base(before, spec, params), before.to_owned());
        aside(async move {
            let stage = Stage::from(&good);
            stage.run(&Play::in_world(&play, &stage.world, params)).await.well();
            if let Some((part, on)) = part {
                if on {
                    stage.world.bring_back(&part)
                } else {
                    stage.world.lose(&part)
                }
                tokio::time::sleep(Duration::from_secs(60)).await;
            }
            stage.world.snapshot()
        })
    };
    let home = || Part::Site("primary".to_owned());
    match playbook {
        PREPARE => aside(async {
            let spec = serde_json::from_value(spec.clone()).expect("a world");
            Stage::new(&Play::prepare(), spec, 1).world.snapshot()
        }),
        CUTOVER => after(PREPARE, None),
        FAILOVER => after(CUTOVER, Some((home(), false))),
        REPROTECT => after(FAILOVER, Some((home(), true))),
        SWITCHOVER | DRILL | PURGE | ROLLBACK => after(CUTOVER, None),
        other => panic!("nobody says what comes before {other}"),
    }
}

/// The same, made once.
fn good_base(playbook: &str, spec: &Value, params: &Value) -> Snapshot {
    static BASES: LazyLock<Mutex<BTreeMap<String, Arc<OnceLock<Snapshot>>>>> = LazyLock::new(Mutex::default);
    let key = format!("{playbook} {spec} {params}");
    let cell = Arc::clone(BASES.lock().unwrap().entry(key).or_default());
    cell.get_or_init(|| base(playbook, spec, params)).clone()
}

/// Nothing special.
pub(super) fn plain() -> Value {
    json!({})
}
