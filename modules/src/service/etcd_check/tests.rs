//! The fixtures are what etcdctl 3.4.23 printed of a real cluster of three, and of one that had lost its quorum.

use cutover_engine::module::Module;
use cutover_engine::text::Text;
use serde_json::{Value, json};

use super::answer::{alarms, count, endpoints, hashes, members};
use super::look::{State, Then};
use super::{EtcdCheck, Params};
use crate::support::pod::{Pod, Standing};
use crate::testing::{pair_context, show};

const STATUS: &str = include_str!("fixtures/status.json");

fn pod(standing: Standing, ready: bool) -> Pod {
    Pod { name: "e0".to_owned(), node: Some("worker01".to_owned()), container: None, ready, standing }
}

/// The real cluster.
fn state() -> State {
    let hashes = hashes(include_str!("fixtures/hashkv.json")).unwrap();
    State {
        pods: vec![pod(Standing::Running, true)],
        endpoints: endpoints(STATUS).unwrap(),
        members: members(include_str!("fixtures/members.json")).unwrap(),
        troubles: Vec::new(),
        revision: hashes.iter().map(|hash| hash.revision).min(),
        hashes,
        key_count: Some(1),
        alarms: Some(Vec::new()),
        then: None,
    }
}

fn shown(more: Value, state: &State) -> String {
    let mut all = json!({"namespace": "common", "statefulset": "e"});
    all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let params: Params = serde_json::from_value(all).unwrap();
    show(&EtcdCheck.diff(pair_context().facts(), &params, state))
}

fn registered(state: &State) -> Value {
    let params: Params = serde_json::from_value(json!({"namespace": "common", "statefulset": "e"})).unwrap();
    EtcdCheck.result(pair_context().facts(), &params, state, &[])
}

