use std::process::Stdio;

use cutover_engine::world::{Command, Output, Place};
use serde_json::{Value, json};

use crate::Sandbox;
use crate::cluster::Service as _;
use crate::cluster::chart::{Chart, merge_values};
use crate::cluster::helm::manifest_text;
use crate::services::etcd::Etcd;
use crate::testing::{run_at, sandbox};

async fn helm(sandbox: &Sandbox, line: &str, stdin: &str) -> Output {
    let head = ["helm", "--kubeconfig", "primary.conf", "--kube-context", "primary", "-n", "common"];
    let command = Command::new(head.into_iter().chain(line.split(' '))).stdin(stdin);
    run_at(sandbox, &Place::Controller, &command).await
}

async fn say(sandbox: &Sandbox, line: &str, stdin: &str) -> String {
    let Output { exit, stdout, stderr } = helm(sandbox, line, stdin).await;
    // Manifests are long, and compared elsewhere.
    let stdout: String =
        stdout.split("# Source").next().map(|head| head.chars().take(900).collect()).unwrap_or_default();
    format!(
        "$ helm {line}\n{}{}{stderr}[{exit}]\n",
        stdout.trim_end(),
        if stdout.trim_end().is_empty() { "" } else { "\n" }
    )
}

#[tokio::test(start_paused = true)]
async fn answers_read_as_those_of_the_real_one() {
    let sandbox = sandbox();
    let mut text = String::new();
    for (line, stdin) in [
        ("list -o json", ""),
        ("list", ""),
        ("history common-etcd -o json", ""),
        ("get values common-etcd -o json", ""),
        ("get values common-etcd", ""),
        ("show chart ./etcd", ""),
        ("show chart ./nochart", ""),
        ("install common-etcd ./charts/etcd", ""),
        ("install r etcd/other", ""),
        ("install r ./etcd --values -", "[1]"),
        ("install common-etcd ./etcd -n nons", ""),
        ("upgrade nope ./etcd", ""),
        ("upgrade common-etcd ./etcd --values -", "{\"replicas\": 1}"),
        ("upgrade common-etcd ./etcd --values -", "{}"),
        ("get values common-etcd -o json", ""),
        ("upgrade common-etcd ./etcd --reset-values --values -", "{}"),
        ("get values common-etcd -o json", ""),
        ("rollback common-etcd 1", ""),
        ("rollback common-etcd 77", ""),
        ("history common-etcd -o json", ""),
        ("get values common-etcd --revision 2 -o json", ""),
        ("status common-etcd", ""),
        ("uninstall common-etcd --keep-history", ""),
        ("list -o json", ""),
        ("install common-etcd ./etcd", ""),
        ("install common-etcd ./etcd --replace", ""),
        ("uninstall common-etcd", ""),
        ("uninstall common-etcd", ""),
        ("history common-etcd -o json", ""),
        ("get manifest common-etcd", ""),
        ("--kube-context noctx list", ""),
        ("--kubeconfig /nowhere/nofile list", ""),
        ("bogus", ""),
        ("list --bogus", ""),
        ("version --short", ""),
    ] {
        text += &say(&sandbox, line, stdin).await;
    }
    insta::assert_snapshot!(text);
}

/// A program of this machine, if it is there.
fn real_helm() -> Option<String> {
    let name = std::env::var("CUTOVER_HELM").unwrap_or_else(|_| "helm".to_owned());
    let probe = std::process::Command::new(&name).arg("version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    probe.is_ok_and(|status| status.success()).then_some(name)
}

fn documents(text: &str) -> Vec<(String, Value)> {
    let documents = text.split("---\n").filter(|document| document.contains("kind:"));
    let document = |document: &str| {
        let source = document.lines().find_map(|line| line.strip_prefix("# Source: ")).unwrap_or_default().to_owned();
        (source, serde_yaml::from_str(document).unwrap())
    };
    documents.map(document).collect()
}

#[test]
fn the_chart_renders_as_the_real_helm_renders_it() {
    let Some(helm) = real_helm() else {
        eprintln!(
            "SKIPPED: no helm in PATH, and CUTOVER_HELM names none: the simulated chart is not held to the real one"
        );
        return;
    };
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../playbooks/charts/etcd");
    let chart = Chart::find(&[Etcd.chart()], path).unwrap();
    for values in [
        json!({}),
        json!({"replicas": 1, "securityContext": {"runAsUser": 4711}, "nodeSelector": {}}),
        json!({
            "replicas": 5, "clusterDomain": "example.org", "clusterToken": "x", "resources": {"limits": {"cpu": "2"}},
            "tolerations": [{"operator": "Exists"}], "nodeSelector": {"cnp.inspurcloud.cn/etcd-tenant": null},
            "podManagementPolicy": "OrderedReady", "readinessProbe": {"periodSeconds": 9}, "image": {"tag": "v3.5.9"},
            "persistence": {"size": "1Gi", "storageClass": "fast"},
        }),
    ] {
        let mut child = std::process::Command::new(&helm)
            .args([
                "template",
                "my-etcd",
                path,
                "--namespace",
                "elsewhere",
                "--no-hooks",
                "--is-upgrade",
                "--values",
                "-",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), values.to_string().as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let mut all = chart.values.clone();
        merge_values(&mut all, &values);
        let ours = manifest_text(&chart.render("my-etcd", "elsewhere", &all));
        assert_eq!(documents(&ours), documents(&String::from_utf8(output.stdout).unwrap()), "{values}");
    }
    let shown = std::process::Command::new(&helm).args(["show", "chart", path]).output().unwrap();
    let shown: Value = serde_yaml::from_str(&String::from_utf8(shown.stdout).unwrap()).unwrap();
    assert_eq!(shown, chart.metadata);
}
