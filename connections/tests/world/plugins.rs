//! Users whose credentials an exec plugin prints: a program of the test's own.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use cutover_engine::world::{TransportFault, World as _};
use serde_json::json;

use crate::kubernetes::{Api, answer, get, kubeconfig, refused, world};

const SETTINGS: &str = "kubeconfig: kube.conf, context: lab";
const HEAD: &str = "apiVersion: client.authentication.k8s.io/v1";

/// A kubeconfig whose user has an exec plugin: a script in its directory, and more of its settings.
fn folder(server: &str, script: Option<&str>, more: &str) -> tempfile::TempDir {
    let folder = kubeconfig(server, "");
    let file = folder.path().join("kube.conf");
    let text = std::fs::read_to_string(&file).unwrap();
    let user = format!("{{name: u, user: {{exec: {{{HEAD}, command: ./plugin{more}}}}}}}");
    std::fs::write(&file, text.replace("{name: u, user: {token: t}}", &user)).unwrap();
    if let Some(script) = script {
        // Another process writes it: one that is started while this one has it open would be refused.
        let path = folder.path().join("plugin");
        let written = std::process::Command::new("sh")
            .args(["-c", "printf '#!/bin/sh\\n%s\\n' \"$1\" > \"$2\" && chmod 755 \"$2\"", "sh", script])
            .arg(&path)
            .status();
        assert!(written.unwrap().success());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o755);
    }
    folder
}

fn printed(token: &str, more: &str) -> String {
    let status = format!("{{\"token\": \"{token}\"{more}}}");
    format!(
        "echo x >> \"$(dirname \"$0\")/calls\"; echo \"$KUBERNETES_EXEC_INFO\" > \"$(dirname \"$0\")/info\"; echo '{{\"kind\": \
         \"ExecCredential\", \"apiVersion\": \"client.authentication.k8s.io/v1\", \"status\": {status}}}'"
    )
}

fn calls(folder: &Path) -> usize {
    std::fs::read_to_string(folder.join("calls")).unwrap_or_default().lines().count()
}

#[tokio::test]
async fn what_a_plugin_prints_is_the_credentials_until_they_expire() {
    let api = Api::start(answer).await;
    let server = format!("http://127.0.0.1:{}", api.port);
    let folder = folder(&server, Some(&printed("of-the-plugin", "")), ", provideClusterInfo: true");
    let here = world(folder.path(), SETTINGS);
    for _ in 0..2 {
        assert!(here.request(&get("/version")).await.is_ok());
    }
    assert_eq!(api.last_authorization().as_deref(), Some("Bearer of-the-plugin"));
    assert_eq!(calls(folder.path()), 1, "it is asked once");
    let info: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(folder.path().join("info")).unwrap()).unwrap();
    assert_eq!(info["spec"]["interactive"], json!(false));
    assert_eq!(info["spec"]["cluster"]["server"], json!(server));

    let expired = printed("short", ", \"expirationTimestamp\": \"2020-01-01T00:00:00Z\"");
    let folder = self::folder(&server, Some(&expired), "");
    let here = world(folder.path(), SETTINGS);
    for _ in 0..2 {
        assert!(here.request(&get("/version")).await.is_ok());
    }
    assert_eq!(calls(folder.path()), 2, "what has expired is renewed");
}

#[tokio::test]
async fn a_plugin_that_cannot_help_is_named_and_never_quoted() {
    let secret = "hunter2";
    let other =
        printed(secret, "").replace("k8s.io/v1\\\"", "k8s.io/v1beta1\\\"").replace("k8s.io/v1\"", "k8s.io/v1beta1\"");
    for (script, more, words) in [
        (
            None,
            ", installHint: 'apt install the-plugin'",
            "`./plugin` of an exec plugin is missing on this machine; the kubeconfig says: apt install the-plugin",
        ),
        (Some("echo hunter2; echo hunter2 >&2; exit 3"), "", "`./plugin` ended with exit code 3"),
        (Some("echo hunter2"), "", "has not printed credentials"),
        (
            Some("echo '{\"apiVersion\": \"client.authentication.k8s.io/v1\", \"status\": {}}'"),
            "",
            "neither a token nor a certificate",
        ),
        (Some(other.as_str()), "", "speaks another version than the kubeconfig asks for"),
        (Some("true"), ", interactiveMode: Always", "wants to ask a person (interactiveMode: Always)"),
    ] {
        let folder = folder("http://127.0.0.1:1", script, more);
        let fault = refused(&world(folder.path(), SETTINGS)).await;
        let TransportFault::Auth(why) = &fault else { panic!("{fault}") };
        assert!(why.contains(words) && !why.contains(secret), "{words}: {why}");
    }
}

#[tokio::test]
async fn a_plugin_that_hangs_is_killed_when_nobody_waits_any_more() {
    let folder = folder("http://127.0.0.1:1", Some("echo $$ > \"$(dirname \"$0\")/pid\"; sleep 600 & wait"), "");
    let here = world(folder.path(), SETTINGS);
    let waited = tokio::time::timeout(Duration::from_secs(2), here.request(&get("/version"))).await;
    assert!(waited.is_err(), "{waited:?}");
    let pid = std::fs::read_to_string(folder.path().join("pid")).unwrap();
    let began = Instant::now();
    while Path::new(&format!("/proc/{}", pid.trim())).exists() {
        assert!(began.elapsed() < Duration::from_secs(10), "it still runs");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
