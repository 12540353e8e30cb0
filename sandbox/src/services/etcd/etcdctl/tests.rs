use cutover_engine::world::{Command, Place};

use crate::Sandbox;
use crate::testing::{run_at, sandbox};

fn pod(ordinal: usize) -> Place {
    Place::Pod {
        site: "primary".into(),
        namespace: "common".into(),
        pod: format!("common-etcd-etcd-{ordinal}"),
        container: None,
    }
}

async fn say(sandbox: &Sandbox, line: &str) -> String {
    let words = line.split(' ').map(|word| if word == "''" { "" } else { word });
    let output = run_at(sandbox, &pod(0), &Command::new(words)).await;
    format!("$ {line}\n{}{}[{}]\n", output.stdout, output.stderr, output.exit)
}

#[tokio::test(start_paused = true)]
async fn answers_read_as_those_of_the_real_one() {
    let sandbox = sandbox();
    let mut text = String::new();
    for line in [
        "etcdctl version",
        "etcdctl put test-ts 1",
        "etcdctl put test-ts 2 -w json",
        "etcdctl get test-ts",
        "etcdctl get test-ts -w json",
        "etcdctl get test-ts --print-value-only",
        "etcdctl get nokey",
        "etcdctl get nokey -w json",
        "etcdctl get '' --prefix --keys-only --limit 1 -w json",
        "etcdctl get '' --prefix --count-only -w json --rev 587",
        "etcdctl get /odd/e --prefix --keys-only",
        "etcdctl get a --rev 9999",
        "etcdctl get a --rev 2",
        "etcdctl del test-ts",
        "etcdctl del test-ts",
        "etcdctl del nokey -w json",
        "etcdctl endpoint status",
        "etcdctl endpoint status --cluster -w json",
        "etcdctl endpoint health --cluster",
        "etcdctl endpoint hashkv --cluster -w json",
        "etcdctl endpoint hashkv --rev 9999 -w json",
        "etcdctl endpoint hashkv --rev 3",
        "etcdctl member list",
        "etcdctl member list -w json",
        "etcdctl alarm list",
        "etcdctl alarm list -w json",
        "etcdctl put",
        "etcdctl bogus",
        "etcdctl get a --bogus",
        "hostname",
        "date -u +%Y-%m-%dT%H:%M",
        "bash",
    ] {
        text += &say(&sandbox, line).await;
    }
    insta::assert_snapshot!(text);
}

#[tokio::test(start_paused = true)]
async fn without_a_quorum_commands_run_into_their_deadline() {
    let sandbox = sandbox();
    for node in ["worker05", "worker06"] {
        let mut machines = sandbox.clusters.hosts.machines();
        let id = machines.find("primary", node).unwrap();
        machines.switch(id, false).unwrap();
    }
    sandbox.clusters.settle();
    let before = sandbox.kernel().clock.elapsed();
    assert!(say(&sandbox, "etcdctl put a b").await.contains("Error: context deadline exceeded\n[exit code 1]"));
    assert!((sandbox.kernel().clock.elapsed() - before).as_secs() >= 5);
    let status = say(&sandbox, "etcdctl endpoint status --cluster -w json").await;
    assert!(status.contains("Failed to get the status of endpoint http://common-etcd-etcd-2."), "{status}");
    assert!(
        status.contains(r#""errors":["etcdserver: no leader"]"#) && status.ends_with("[exit code 1]\n"),
        "{status}"
    );
    assert!(say(&sandbox, "etcdctl member list").await.contains("started, common-etcd-etcd-2"));
    assert!(say(&sandbox, "etcdctl get a").await.contains("deadline"));
    assert!(!say(&sandbox, "etcdctl get /odd/empty --consistency s").await.contains("deadline"));
}

#[tokio::test(start_paused = true)]
async fn the_hash_of_an_earlier_revision_stays_the_same() {
    let sandbox = sandbox();
    let head = say(&sandbox, "etcdctl endpoint hashkv").await;
    let hash = head.split(", ").nth(1).unwrap().split('\n').next().unwrap().to_owned();
    let count = say(&sandbox, "etcdctl get '' --prefix --count-only -w json").await;
    let revision = count.split("\"revision\":").nth(1).unwrap().split(',').next().unwrap().to_owned();
    say(&sandbox, "etcdctl put test-ts 1").await;
    say(&sandbox, "etcdctl del /odd/empty").await;
    assert!(!say(&sandbox, "etcdctl endpoint hashkv").await.contains(&hash));
    for ordinal in 0..3 {
        let command = Command::new(["etcdctl", "endpoint", "hashkv", "--rev", &revision]);
        let output = run_at(&sandbox, &pod(ordinal), &command).await;
        assert!(output.stdout.contains(&format!(", {hash}\n")), "{output:?}");
    }
}
