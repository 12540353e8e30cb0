//! Each kind of strike, at calls by their number, their name and their text.

use std::sync::Arc;
use std::time::Duration;

use cutover_engine::duration::HumanDuration;
use cutover_engine::target::Target;
use cutover_engine::task::TaskId;
use cutover_engine::world::{Answer, Caller, Command, Exit, Output, Place, Request, TransportFault, World, collect};
use serde_json::json;

use crate::kernel::calls::Ended;
use crate::kernel::strike::{At, Deed, Intervention, Strike, StrikeKind};
use crate::testing::{inventory, sandbox};
use crate::{Sandbox, WorldSpec};

const SET: &str = "/apis/apps/v1/namespaces/common/statefulsets/common-etcd-etcd";

fn worker01() -> Place {
    Place::node("primary", "worker01")
}

async fn run(world: &dyn World, words: &str) -> Result<Output, TransportFault> {
    let command = Command::new(words.split(' '));
    collect(world.transport(&worker01()).await?.as_ref(), &command).await
}

fn scale(replicas: u32) -> Request {
    Request {
        method: "PATCH".into(),
        content_type: Some("application/merge-patch+json".into()),
        body: Some(json!({"spec": {"replicas": replicas}})),
        ..Request::get("primary", format!("{SET}/scale"))
    }
}

async fn replicas(world: &Sandbox) -> i64 {
    let set = world.request(&Request::get("primary", SET)).await.expect("an answer");
    set.body["spec"]["replicas"].as_i64().expect("a number")
}

/// The task `stop/scale` on the site.
fn task() -> TaskId {
    TaskId { path: "stop/scale".parse().expect("a path"), target: Target::Site { site: "primary".into() } }
}

fn changing(world: &Sandbox) -> Arc<dyn World> {
    world.called_by(Caller::change(task(), "set-replicas", false)).expect("a world that names its calls")
}

/// A world in which the change of the task is struck.
fn struck(kind: StrikeKind) -> (Sandbox, Arc<dyn World>) {
    let world = sandbox();
    world.inject(Strike::new(At::Name("scale".parse().expect("a name")), kind));
    let change = changing(&world);
    (world, change)
}

