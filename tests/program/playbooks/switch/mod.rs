//! The service changes its side: the active site is lost and taken over from, both sites live and change places, the old one returns.
//! After each of it all keys are there, and at most one side has markers and Primaries.

mod circle;
mod failover;
mod old_volumes;
mod refused;
mod roles;

use std::sync::LazyLock;
use std::time::Duration;

use cutover_engine::world::{Command, Place};
use cutover_sandbox::{Part, Snapshot, WorldSpec};
use serde_json::{Value, json};

use crate::support::play::{CUTOVER, PREPARE, Play, ROLES, example};
use crate::support::ran::{Ran, changed};
use crate::support::stage::{Stage, aside};
use crate::support::truth::{Truth, Workload};

const FAILOVER: &str = "etcd-failover.yml";
const SWITCHOVER: &str = "etcd-switchover.yml";
const REPROTECT: &str = "etcd-reprotect.yml";
const DRILL: &str = "etcd-drill.yml";
const PURGE: &str = "etcd-purge.yml";
const ROLLBACK: &str = "etcd-rollback.yml";
const WORKERS: [&str; 3] = ["worker01", "worker02", "worker03"];
const SITES: [&str; 2] = ["primary", "standby"];
/// Where the platform makes a rebooted node Primary again, and where a unit does. The marker's name differs on purpose.
const PLATFORMS: [(&str, &str); 2] = [("cke", ".res.primary"), ("plain", ".primary")];

/// The world after preparation and cutover, on each platform.
static CUT_OVER: LazyLock<[Snapshot; 2]> = LazyLock::new(|| [0, 1].map(|platform| cut_over(platform, "9.2.14")));

fn cut_over(platform: usize, drbd_version: &'static str) -> Snapshot {
    aside(async move {
        let spec = WorldSpec { drbd_version: drbd_version.to_owned(), ..WorldSpec::default() };
        let plays = [PREPARE, CUTOVER].map(|name| Play::load(name, &|text| text, &example()));
        let stage = Stage::new(&plays[0], spec, 1);
        let side = Side { stage, platform };
        for name in [PREPARE, CUTOVER] {
            side.run(name, json!({})).await.well();
        }
        side.stage.world.snapshot()
    })
}

/// A world, and the platform of its playbooks.
struct Side {
    stage: Stage,
    platform: usize,
}

impl Side {
    /// After the cutover. Inside a paused runtime only.
    fn new(platform: usize) -> Self {
        Self { stage: Stage::from(&CUT_OVER[platform]), platform }
    }

    /// The same with DRBD 8.4.
    fn with_the_older_drbd() -> Self {
        Self { stage: Stage::from(&cut_over(1, "8.4.11")), platform: 1 }
    }

    /// A playbook in the roles that the world's roles file names, with the parameters of the platform that it declares.
    fn play(&self, name: &str, params: Value) -> Play {
        let (platform, suffix) = PLATFORMS[self.platform];
        let mut all = json!({"platform": platform, "marker_suffix": suffix});
        all.as_object_mut().expect("a map").extend(params.as_object().expect("a map").clone());
        Play::in_world(name, &self.stage.world, &all)
    }

    async fn run(&self, name: &str, params: Value) -> Ran {
        self.stage.run(&self.play(name, params)).await
    }

    /// Fails in a step, and everything is undone.
    async fn fails_and_is_undone(&self, play: &Play, step: &str) {
        let ran = self.stage.execution(play).fail(step).go().await;
        assert_eq!(ran.ending.exit_code, 1, "{step}: {}", ran.summary());
        let undone = self.stage.execution(play).after(&ran.events).undo().await;
        assert_eq!(undone.ending.exit_code, 7, "{step}: {}", undone.summary());
    }

    /// Refused with exit code 3, for these reasons; nothing was changed.
    async fn refused(&self, name: &str, params: Value, words: &[&str]) -> Ran {
        let ran = self.run(name, params).await;
        assert_eq!(ran.ending.exit_code, 3, "{name}: {}", ran.summary());
        let printed = ran.failures();
        for word in words {
            assert!(printed.contains(word), "{name}: no `{word}` in: {printed}");
        }
        assert_eq!(changed(ran.own()), [""; 0], "{name}");
        ran
    }

    /// Part of the world is lost, and everybody notices.
    async fn lose(&self, part: Part) {
        self.stage.world.lose(&part);
        pass(60).await;
    }

    async fn truth(&self, site: &str) -> Truth {
        Workload::default().truth(&self.stage, site).await
    }

    fn marker(&self, worker: &str) -> String {
        let number = worker.trim_start_matches("worker0").parse::<usize>().expect("a number") - 1;
        format!("/etc/drbd.d/cke_etcd{number}{}", PLATFORMS[self.platform].1)
    }

    /// The service is on one side with all its keys, and nowhere else is a Primary or a marker. Sites that are lost are left out.
    async fn serves_alone(&self, site: &str, alive: &[&str], truth: &Truth) {
        Workload::default().serves(&self.stage, site, truth).await;
        for other in alive {
            for worker in WORKERS {
                let role = self.stage.must(other, worker, "drbdadm role all").await;
                let marker =
                    self.stage.line(other, worker, &format!("test -e {}", self.marker(worker))).await.success();
                let here = *other == site;
                assert_eq!((role.starts_with("Primary"), marker), (here, here), "{other}/{worker}: {role}");
            }
        }
    }

    /// The roles file of the world.
    fn roles(&self) -> String {
        let text = self.stage.world.controllers_file(ROLES).expect("a roles file");
        text.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join(", ")
    }
}

fn site(name: &str) -> Part {
    Part::Site(name.to_owned())
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// A write that the service has acknowledged.
async fn write(stage: &Stage, from: &str, key: &str) {
    let pod = Place::Pod {
        site: from.to_owned(),
        namespace: "common".to_owned(),
        pod: "common-etcd-etcd-1".to_owned(),
        container: None,
    };
    let output = stage.exec(&pod, &Command::new(["etcdctl", "put", key, "x"])).await;
    assert!(output.success(), "{output:?}");
}
