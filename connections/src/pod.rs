//! Commands in a container of a pod, through the API server's exec. Nothing is wrapped around them: such a container may
//! have no shell. What is started there runs on when the stream is dropped; commands in pods are short.

use std::time::Duration;

use cutover_engine::world::{Command, Exit, Io, Transport, TransportFault, default_container};
use futures_util::future::BoxFuture;
use k8s_openapi::api::core::v1;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use kube::api::AttachParams;
use kube::client::UpgradeConnectionError;
use kube::{Api, Client};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};

use crate::{silence, wrapper};

/// Buffer of each stream, in bytes.
const BUFFER: usize = 256 * 1024;

/// A container of a pod.
pub(crate) struct Pod {
    api: Api<v1::Pod>,
    site: String,
    name: String,
    namespace: String,
    container: Option<String>,
}

impl Pod {
    /// A container by name; the pod's default if absent. The client must allow long pauses.
    pub(crate) fn new(client: Client, site: &str, namespace: &str, name: &str, container: Option<String>) -> Self {
        let (site, name) = (site.to_owned(), name.to_owned());
        Self { api: Api::namespaced(client, namespace), site, name, namespace: namespace.to_owned(), container }
    }

    /// The container to use. The API server chooses by itself only where there is one.
    async fn container(&self) -> Result<String, TransportFault> {
        if let Some(name) = &self.container {
            return Ok(name.clone());
        }
        let pod = self.api.get(&self.name).await.map_err(|error| self.not_looked_up(&error))?;
        let pod = serde_json::to_value(pod).unwrap_or_default();
        default_container(&pod)
            .map(str::to_owned)
            .ok_or_else(|| TransportFault::Unreachable(format!("pod `{}` has no container", self.name)))
    }

    fn refused(&self, error: &kube::Error) -> TransportFault {
        TransportFault::Unreachable(silence::words(&self.site, &format!("exec in pod {}", self.name), error))
    }

    /// Why the pod could not be looked up: nothing was sent to it.
    fn not_looked_up(&self, error: &kube::Error) -> TransportFault {
        if let kube::Error::Api(status) = error
            && status.code == 403
        {
            return TransportFault::Forbidden(format!(
                "{}: exec in pod {}: {} (403)",
                self.site, self.name, status.message
            ));
        }
        let is_busy = match error {
            kube::Error::Api(status) => matches!(status.code, 429 | 500 | 502..=504),
            error => silence::was_cut(error),
        };
        if is_busy { busy(self.refused(error)) } else { self.refused(error) }
    }

    /// Why a command was not started. The answer to the request for a stream has a status and no message.
    fn not_started(&self, error: &kube::Error) -> TransportFault {
        let status = match error {
            kube::Error::UpgradeConnection(UpgradeConnectionError::ProtocolSwitch(status)) => status.as_u16(),
            kube::Error::Api(status) => status.code,
            _ => 0,
        };
        let Self { site, name, namespace, .. } = self;
        let (why, help) = match status {
            401 => ("the credentials of the kubeconfig's user are wrong or have expired", "renew them".to_owned()),
            403 => return TransportFault::exec_forbidden(site, namespace, name),
            // It was turned away before it was passed on to the node.
            429 => return busy(self.refused(error)),
            _ => return self.refused(error),
        };
        TransportFault::Auth(format!("{site}: exec in pod {name}: {why} ({status}); {help}"))
    }
}

/// The same of an API server that is likely to answer in a moment.
fn busy(fault: TransportFault) -> TransportFault {
    match fault {
        TransportFault::Unreachable(why) => TransportFault::Busy { why, after: Duration::ZERO },
        fault => fault,
    }
}

