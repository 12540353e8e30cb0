//! Turns a request without an answer into a fault with a hint: whether it was sent at all, and whether TLS or the credentials
//! are the cause. Answers are classified by [`cutover_engine::module::api_failure`].

use std::io;
use std::time::Duration;

use cutover_engine::module::api_failure;
use cutover_engine::world::{Answer, TransportFault};
use serde_json::json;

/// Hyper's message if it did not get as far as sending anything: no connection, or no TLS on it.
const NOT_SENT: &str = "client error (Connect)";

/// Hyper's message if the server closed the connection instead of answering.
const CLOSED: &str = "connection closed before message completed";

/// The fault of a request that got no answer. `request` is what a person would type: `GET /api/...`.
pub(crate) fn fault(site: &str, request: &str, error: &kube::Error) -> TransportFault {
    let text = words(site, request, error);
    match error {
        kube::Error::Auth(_) => TransportFault::Auth(text),
        kube::Error::Api(status) if status.code == 401 => TransportFault::Auth(text),
        kube::Error::Api(status) if status.code == 403 => TransportFault::Forbidden(text),
        error if causes(error).any(|cause| cause.to_string() == NOT_SENT) => match was_cut(error) {
            true => TransportFault::Busy { why: text, after: Duration::ZERO },
            false => TransportFault::Unreachable(text),
        },
        _ => TransportFault::Lost(text),
    }
}

/// Whether somebody was there and cut the connection: an API server that restarts, a load balancer that has none at the moment.
pub(crate) fn was_cut(error: &kube::Error) -> bool {
    let cut = |cause: &(dyn std::error::Error + 'static)| cause.downcast_ref::<io::Error>().is_some_and(is_cut);
    causes(error).any(|cause| cause.to_string() == CLOSED || cut(cause))
}

/// Whether an error, or one that it wraps, is that of a connection that was cut. An I/O error leaves out of its causes what it wraps.
fn is_cut(error: &io::Error) -> bool {
    let within = error.get_ref().and_then(|inner| inner.downcast_ref::<io::Error>());
    crate::is_cut(error.kind()) || within.is_some_and(is_cut)
}

/// What went wrong, and what to do about it, in one line.
pub(crate) fn words(site: &str, request: &str, error: &kube::Error) -> String {
    let (why, help) = match error {
        kube::Error::Api(status) => {
            let body = json!({"reason": status.reason, "message": status.message});
            let failure = api_failure(site, request, &Answer::new(status.code, body));
            return match &failure.help {
                Some(help) => format!("{failure}; {help}"),
                None => failure.to_string(),
            };
        }
        kube::Error::Auth(error) => (
            format!("no credentials: {error}"),
            "the kubeconfig's user needs a working token, certificate or credential plugin",
        ),
        kube::Error::SerdeError(error) => (
            format!("the answer is not what was asked for: {error}"),
            "is there a proxy or a login page between here and the API server?",
        ),
        other => {
            let text = chain(other);
            let help = connection(&text);
            (text, help)
        }
    };
    format!("{site}: {request}: {why}; {help}")
}

/// A hint for a request that got no answer.
fn connection(text: &str) -> &'static str {
    let mentions = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if mentions(&["CaUsedAsEndEntity", "UnsupportedCertVersion"]) {
        "the CA certificate of the cluster, or the API server's own, is of a kind that rustls refuses although kubectl accepts it (a server certificate used as \
         its own CA, or X.509 v1): put a CA certificate of version 3 with CA:TRUE into the kubeconfig"
    } else if mentions(&["UnknownIssuer", "BadSignature"]) {
        "the kubeconfig's certificate-authority is not the one that signed the API server's certificate; rustls also needs \
         it to be a CA (CA:TRUE), which kubectl does not"
    } else if mentions(&["NotValidForName", "not valid for name"]) {
        "the API server's certificate is not for this address; use an address that is in it, or set `tls-server-name` in the \
         kubeconfig"
    } else if mentions(&["Expired", "expired", "NotValidYet"]) {
        "a certificate is out of date, or a clock is wrong"
    } else if mentions(&["certificate", "tls", "TLS"]) {
        "the TLS handshake failed: check the kubeconfig's certificate-authority and client certificate"
    } else {
        "is the API server up, and is the address in the kubeconfig reachable from here?"
    }
}

/// An error with its causes; the outermost message alone says only that something failed.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    causes(error).fold(String::new(), |text, cause| {
        let words = cause.to_string();
        match text.is_empty() {
            true => words,
            false if text.contains(&words) => text,
            false => format!("{text}: {words}"),
        }
    })
}

/// An error and its causes, outermost first.
fn causes<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| error.source())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_silence_are_distinguished() {
        let cases = [
            ("invalid peer certificate: UnknownIssuer", "certificate-authority"),
            ("invalid peer certificate: CaUsedAsEndEntity", "X.509 v1"),
            ("invalid peer certificate: certificate not valid for name \"a\"", "tls-server-name"),
            ("tcp connect error: Connection refused (os error 111)", "is the API server up"),
        ];
        for (text, hint) in cases {
            let error = kube::Error::Service(std::io::Error::other(text).into());
            let fault = fault("primary", "GET /x", &error);
            let TransportFault::Lost(words) = &fault else { panic!("{fault}") };
            assert!(words.starts_with("primary: GET /x: ") && words.contains(text) && words.contains(hint), "{words}");
        }
    }

    #[test]
    fn a_connection_that_is_cut_is_distinguished_from_one_that_never_was() {
        for (kind, cut) in [
            (io::ErrorKind::ConnectionReset, true),
            (io::ErrorKind::UnexpectedEof, true),
            (io::ErrorKind::ConnectionRefused, false),
            (io::ErrorKind::TimedOut, false),
            (io::ErrorKind::InvalidData, false),
        ] {
            let error = kube::Error::Service(io::Error::new(kind, "x").into());
            assert_eq!(was_cut(&error), cut, "{kind}");
            let wrapped = io::Error::other(io::Error::new(kind, "x"));
            assert_eq!(was_cut(&kube::Error::Service(wrapped.into())), cut, "{kind}");
        }
    }

    #[test]
    fn a_request_that_was_not_sent_is_distinguished_from_a_lost_answer() {
        let kind = |text: &'static str| {
            let error = kube::Error::Service(std::io::Error::other(text).into());
            matches!(fault("primary", "PATCH /x", &error), TransportFault::Unreachable(_))
        };
        assert!(kind(NOT_SENT) && !kind("connection closed before message completed"));
    }
}
