//! Trials of a copy, on this machine and in the sandbox: they find what a copy cannot make equal, and leave nothing behind.

use cutover_testkit::stage::Stage;
use serde_json::{Value, json};

use super::trees::{Mounts, Scratch, build, stages, to_other_node, trees, write};

/// The trial of a copy: the summary of its one change, and what it finds.
async fn trial(stage: &Stage, params: &Value) -> (String, Result<Value, cutover_engine::failure::Failure>) {
    let mut params = params.clone();
    params["trial"] = json!(true);
    let probed = stage.look("copy_preserve", &params).await.unwrap();
    let cutover_engine::module::Diff::Run(changes) = &probed.diff else { panic!("{:?}", probed.diff) };
    assert_eq!(changes[0].class, cutover_engine::module::Class::Transient);
    let (summary, changes) = (changes[0].summary.to_string(), changes.clone());
    let done = stage.apply(&changes).await;
    let judged = probed.judge(&done);
    (summary, judged.map(|()| probed.result(&done)))
}

#[tokio::test(start_paused = true)]
async fn a_trial_copies_some_of_each_kind_and_leaves_nothing() {
    let scratch = Scratch::new();
    let (source, above) = (scratch.path("source"), scratch.path("shared"));
    let mut tried = Vec::new();
    for stage in stages().await {
        build(&stage, &source).await;
        stage.must(&["mkdir", "-p", &above]).await;
        stage.must(&["chmod", "2775", &above]).await;
        stage.must(&["touch", "-d", "@1600000001", &above]).await;
        // What it leaves if it is killed is removed by the next one.
        let held = stage.name == "host";
        let _held = held.then(|| std::fs::File::open(format!("{source}/member/snap/db")).unwrap());
        for params in [trees(&source, &format!("{above}/not/yet")), to_other_node(&source, &format!("{above}/not"))] {
            let (summary, result) = trial(&stage, &params).await;
            assert!(summary.starts_with("try to copy ") && summary.contains(" entries ("), "{summary}");
            let result = result.unwrap();
            let paths: Vec<&str> =
                result["sample"]["paths"].as_array().unwrap().iter().map(|path| path.as_str().unwrap()).collect();
            for path in [".", "member", "with space", "empty", "fifo", "sparse"] {
                assert!(paths.contains(&path), "{}: {path}: {paths:?}", stage.name);
            }
            assert!(!paths.iter().any(|path| path.contains("lost+found")), "{paths:?}");
            assert_eq!(result["sample"]["untried"], 0);
            assert_eq!(stage.must(&["ls", "-A", &above]).await, "", "{}", stage.name);
            assert_eq!(stage.must(&["stat", "-c", "%Y", &above]).await, "1600000001\n");
            tried.push(result["sample"]["kinds"].clone());
        }
    }
    assert_eq!(tried[0], tried[1]);
}

#[tokio::test(start_paused = true)]
async fn a_trial_finds_what_a_file_system_cannot_hold() {
    let scratch = Scratch::new();
    let (source, there, image) = (scratch.path("source"), scratch.path("there"), scratch.path("image"));
    for stage in stages().await {
        build(&stage, &source).await;
        stage.must(&["mkdir", "-p", &there]).await;
        let _gone = Mounts(vec![there.clone()]);
        // Small inodes have whole seconds only.
        let made = if stage.name == "sandbox" {
            stage.must(&["mkfs.ext4", "-q", "-I", "128", "/dev/sdc"]).await;
            stage.run(&["mount", "/dev/sdc", &there]).await.success()
        } else {
            stage.must(&["truncate", "-s", "256M", &image]).await;
            stage.must(&["mkfs.ext4", "-q", "-F", "-I", "128", &image]).await;
            stage.run(&["mount", "-o", "loop", &image, &there]).await.success()
        };
        if !made {
            eprintln!("SKIPPED on {}: needs root and a loop device", stage.name);
            continue;
        }
        let before = stage.must(&["ls", "-A", &there]).await;
        for params in [trees(&source, &format!("{there}/data")), to_other_node(&source, &format!("{there}/data"))] {
            if stage.name == "sandbox" && params["destination"]["node"] == "worker02" {
                continue;
            }
            let failure = trial(&stage, &params).await.1.unwrap_err();
            let words = failure.message.to_string();
            assert!(words.contains(" would not be equal: ") && words.contains(&there), "{}: {words}", stage.name);
            let lines: Vec<String> = failure.details.iter().map(ToString::to_string).collect();
            assert!(lines.iter().any(|line| line.starts_with("with space: time (")), "{}: {lines:?}", stage.name);
            assert_eq!(stage.must(&["ls", "-A", &there]).await, before, "{}", stage.name);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_changed_while_it_is_tried_does_not_count() {
    let scratch = Scratch::new();
    let source = scratch.path("source");
    for stage in stages().await {
        build(&stage, &source).await;
        let params = json!({"source": {"path": source}, "destination": {"path": scratch.path("copy")}, "trial": true});
        let probed = stage.look("copy_preserve", &params).await.unwrap();
        let cutover_engine::module::Diff::Run(changes) = &probed.diff else { panic!("{:?}", probed.diff) };
        let mut outputs = Vec::new();
        for action in &changes[0].actions.clone() {
            let output = stage.act(action).await;
            assert!(output.success(), "{output:?}");
            outputs.push(cutover_engine::action::Done::Output(output));
            // The service goes on writing.
            write(&stage, &format!("{source}/with space"), &format!("{} bytes", outputs.len())).await;
            stage.must(&["rm", "-f", &format!("{source}/fifo")]).await;
        }
        probed.judge(&outputs).unwrap();
        assert!(probed.judge(&outputs[..2]).is_err(), "{}: there is no second list", stage.name);
    }
}