impl Transport for Pod {
    fn exec<'a>(&'a self, command: &'a Command, mut io: Io<'a>) -> BoxFuture<'a, Result<Exit, TransportFault>> {
        Box::pin(async move {
            let argv = argv(command)?;
            let container = self.container().await?;
            let wants_input = io.stdin.is_some() || command.stdin.is_some();
            let params = AttachParams::default()
                .container(container)
                .stdin(wants_input)
                .stdout(true)
                .stderr(true)
                .tty(false)
                .max_stdin_buf_size(BUFFER)
                .max_stdout_buf_size(BUFFER)
                .max_stderr_buf_size(BUFFER);
            let mut process =
                self.api.exec(&self.name, argv, &params).await.map_err(|error| self.not_started(&error))?;
            let (stdin, status) = (process.stdin(), process.take_status());
            let (stdout, stderr) = (process.stdout(), process.stderr());
            let feeding = feed(stdin, command, io.stdin.take());
            // If the stream breaks, the readers wait for ever (they share their buffer with the writers); only the
            // status reveals it. A stream that ends well closes them after the status.
            let listening = async {
                let output = async { tokio::join!(forward(stdout, &mut io.stdout), forward(stderr, &mut io.stderr)) };
                let status = status?;
                tokio::pin!(output, status);
                let ended = tokio::select! {
                    ended = &mut status => ended?,
                    _ = &mut output => return status.await,
                };
                output.await;
                Some(ended)
            };
            let status = tokio::select! {
                broken = feeding => {
                    return Err(TransportFault::Lost(format!("the input of `{command}` broke off: {broken}")));
                }
                status = listening => status,
            };
            let ended = match status {
                None => {
                    Err(TransportFault::Lost(format!("the stream to pod `{}` broke while `{command}` ran", self.name)))
                }
                Some(status) => Ok(exit(&status)),
            };
            let (exit, why) = ended?;
            let _ = io.stderr.write_all(why.as_bytes()).await;
            let _ = io.stdout.shutdown().await;
            let _ = io.stderr.shutdown().await;
            Ok(exit)
        })
    }
}

/// The argv in the container. Exec has neither environment nor directory: `env` sets them.
fn argv(command: &Command) -> Result<Vec<String>, TransportFault> {
    wrapper::check(command)?;
    let mut head = Vec::new();
    if !command.env.is_empty() || command.cwd.is_some() {
        head.push("env".to_owned());
        head.extend(command.cwd.iter().map(|cwd| format!("--chdir={cwd}")));
        head.extend(command.env.iter().map(|(name, value)| format!("{name}={value}")));
    }
    head.extend(command.argv.iter().cloned());
    Ok(head)
}

async fn feed(
    stdin: Option<impl AsyncWrite + Unpin>,
    command: &Command,
    stream: Option<Box<dyn AsyncRead + Send + Unpin + '_>>,
) -> std::io::Error {
    if let Some(mut stdin) = stdin {
        match (stream, &command.stdin) {
            (Some(mut stream), _) => {
                if let Err(error) = tokio::io::copy(&mut stream, &mut stdin).await
                    && error.kind() != std::io::ErrorKind::BrokenPipe
                {
                    return error;
                }
            }
            (None, Some(text)) => drop(stdin.write_all(text.as_bytes()).await),
            (None, None) => {}
        }
        let _ = stdin.shutdown().await;
    }
    std::future::pending().await
}

async fn forward(source: Option<impl AsyncRead + Unpin>, sink: &mut (impl AsyncWrite + Unpin)) {
    if let Some(mut source) = source {
        let _ = tokio::io::copy(&mut source, sink).await;
    }
}

/// The result on the status channel: the exit, and text for standard error if the command never ran.
fn exit(status: &Status) -> (Exit, String) {
    if status.status.as_deref() == Some("Success") {
        return (Exit::Code(0), String::new());
    }
    let causes = status.details.iter().flat_map(|details| details.causes.iter().flatten());
    let code = causes
        .filter(|cause| cause.reason.as_deref() == Some("ExitCode"))
        .find_map(|cause| cause.message.as_deref()?.parse().ok());
    match code {
        Some(code) => (Exit::Code(code), String::new()),
        // The container runtime could not start it: 126, a shell's code for a command that cannot be executed.
        None => (Exit::Code(126), format!("{}\n", status.message.as_deref().unwrap_or("the command was not started"))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_status_channel_reports_the_exit() {
        let cases = [
            (json!({"status": "Success", "metadata": {}}), (Exit::Code(0), "")),
            (
                json!({"status": "Failure", "reason": "NonZeroExitCode", "message": "command terminated with exit code 3",
                       "details": {"causes": [{"reason": "ExitCode", "message": "3"}]}}),
                (Exit::Code(3), ""),
            ),
            (
                json!({"status": "Failure", "reason": "InternalError", "code": 500, "message": "exec: \"x\": not found"}),
                (Exit::Code(126), "exec: \"x\": not found\n"),
            ),
        ];
        for (status, (expected, words)) in cases {
            let status: Status = serde_json::from_value(status).unwrap();
            assert_eq!(exit(&status), (expected, words.to_owned()));
        }
    }

    #[test]
    fn env_sets_what_exec_cannot() {
        let mut command = Command::new(["date", "-u"]);
        assert_eq!(argv(&command).unwrap(), ["date", "-u"]);
        command.env.insert("LC_ALL".to_owned(), "C".to_owned());
        command.cwd = Some("/data".to_owned());
        assert_eq!(argv(&command).unwrap(), ["env", "--chdir=/data", "LC_ALL=C", "date", "-u"]);
    }
}