#[tokio::test(start_paused = true)]
async fn calls_have_numbers_and_names() {
    let world = sandbox();
    let look = world.called_by(Caller::look(task())).expect("a world that names its calls");
    run(look.as_ref(), "hostname").await.unwrap();
    look.request(&Request::get("primary", SET)).await.unwrap();
    changing(&world).request(&scale(0)).await.unwrap();
    // Another view of the same task goes on counting.
    world.called_by(Caller::look(task())).unwrap().request(&Request::get("primary", SET)).await.unwrap();
    run(&world, "hostname").await.unwrap();
    let lines: Vec<String> = world
        .calls()
        .iter()
        .map(|call| {
            format!("{} {} {} {:?}", call.ordinal, call.name, if call.reads { "reads" } else { "changes" }, call.ended)
        })
        .collect();
    assert_eq!(
        lines,
        [
            "1 stop/scale@primary:look.1 reads Answered(0)",
            "2 stop/scale@primary:look.2 reads Answered(200)",
            "3 stop/scale@primary:set-replicas.1 changes Answered(200)",
            "4 stop/scale@primary:look.3 reads Answered(200)",
            "5 @primary/worker01:call.1 changes Answered(0)",
        ]
    );
    let calls = world.calls();
    assert_eq!((calls[0].place.as_str(), calls[0].text.as_str()), ("primary/worker01", "primary/worker01$ hostname"));
    assert_eq!(world.effects().len(), 3);
    // A fork goes on by itself.
    let fork = world.snapshot().world();
    run(&fork, "hostname").await.unwrap();
    assert_eq!((fork.calls().len(), world.calls().len()), (6, 5));
    world.begin_run();
    assert_eq!(world.calls(), []);
    run(&world, "hostname").await.unwrap();
    assert_eq!(world.calls()[0].name, "@primary/worker01:call.1");
    world.keep_no_calls();
    run(&world, "hostname").await.unwrap();
    assert_eq!(world.calls().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_strike_hits_a_number_a_name_or_a_text() {
    let world = sandbox();
    world.inject(Strike::new(At::Ordinal(2), StrikeKind::Fails(7)));
    world.inject(Strike::new(At::Name("@primary/worker01:call.3".parse().unwrap()), StrikeKind::Fails(8)));
    world.inject(Strike { skip: 1, ..Strike::text("worker01$ true", StrikeKind::Fails(9)) });
    let mut codes = Vec::new();
    for words in ["hostname", "hostname", "hostname", "true", "true", "true"] {
        codes.push(run(&world, words).await.unwrap().exit);
    }
    assert_eq!(codes, [0, 7, 8, 0, 9, 0].map(Exit::Code));
    let hit: Vec<(u64, String)> = world.struck().into_iter().map(|struck| (struck.ordinal, struck.name)).collect();
    let named = |ordinal: u64| (ordinal, format!("@primary/worker01:call.{ordinal}"));
    assert_eq!(hit, [2, 3, 5].map(named));
}

#[tokio::test(start_paused = true)]
async fn a_call_fails_or_is_refused_without_effect() {
    let kinds = [
        (StrikeKind::Fails(503), 503, None),
        (StrikeKind::Answers { status: 500, retry_after: None }, 500, None),
        (StrikeKind::Answers { status: 429, retry_after: Some(3) }, 429, Some("3")),
    ];
    for (kind, status, after) in kinds {
        let (world, change) = struck(kind);
        let answer: Answer = change.request(&scale(0)).await.unwrap();
        let header = answer.headers.get("retry-after").map(|values| values[0].as_str());
        assert_eq!((answer.status, header), (status, after));
        assert_eq!(replicas(&world).await, 3);
        assert_eq!((world.calls()[0].ended, world.effects().len()), (Ended::Refused(i32::from(status)), 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_is_never_answered_or_its_connection_is_lost() {
    for (kind, left, ended) in
        [(StrikeKind::LostBefore, 3, Ended::LostBefore), (StrikeKind::LostAfter, 0, Ended::LostAfter(200))]
    {
        let (world, change) = struck(kind);
        assert!(matches!(change.request(&scale(0)).await, Err(TransportFault::Lost(_))));
        assert_eq!((replicas(&world).await, world.calls()[0].ended), (left, ended));
    }
    let (world, change) = struck(StrikeKind::Hangs);
    let waited = tokio::time::timeout(Duration::from_secs(86400), change.request(&scale(0))).await;
    assert!(waited.is_err());
    assert_eq!((replicas(&world).await, world.calls()[0].ended), (3, Ended::Unanswered));
}

#[tokio::test(start_paused = true)]
async fn a_killed_controller_sends_nothing_more_and_the_world_goes_on() {
    for (kind, left) in [(StrikeKind::KilledBefore, 3), (StrikeKind::KilledAfter, 0)] {
        let (world, change) = struck(kind);
        let request = scale(0);
        let ended = async {
            tokio::select! {
                _ = change.request(&request) => false,
                () = world.killed() => true,
            }
        };
        assert!(ended.await && world.is_killed());
        let more = tokio::time::timeout(Duration::from_secs(60), change.request(&request)).await;
        assert!(more.is_err() && world.calls().len() == 1);
        world.revive();
        assert_eq!(replicas(&world).await, left);
        let before = tokio::time::timeout(Duration::from_secs(60), world.killed()).await;
        assert!(before.is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn a_machine_is_lost_and_its_power_comes_back() {
    let minute = HumanDuration(Duration::from_secs(60));
    let world = sandbox();
    world.inject(Strike::text("$ hostname", StrikeKind::NodeLost { node: None, back_after: Some(minute) }));
    assert!(matches!(run(&world, "hostname").await, Err(TransportFault::Lost(_))));
    assert!(matches!(run(&world, "hostname").await, Err(TransportFault::Unreachable(_))));
    tokio::time::sleep(Duration::from_secs(59)).await;
    let fork = world.snapshot().world();
    assert!(run(&fork, "hostname").await.is_err());
    tokio::time::sleep(Duration::from_secs(2)).await;
    fork.snapshot();
    assert!(run(&fork, "hostname").await.is_ok());
    // Another one than that which the call goes to.
    let other = Some("standby/worker02".to_owned());
    world.inject(Strike::text("$ hostname", StrikeKind::NodeLost { node: other, back_after: None }));
    world.snapshot();
    assert!(run(&world, "hostname").await.is_ok());
    assert!(world.transport(&Place::node("standby", "worker02")).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_link_is_lost_and_comes_back() {
    let world = sandbox();
    let minute = Some(HumanDuration(Duration::from_secs(60)));
    world.inject(Strike::text("$ hostname", StrikeKind::LinkLost { between: None, back_after: minute }));
    let ping = "ping -c 1 -W 1 172.16.2.1";
    assert!(run(&world, ping).await.unwrap().success());
    assert!(run(&world, "hostname").await.unwrap().success());
    assert!(!run(&world, ping).await.unwrap().success());
    // Within a site nothing is cut.
    assert!(run(&world, "ping -c 1 -W 1 172.16.1.2").await.unwrap().success());
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(run(&world, ping).await.unwrap().success());
    let between = Some(["primary/worker01".to_owned(), "standby/worker02".to_owned()]);
    world.inject(Strike::text("$ hostname", StrikeKind::LinkLost { between, back_after: None }));
    assert!(run(&world, "hostname").await.unwrap().success());
    assert!(run(&world, ping).await.unwrap().success());
    assert!(!run(&world, "ping -c 1 -W 1 172.16.2.2").await.unwrap().success());
}

#[tokio::test(start_paused = true)]
async fn a_disk_is_full() {
    let world = sandbox();
    world.inject(Strike::text("mkdir /srv/b", StrikeKind::DiskFull { node: None, path: Some("/".to_owned()) }));
    assert!(run(&world, "mkdir /srv").await.unwrap().success());
    let full = run(&world, "mkdir /srv/b").await.unwrap();
    assert!(full.stderr.contains("No space left on device"), "{full:?}");
    assert!(run(&world, "mkdir /data/vmdata/hpvolumes/b").await.unwrap().success());
    world.inject(Strike::text("mkdir", StrikeKind::DiskFull { node: None, path: None }));
    let full = run(&world, "mkdir /data/vmdata/hpvolumes/c").await.unwrap();
    assert!(full.stderr.contains("No space left on device"), "{full:?}");
}

#[tokio::test(start_paused = true)]
async fn somebody_else_does_something() {
    let (world, change) =
        struck(StrikeKind::Intervention(Intervention { after: true, does: Deed::ScalesUp { site: None } }));
    assert_eq!(change.request(&scale(0)).await.unwrap().status, 200);
    assert_eq!(replicas(&world).await, 3);
    let outcome = world.struck()[0].outcome.clone().expect("an outcome");
    assert!(outcome.ends_with("/scale {\"spec\":{\"replicas\":3}} [200]"), "{outcome}");
    let argv = ["mkdir", "/srv"].map(str::to_owned).to_vec();
    let does = Deed::Command { on: "primary/worker01".to_owned(), argv };
    world.inject(Strike::text("ls", StrikeKind::Intervention(Intervention { after: false, does })));
    assert!(run(&world, "ls /srv").await.unwrap().success());
    let does = Deed::Request(scale(1));
    world.inject(Strike::text("hostname", StrikeKind::Intervention(Intervention { after: false, does })));
    run(&world, "hostname").await.unwrap();
    // What somebody else does is not a call of the run.
    assert_eq!((world.calls().len(), replicas(&world).await), (4, 1));
}

#[tokio::test(start_paused = true)]
async fn a_world_file_plans_strikes_and_must_name_what_there_is() {
    let strikes =
        |text: &str| -> WorldSpec { serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}")) };
    let spec = strikes(
        r#"{"strikes": [
            {"at": {"ordinal": 1}, "kind": {"fails": 5}},
            {"at": {"name": "stop/scale@primary:look.3"}, "kind": "hangs"},
            {"at": {"text": ["worker01$ true"]}, "skip": 1, "times": 2, "kind": {"node_lost": {"back_after": "5m"}}}
        ]}"#,
    );
    let world = Sandbox::new(inventory(), spec, 1).expect("a world");
    // They are for the run that is rehearsed, not for what comes before it.
    assert!(run(&world, "hostname").await.unwrap().success());
    world.begin_run();
    assert_eq!(run(&world, "hostname").await.unwrap().exit, Exit::Code(5));
    for (wrong, why) in [
        (r#"{"at": {"ordinal": 0}, "kind": "hangs"}"#, "has the ordinal 1"),
        (r#"{"at": {"ordinal": 1}, "kind": {"node_lost": {"node": "primary/x"}}}"#, "no node `primary/x`"),
        (r#"{"at": {"ordinal": 1}, "kind": {"link_lost": {"between": ["primary", "nowhere"]}}}"#, "no site `nowhere`"),
        (
            r#"{"at": {"ordinal": 1}, "kind": {"intervention": {"does": {"command": {"on": "primary", "argv": ["true"]}}}}}"#,
            "write SITE/NODE",
        ),
    ] {
        let spec = strikes(&format!(r#"{{"strikes": [{wrong}]}}"#));
        let refused = Sandbox::new(inventory(), spec, 1).err().unwrap_or_default();
        assert!(refused.contains(why), "{wrong}: {refused}");
    }
}
