//! Credentials by an exec plugin of a kubeconfig: a program of this machine that prints them. What it prints is a secret, and what it complains of
//! may hold one: neither is shown or kept anywhere. It has no terminal, since the screen belongs to the run.

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cutover_engine::world::{Command, Exit, TransportFault, collect};
use jiff::Timestamp;
use kube::config::{AuthInfo, Cluster, ExecConfig, ExecInteractiveMode};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::endings::Endings;
use crate::local::Local;

/// How long it may take, whatever time the step has.
const LIMIT: Duration = Duration::from_secs(60);
/// How long before they expire credentials are renewed, in seconds.
const EARLY: i64 = 10;

/// Why there are no credentials. Nothing that the plugin printed is in it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoCredentials(pub(crate) String);

/// Runs the plugin and puts what it printed into the user, in its place. Returns when the credentials have to be renewed; nothing if they
/// never expire. Dropping the future ends the plugin.
pub(crate) async fn log_in(
    user: &mut AuthInfo,
    cluster: Option<&Cluster>,
    kubeconfig: &Path,
    endings: &Endings,
) -> Result<Option<Timestamp>, NoCredentials> {
    let Some(exec) = user.exec.take() else { return Ok(None) };
    let program = exec.command.clone().unwrap_or_default();
    let printed = run(&exec, &program, cluster, kubeconfig, endings).await?;
    let wrong = |why: &str| NoCredentials(format!("the exec plugin `{program}` {why}"));
    let answer: Value =
        serde_json::from_str(&printed).map_err(|_| wrong("has not printed credentials (an ExecCredential as JSON)"))?;
    if exec.api_version.as_deref().is_some_and(|version| answer["apiVersion"] != version) {
        let version = exec.api_version.unwrap_or_default();
        return Err(wrong(&format!("speaks another version than the kubeconfig asks for ({version}): see its manual")));
    }
    let status = &answer["status"];
    let text = |name: &str| status[name].as_str().filter(|text| !text.is_empty());
    if text("token").is_none() && (text("clientCertificateData").is_none() || text("clientKeyData").is_none()) {
        return Err(wrong("has printed neither a token nor a certificate with its key"));
    }
    if let Some(token) = text("token") {
        user.token = Some(SecretString::from(token.trim().to_owned()));
    }
    if let (Some(certificate), Some(key)) = (text("clientCertificateData"), text("clientKeyData")) {
        user.client_certificate_data = Some(STANDARD.encode(certificate));
        user.client_key_data = Some(SecretString::from(STANDARD.encode(key)));
    }
    match text("expirationTimestamp") {
        None => Ok(None),
        Some(until) => {
            let until: Timestamp = until.parse().map_err(|_| wrong("has printed a time of expiry that is not one"))?;
            Ok(Some(until - jiff::SignedDuration::from_secs(EARLY)))
        }
    }
}

async fn run(
    exec: &ExecConfig,
    program: &str,
    cluster: Option<&Cluster>,
    kubeconfig: &Path,
    endings: &Endings,
) -> Result<String, NoCredentials> {
    if program.is_empty() {
        return Err(NoCredentials("the user's `exec` names no command".to_owned()));
    }
    if exec.interactive_mode == Some(ExecInteractiveMode::Always) {
        return Err(NoCredentials(format!(
            "the exec plugin `{program}` wants to ask a person (interactiveMode: Always), and a run has no terminal for it: use \
             `IfAvailable` and log in beforehand, or a user with a token"
        )));
    }
    // As kubectl finds it: a path is one from the kubeconfig's directory, a bare name is looked for in the PATH.
    let path = match program.contains('/') {
        true => kubeconfig.parent().unwrap_or(Path::new("/")).join(program).display().to_string(),
        false => program.to_owned(),
    };
    let mut command = Command::new(std::iter::once(path).chain(exec.args.iter().flatten().cloned()));
    for pair in exec.env.iter().flatten() {
        if let (Some(name), Some(value)) = (pair.get("name"), pair.get("value")) {
            command.env.insert(name.clone(), value.clone());
        }
    }
    command.env.insert("KUBERNETES_EXEC_INFO".to_owned(), info(exec, cluster).to_string());
    let output = collect(&Local::new(LIMIT, endings.clone()), &command).await.map_err(|fault| match fault {
        TransportFault::TimedOut(_) => NoCredentials(format!(
            "the exec plugin `{program}` did not end within {} s, and was ended",
            LIMIT.as_secs()
        )),
        _ => NoCredentials(format!("the exec plugin `{program}` cannot be run on this machine")),
    })?;
    let by_hand = "its output is not shown, since it may hold secrets: `kubectl` with the same context shows it";
    match output.exit {
        Exit::Code(0) => Ok(output.stdout),
        Exit::Code(126 | 127) => {
            let hint = exec.install_hint.as_deref().map(str::trim).filter(|hint| !hint.is_empty());
            let hint = hint.map(|hint| format!("; the kubeconfig says: {hint}")).unwrap_or_default();
            Err(NoCredentials(format!("the program `{program}` of an exec plugin is missing on this machine{hint}")))
        }
        exit => Err(NoCredentials(format!("the exec plugin `{program}` ended with {exit}; {by_hand}"))),
    }
}

/// What the plugin learns (KUBERNETES_EXEC_INFO).
fn info(exec: &ExecConfig, cluster: Option<&Cluster>) -> Value {
    let mut spec = json!({"interactive": false});
    if let Some(cluster) = cluster.filter(|_| exec.provide_cluster_info) {
        spec["cluster"] = json!({
            "server": cluster.server,
            "tls-server-name": cluster.tls_server_name,
            "insecure-skip-tls-verify": cluster.insecure_skip_tls_verify.unwrap_or_default(),
            "certificate-authority-data": cluster.certificate_authority_data,
            "proxy-url": cluster.proxy_url,
        });
        if let Some(fields) = spec["cluster"].as_object_mut() {
            fields.retain(|_, value| !value.is_null());
        }
    }
    json!({"apiVersion": exec.api_version, "kind": "ExecCredential", "spec": spec})
}
