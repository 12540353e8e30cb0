//! What an API server's refusal, or its silence, means and what to do about it.

use crate::failure::{Failure, FailureClass};

/// Turns an error of a request into a failure with its class and a hint. `request` is what a person would type: `GET /api/...`.
pub fn api_failure(site: &str, request: &str, error: &kube::Error) -> Failure {
    match error {
        kube::Error::Api(status) => {
            let (class, help) = refusal(status.code, &status.reason, &status.message);
            let failure = Failure::new(class, format!("{site}: {request}: {} ({})", status.message, status.code));
            match help {
                Some(help) => failure.help(help),
                None => failure,
            }
        }
        kube::Error::SerdeError(error) => {
            Failure::failed(format!("{site}: {request}: the answer is not what was asked for: {error}"))
                .help("is there a proxy or a login page between here and the API server?")
        }
        kube::Error::Auth(error) => Failure::unreachable(format!("{site}: {request}: no credentials: {error}"))
            .help("the kubeconfig's user needs a working token, certificate or credential plugin"),
        other => {
            let text = chain(other);
            let failure = Failure::unreachable(format!("{site}: {request}: {text}"));
            failure.help(connection(&text))
        }
    }
}

/// The class of an answer that is not 2xx, and a hint.
fn refusal(code: u16, reason: &str, message: &str) -> (FailureClass, Option<&'static str>) {
    let denied = message.contains("admission webhook") && message.contains("denied the request");
    match code {
        _ if denied => (
            FailureClass::Failed,
            Some("an admission webhook of the cluster refuses this; the message is the webhook's own: ask its owner"),
        ),
        _ if message.contains("failed calling webhook") => (
            FailureClass::Failed,
            Some(
                "an admission webhook does not answer, so the API server refuses; see `kubectl get \
                 validatingwebhookconfigurations,mutatingwebhookconfigurations` and the pods behind it",
            ),
        ),
        500.. if message.contains("container not found") => (
            FailureClass::Unreachable,
            Some("the container does not run at the moment; see `kubectl describe pod` and `kubectl logs --previous`"),
        ),
        500.. if message.contains("error dialing backend") => (
            FailureClass::Unreachable,
            Some("the API server does not reach the kubelet of the pod's node: is the node up?"),
        ),
        401 => (FailureClass::Unreachable, Some("the credentials of the kubeconfig's user are wrong or have expired")),
        403 => (
            FailureClass::Failed,
            Some("the kubeconfig's user may not do this; see `kubectl auth can-i --list`, and give it a role that may"),
        ),
        404 => (FailureClass::Failed, Some("check the name, the namespace and the kind's group and version")),
        409 if reason == "AlreadyExists" => (FailureClass::Failed, Some("an object with this name is there already")),
        409 => (
            FailureClass::Failed,
            Some("somebody else changed the object at the same moment; the next attempt reads it again"),
        ),
        429 => (FailureClass::Unreachable, Some("the API server is overloaded and asks to come back later")),
        500.. => (FailureClass::Unreachable, Some("the API server or its etcd is in trouble; see `/readyz?verbose`")),
        _ => (FailureClass::Failed, None),
    }
}

/// A hint for a request that got no answer.
fn connection(text: &str) -> &'static str {
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if says(&["CaUsedAsEndEntity", "UnsupportedCertVersion"]) {
        "the cluster's CA certificate is of a kind that rustls refuses although kubectl takes it (a server certificate used as \
         its own CA, or X.509 v1): give the kubeconfig a CA certificate of version 3 with CA:TRUE"
    } else if says(&["UnknownIssuer", "BadSignature"]) {
        "the kubeconfig's certificate-authority is not the one that signed the API server's certificate; rustls also needs \
         it to be a CA (CA:TRUE), which kubectl does not"
    } else if says(&["NotValidForName", "not valid for name"]) {
        "the API server's certificate is not for this address; use an address that is in it, or set `tls-server-name` in the \
         kubeconfig"
    } else if says(&["Expired", "expired", "NotValidYet"]) {
        "a certificate is out of date, or a clock is wrong"
    } else if says(&["certificate", "tls", "TLS"]) {
        "the TLS handshake failed: check the kubeconfig's certificate-authority and client certificate"
    } else {
        "is the API server up, and is the address in the kubeconfig reachable from here?"
    }
}

/// An error with its causes; the outermost words alone say only that something failed.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_told_apart() {
        let webhook = "admission webhook \"policy.example\" denied the request: no";
        let calling = "Internal error occurred: failed calling webhook \"policy.example\": context deadline exceeded";
        let cases = [
            (403, "Forbidden", "statefulsets.apps \"x\" is forbidden", FailureClass::Failed, "may not do this"),
            (403, "Forbidden", webhook, FailureClass::Failed, "webhook of the cluster refuses"),
            (400, "BadRequest", webhook, FailureClass::Failed, "webhook of the cluster refuses"),
            (500, "InternalError", calling, FailureClass::Failed, "webhook does not answer"),
            (401, "Unauthorized", "Unauthorized", FailureClass::Unreachable, "credentials"),
            (404, "NotFound", "not found", FailureClass::Failed, "check the name"),
            (409, "Conflict", "the object has been modified", FailureClass::Failed, "somebody else"),
            (409, "AlreadyExists", "already exists", FailureClass::Failed, "there already"),
            (429, "TooManyRequests", "slow down", FailureClass::Unreachable, "overloaded"),
            (500, "", "container not found (\"etcd\")", FailureClass::Unreachable, "does not run at the moment"),
            (500, "", "error dialing backend: dial tcp 10.0.0.1:10250", FailureClass::Unreachable, "kubelet"),
            (503, "ServiceUnavailable", "etcdserver: no leader", FailureClass::Unreachable, "in trouble"),
        ];
        for (code, reason, message, class, hint) in cases {
            let status =
                kube::core::Status { code, reason: reason.into(), message: message.into(), ..Default::default() };
            let failure = api_failure("primary", "GET /x", &kube::Error::Api(Box::new(status)));
            assert_eq!(failure.class, class, "{code} {message}");
            assert!(failure.help.clone().unwrap_or_default().contains(hint), "{code} {message}: {:?}", failure.help);
            assert_eq!(failure.message, format!("primary: GET /x: {message} ({code})"));
        }
    }

    #[test]
    fn silence_is_told_apart() {
        let cases = [
            ("invalid peer certificate: UnknownIssuer", "certificate-authority"),
            ("invalid peer certificate: CaUsedAsEndEntity", "X.509 v1"),
            ("invalid peer certificate: certificate not valid for name \"a\"", "tls-server-name"),
            ("tcp connect error: Connection refused (os error 111)", "is the API server up"),
        ];
        for (text, hint) in cases {
            let error = kube::Error::Service(std::io::Error::other(text).into());
            let failure = api_failure("primary", "GET /x", &error);
            assert_eq!(failure.class, FailureClass::Unreachable);
            assert!(failure.message.contains(text) && failure.help.unwrap_or_default().contains(hint), "{text}");
        }
    }
}
