//! Why a command or request could not be completed.

use std::time::Duration;

/// Why a command could not be completed, or a request was not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportFault {
    /// The host or API server does not answer; nothing was sent.
    #[error("unreachable: {0}")]
    Unreachable(String),
    /// The host or API server is there, and turns this away at the moment; nothing was sent.
    #[error("unreachable: {why}")]
    Busy {
        /// What it answered, or how it broke off.
        why: String,
        /// How long it asks to wait.
        after: Duration,
    },
    /// The host or API server refused the login.
    #[error("login refused: {0}")]
    Auth(String),
    /// The API server refused this to the user: nothing was done.
    #[error("{0}")]
    Forbidden(String),
    /// The host or cluster is not the one that was expected.
    #[error("host key or identity refused: {0}")]
    HostKey(String),
    /// A deadline ran out; the outcome is unknown.
    #[error("timed out: {0}")]
    TimedOut(String),
    /// The run was stopped.
    #[error("stopped")]
    Cancelled,
    /// The world is simulated and has no answer to this: nothing was done.
    #[error("the sandbox does not simulate {0}")]
    Unsimulated(String),
    /// The connection was lost after the command or request was sent: the outcome is unknown.
    #[error("connection lost, the outcome is unknown: {0}")]
    Lost(String),
}

impl TransportFault {
    /// The user may not run commands in a pod.
    pub fn exec_forbidden(site: &str, namespace: &str, pod: &str) -> Self {
        Self::Forbidden(format!(
            "{site}: exec in pod {namespace}/{pod}: the kubeconfig's user may not run commands there (403); it needs the verbs `create` \
             and, since Kubernetes 1.35, `get` on `pods/exec` in the namespace `{namespace}`: `kubectl auth can-i create pods \
             --subresource=exec -n {namespace}`, and the same with `get`"
        ))
    }
}