#[test]
fn what_the_real_one_prints_is_read() {
    assert_eq!(
        registered(&state()),
        json!({
            "cluster_id": "661a7c7f9829cb62",
            "members": [
                {"id": "5c76a90ae78bcee7", "name": "e0"},
                {"id": "bb91926054364afa", "name": "e1"},
                {"id": "b00abe8e230a35bd", "name": "e2"},
            ],
            "leader": {"name": "e2", "id": "b00abe8e230a35bd"},
            "revision": 2, "compact_revision": -1, "hash": 3_628_877_040_u32, "key_count": 1, "db_size": 20480,
            "version": "3.4.23", "alarms": [], "hash_compared": null,
        })
    );
    assert_eq!(endpoints(include_str!("fixtures/status-no-leader.json")).unwrap()[0].leader, None);
    assert_eq!(count(include_str!("fixtures/count.json")).unwrap(), 2);
    assert_eq!(count(r#"{"header":{"revision":1}}"#).unwrap(), 0);
    assert_eq!(alarms("{}").unwrap(), [""; 0]);
    // The fields of the message AlarmMember: NOSPACE is 1, CORRUPT is 2.
    let set = r#"{"header":{},"alarms":[{"memberID":443629905751424238,"alarm":2}]}"#;
    assert_eq!(alarms(set).unwrap(), ["CORRUPT on 628170c800dbcee"]);
    assert!(hashes("").is_err());
}

#[test]
fn verdicts() {
    assert_eq!(shown(json!({}), &state()), "in sync\n");
    let expect = json!({"cluster_id": "661a7c7f9829cb62", "members": 3, "min_revision": 2, "min_keys": 1});
    assert_eq!(shown(json!({"expect": expect}), &state()), "in sync\n");
    let mut text = String::new();
    let mut say = |title: &str, more: Value, change: &dyn Fn(&mut State)| {
        let mut state = state();
        change(&mut state);
        text += &format!("# {title}\n{}\n", shown(more, &state));
    };
    let none = || json!({});
    let expect = json!({"expect": {"cluster_id": "1", "members": 5, "min_revision": 9, "min_keys": 7}});
    say("expectations", expect, &|_| ());
    say("a pod is starting", none(), &|state| {
        state.pods.push(pod(Standing::Coming(Text::verbatim("pod e-1 is Pending")), false))
    });
    say("a pod is missing", none(), &|state| {
        state.pods.push(pod(Standing::Gone(Text::verbatim("there is no pod e-1")), false))
    });
    say("a member does not answer", none(), &|state| {
        state.endpoints.pop();
        state.troubles = vec![Text::verbatim(
            "Failed to get the status of endpoint http://127.0.0.1:33371 (context deadline exceeded)",
        )];
    });
    say("nobody answers", none(), &|state| (state.endpoints, state.members) = Default::default());
    let leaderless = |state: &mut State| state.endpoints.iter_mut().for_each(|endpoint| endpoint.leader = None);
    say("no leader", none(), &leaderless);
    say("no leader yet", none(), &|state| {
        leaderless(state);
        state.pods[0].ready = false;
    });
    say("an election", none(), &|state| state.endpoints[1].leader = Some("1".into()));
    say("swapped data", none(), &|state| {
        let [a, b] = [0, 1].map(|index: usize| state.endpoints[index].member_id.clone());
        (state.endpoints[0].member_id, state.endpoints[1].member_id) = (b, a);
    });
    say("two clusters", none(), &|state| state.endpoints[2].cluster_id = "abc".into());
    say("alarms", none(), &|state| state.alarms = Some(vec!["NOSPACE on 1".into(), "CORRUPT on 2".into()]));
    say("alarms cannot be read", none(), &|state| {
        state.alarms = None;
        state.troubles = vec![Text::verbatim("etcdserver: permission denied")];
    });
    say("different stores", none(), &|state| state.hashes[1].hash = 7);
    say("compacting", none(), &|state| state.hashes[1].compact_revision = 1);
    insta::assert_snapshot!(text);
}

#[test]
fn what_is_the_same_as_before_and_what_is_not() {
    let before = || json!({"same_as": registered(&state())});
    assert_eq!(shown(before(), &state()), "in sync\n");
    let later = |hash: u64, keys: u64, compacted: i64| {
        let mut later = state();
        let mut then = later.hashes.clone();
        then.iter_mut().for_each(|one| (one.hash, one.compact_revision) = (hash, compacted));
        later.revision = Some(5);
        later.hashes.iter_mut().for_each(|one| one.hash = 99);
        later.then = Some(Then::Known { hashes: then, key_count: keys });
        later
    };
    assert_eq!(shown(before(), &later(3_628_877_040, 1, -1)), "in sync\n");
    let mut text = String::new();
    let mut say = |title: &str, params: Value, state: &State| text += &format!("# {title}\n{}\n", shown(params, state));
    say("another hash and count then", before(), &later(1, 2, -1));
    say("compacted a little", before(), &later(1, 1, 1));
    let accepted = json!({"same_as": registered(&state()), "allow_compacted": true});
    say("compacted a little, accepted", accepted.clone(), &later(1, 1, 1));
    say("compacted, accepted, but keys are missing", accepted.clone(), &later(1, 0, 1));
    let compacted = State { then: Some(Then::Compacted), ..later(1, 1, 1) };
    say("compacted away", before(), &compacted);
    say("compacted away, accepted", accepted, &compacted);
    say("not readable", before(), &State { then: None, troubles: vec![Text::verbatim("refused")], ..later(1, 1, 1) });
    let mut emptied = state();
    emptied.revision = Some(1);
    say("emptied", before(), &emptied);
    let mut other = state();
    other.endpoints.iter_mut().for_each(|endpoint| endpoint.cluster_id = "abc".into());
    other.members[2].id = "def".into();
    other.endpoints[2].member_id = "def".into();
    say("another cluster", before(), &other);
    let mut same_revision = state();
    same_revision.hashes.iter_mut().for_each(|hash| hash.hash = 7);
    same_revision.key_count = Some(4);
    say("other content at the same revision", before(), &same_revision);
    insta::assert_snapshot!(text);
}

#[test]
fn an_url_that_several_members_advertise_says_nothing_of_one() {
    let shared = |answers_as: usize| {
        let mut state = state();
        let url = "http://service:2379".to_owned();
        state.members.iter_mut().for_each(|member| member.urls.push(url.clone()));
        // etcdctl asks it once for each member that advertises it.
        for _ in 0..state.members.len() {
            let (mut endpoint, mut hash) = (state.endpoints[answers_as].clone(), state.hashes[answers_as].clone());
            (endpoint.url, hash.url) = (url.clone(), url.clone());
            state.endpoints.push(endpoint);
            state.hashes.push(hash);
        }
        state
    };
    for answers_as in 0..3 {
        assert_eq!(shown(json!({}), &shared(answers_as)), "in sync\n", "{answers_as}");
    }
    // It stands for nobody: a member that does not answer itself is missed.
    let mut missing = shared(0);
    missing.endpoints.remove(2);
    assert!(shown(json!({}), &missing).starts_with("waiting: 2 of 3 members answer"), "{}", shown(json!({}), &missing));
    // A member's own URL still has to be answered by it.
    let mut swapped = shared(0);
    let (one, two) = (swapped.endpoints[0].member_id.clone(), swapped.endpoints[1].member_id.clone());
    (swapped.endpoints[0].member_id, swapped.endpoints[1].member_id) = (two, one);
    assert!(shown(json!({}), &swapped).contains("it has another member's data"));
}

#[test]
fn what_was_compared_is_registered() {
    let before = registered(&state());
    let of = |state: &State, same_as: &Value| {
        let params: Params = serde_json::from_value(
            json!({"namespace": "common", "statefulset": "e", "same_as": same_as, "allow_compacted": true}),
        )
        .unwrap();
        let result = EtcdCheck.result(pair_context().facts(), &params, state, &[]);
        (show(&EtcdCheck.diff(pair_context().facts(), &params, state)), result["hash_compared"].clone())
    };
    assert_eq!(of(&state(), &before), ("in sync\n".to_owned(), json!(true)));
    let mut compacted = state();
    compacted.hashes.iter_mut().for_each(|hash| (hash.compact_revision, hash.hash) = (1, 99));
    assert_eq!(of(&compacted, &before), ("in sync\n".to_owned(), json!(false)));
    let mut gone = state();
    (gone.revision, gone.then) = (Some(40), Some(Then::Compacted));
    assert_eq!(of(&gone, &before), ("in sync\n".to_owned(), json!(false)));
    let mut fewer = compacted;
    fewer.key_count = Some(0);
    assert!(of(&fewer, &before).0.contains("there are 0 keys, there were 1"), "{}", of(&fewer, &before).0);
}
