//! Single files and commands on this machine and in the sandbox: the modules do the same in both.

use cutover_engine::module::Diff;
use cutover_testkit::stage::Stage;
use serde_json::{Value, json};

fn stages() -> [Stage; 2] {
    [Stage::host(), Stage::sandbox()]
}

#[tokio::test(start_paused = true)]
async fn a_file_is_written_changed_and_removed() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("conf.d").to_str().unwrap().to_owned();
    let path = format!("{dir}/a file");
    for stage in stages() {
        let (made, _) = stage.converge("file", &json!({"path": dir, "state": "directory", "mode": "0750"})).await;
        assert_eq!(made, [format!("make the directory {dir}")], "{}", stage.name);
        let wanted = json!({"path": path, "content": "eins\nzwei ü\n", "mode": "0640"});
        let (made, result) = stage.converge("file", &wanted).await;
        assert_eq!(made, [format!("create {path} (13 bytes)")]);
        assert_eq!(result["found"]["mode"], "0640");
        assert_eq!(stage.must(&["cat", &path]).await, "eins\nzwei ü\n");
        assert!(stage.converge("file", &wanted).await.0.is_empty(), "{}: in sync at once", stage.name);

        let (changed, result) = stage.converge("file", &json!({"path": path, "content": ""})).await;
        assert_eq!(changed, [format!("replace the content of {path} (0 bytes)")]);
        assert_eq!(result["found"]["mode"], "0640", "{}: the mode is preserved", stage.name);
        assert_eq!(stage.must(&["ls", "-A", &dir]).await, "a file\n", "{}: nothing is left beside it", stage.name);

        let (changed, _) = stage.converge("file", &json!({"path": path, "state": "touch", "mode": "4711"})).await;
        assert_eq!(changed, [format!("change the mode of {path} from 0640 to 4711")]);
        let refused = stage.refusal("file", &json!({"path": dir, "state": "absent"})).await;
        assert_eq!(refused, [format!("{dir} is not empty (1 entries); say `recursive: true` to remove them")]);
        let (changed, _) = stage.converge("file", &json!({"path": dir, "state": "absent", "recursive": true})).await;
        assert_eq!(changed, [format!("remove the directory {dir} with the 1 entries in it")]);
    }
}

#[tokio::test(start_paused = true)]
async fn undoing_a_change_brings_the_old_file_back() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("x").to_str().unwrap().to_owned();
    for stage in stages() {
        stage.must(&["mkdir", "-p", scratch.path().to_str().unwrap()]).await;
        stage.converge("file", &json!({"path": path, "content": "old\n", "mode": "0604"})).await;
        for wanted in [json!({"path": path, "content": "new\n"}), json!({"path": path, "state": "absent"})] {
            let Diff::Change(changes) = stage.look("file", &wanted).await.unwrap().diff else { panic!("{wanted}") };
            stage.apply(&changes).await;
            for action in changes.iter().flat_map(|change| change.undo.as_ref().unwrap()) {
                assert!(stage.act(action).await.success());
            }
            assert_eq!(stage.must(&["cat", &path]).await, "old\n", "{}", stage.name);
            assert_eq!(stage.must(&["stat", "-c", "%a", &path]).await, "604\n", "{}", stage.name);
        }
        stage.must(&["rm", &path]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn links_and_mount_points_are_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("link").to_str().unwrap().to_owned();
    for stage in stages() {
        stage.must(&["mkdir", "-p", scratch.path().to_str().unwrap()]).await;
        stage.must(&["ln", "-s", "/etc/passwd", &path]).await;
        let refused = stage.refusal("file", &json!({"path": path, "content": "x"})).await;
        assert_eq!(refused, [format!("{path} is a symbolic link, not a regular file")]);
        stage.must(&["rm", &path]).await;
        let refused = stage.refusal("file", &json!({"path": "/usr", "state": "absent"})).await;
        assert!(refused[0].contains("top-level"), "{}: {refused:?}", stage.name);
    }
}

#[tokio::test(start_paused = true)]
async fn commands_run_once_or_while_looking() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("made").to_str().unwrap().to_owned();
    for stage in stages() {
        stage.must(&["mkdir", "-p", scratch.path().to_str().unwrap()]).await;
        let read = json!({"argv": ["cat", "-"], "stdin": "{\"a\": 1}", "read_only": true});
        let read = if stage.name == "host" {
            read
        } else {
            json!({"argv": ["cat"], "stdin": "{\"a\": 1}", "read_only": true})
        };
        let (_, result) = stage.converge("command", &read).await;
        assert_eq!(
            result,
            json!({"rc": 0, "stdout": "{\"a\": 1}", "stderr": "", "stdout_lines": ["{\"a\": 1}"], "json": {"a": 1}})
        );

        let refused = stage.refusal("command", &json!({"argv": ["false"], "read_only": true})).await;
        assert_eq!(refused, ["false ended with exit code 1"]);
        let accepted = json!({"argv": ["false"], "read_only": true, "expect_rc": [0, 1]});
        assert_eq!(stage.converge("command", &accepted).await.1["rc"], 1);

        let Diff::Run(changes) = stage.look("command", &json!({"argv": ["touch", path]})).await.unwrap().diff else {
            panic!()
        };
        assert_eq!(changes[0].summary, format!("run touch {path}"));
        let creates: Value = json!({"argv": ["touch", path], "creates": path});
        assert_eq!(stage.converge("command", &creates).await.0.len(), 1);
        assert!(stage.converge("command", &creates).await.0.is_empty(), "{}: done already", stage.name);
    }
}

#[tokio::test(start_paused = true)]
async fn values_alone_need_no_world() {
    let stage = Stage::sandbox();
    let (_, facts) = stage.converge("set_fact", &json!({"a": 1, "b": [true]})).await;
    assert_eq!(facts, json!({"a": 1, "b": [true]}));
    let refused = stage
        .refusal(
            "assert",
            &json!({"message": "data lost", "that": [true, false, {"check": false, "message": "rev 3"}]}),
        )
        .await;
    assert_eq!(refused, ["data lost", "condition 2 of 3 does not hold", "rev 3"]);
    assert_eq!(stage.converge("assert", &json!({"that": [true]})).await.1, json!({"held": 1}));

    let before = tokio::time::Instant::now();
    let Diff::Run(changes) = stage.look("pause", &json!({"for": "1m 30s"})).await.unwrap().diff else { panic!() };
    assert_eq!(changes[0].actions[0].to_string(), "controller$ sleep 90");
    stage.apply(&changes).await;
    assert_eq!(before.elapsed().as_secs(), 90);
}
