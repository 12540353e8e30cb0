//! Turns an API server's answer into a failure and a hint. A missing answer is classified by the world.

use serde_json::Value;

use crate::failure::{Failure, FailureClass, Passing};
use crate::text;
use crate::text::Text;
use crate::world::Answer;

/// Turns an answer that is not 2xx into a failure with its class and a hint. `request` is what a person would type:
/// `GET /api/...`.
pub fn api_failure(site: &str, request: &str, answer: &Answer) -> Failure {
    let (reason, message) = status(answer);
    let (class, help) = refusal(answer.status, reason, message);
    let code = answer.status;
    let words = text!("engine.api-refusal", "{site}: {request}: {message} ({code})", site, request, message, code);
    let may_pass = class == FailureClass::Unreachable && matches!(code, 429 | 500 | 502..=504);
    let after = answer.retry_after().unwrap_or_default();
    let passing = match is_outdated(answer) {
        true => Some(Passing::briefly(after)),
        false => may_pass.then(|| Passing::in_time(after)),
    };
    let failure = Failure { passing, ..Failure::new(class, words) };
    match help {
        Some(help) => failure.help(help),
        None => failure,
    }
}

/// Whether a change was refused because its object had been changed since it was looked at (`resourceVersion`). Another object of
/// the same name (`uid`) is not meant: nobody has looked at that.
pub(crate) fn is_outdated(answer: &Answer) -> bool {
    const WORDS: [&str; 3] = [
        "please apply your changes to the latest version",
        "the ResourceVersion in the precondition",
        "ResourceVersion in precondition",
    ];
    let (reason, message) = status(answer);
    answer.status == 409 && reason == "Conflict" && WORDS.iter().any(|words| message.contains(words))
}

/// The object of an answer that is 2xx.
///
/// # Errors
/// It is not JSON.
pub fn api_body(site: &str, request: &str, answer: Answer) -> Result<Value, Failure> {
    // A body that is not JSON is represented as a JSON string.
    let error = match &answer.body {
        Value::String(text) => serde_json::from_str::<Value>(text).err(),
        _ => None,
    };
    match error {
        None => Ok(answer.body),
        Some(error) => {
            let words = text!(
                "engine.not-json",
                "{site}: {request}: the answer is not what was asked for: {error}",
                site,
                request,
                error = error.to_string()
            );
            Err(Failure::failed(words).help(text!(
                "engine.not-json.help",
                "is there a proxy or a login page between here and the API server?"
            )))
        }
    }
}

/// Reason and message of a `Status` object. A proxy or a web server in front of the API server answers in plain text.
pub(crate) fn status(answer: &Answer) -> (&str, &str) {
    match &answer.body {
        Value::String(text) => ("", text.trim()),
        body => (body["reason"].as_str().unwrap_or_default(), bare(body["message"].as_str().unwrap_or_default())),
    }
}

/// A message without the object that it repeats: a patch that cannot be decoded is refused with all that the object has in it, which may
/// be a Secret.
fn bare(message: &str) -> &str {
    if !message.contains("patch: Invalid value: \"") {
        return message;
    }
    let end = ["}\": ", "]\": "].iter().filter_map(|end| message.rfind(end)).max();
    end.map_or(message, |end| &message[end + 4..])
}

/// The class of an answer that is not 2xx, and a hint.
fn refusal(code: u16, reason: &str, message: &str) -> (FailureClass, Option<Text>) {
    let denied = message.contains("admission webhook") && message.contains("denied the request");
    match code {
        _ if denied => (
            FailureClass::Failed,
            Some(text!(
                "engine.api-refusal.webhook-denied",
                "an admission webhook of the cluster refuses this; the message is the webhook's own: ask its owner"
            )),
        ),
        _ if message.contains("ValidatingAdmissionPolicy") && message.contains("denied request") => (
            FailureClass::Failed,
            Some(text!(
                "engine.api-refusal.policy-denied",
                "a ValidatingAdmissionPolicy of the cluster refuses this; the message is the policy's own: ask its owner, or see \
                 `kubectl get validatingadmissionpolicies,validatingadmissionpolicybindings`"
            )),
        ),
        _ if message.contains("failed calling webhook") => (
            FailureClass::Failed,
            Some(text!(
                "engine.api-refusal.webhook-silent",
                "an admission webhook does not answer, so the API server refuses; see `kubectl get \
                 validatingwebhookconfigurations,mutatingwebhookconfigurations` and the pods behind it"
            )),
        ),
        500.. if message.contains("container not found") => (
            FailureClass::Unreachable,
            Some(text!(
                "engine.api-refusal.container-gone",
                "the container does not run at the moment; see `kubectl describe pod` and `kubectl logs --previous`"
            )),
        ),
        500.. if message.contains("error dialing backend") => (
            FailureClass::Unreachable,
            Some(text!(
                "engine.api-refusal.kubelet-away",
                "the API server does not reach the kubelet of the pod's node: is the node up?"
            )),
        ),
        401 => (
            FailureClass::Unreachable,
            Some(text!(
                "engine.api-refusal.unauthorized",
                "the credentials of the kubeconfig's user are wrong or have expired"
            )),
        ),
        403 => (
            // What RBAC does not grant is refused before anything is begun. Other plugins of the API server say no in other words.
            if message.contains("\" cannot ") { FailureClass::Blocked } else { FailureClass::Failed },
            Some(text!(
                "engine.api-refusal.forbidden",
                "the kubeconfig's user may not do this; see `kubectl auth can-i --list`, and bind it to a role that may"
            )),
        ),
        400 | 422 if message.contains("strict decoding error: ") => (
            FailureClass::Failed,
            Some(text!(
                "engine.api-refusal.unknown-field",
                "the API server does not know the field, and nothing was stored: it is misspelt, at the wrong place, or of a newer version"
            )),
        ),
        404 => (
            FailureClass::Failed,
            Some(text!(
                "engine.api-refusal.not-found",
                "check the name, the namespace and the kind's group and version"
            )),
        ),
        409 if reason == "AlreadyExists" => (
            FailureClass::Failed,
            Some(text!("engine.api-refusal.exists", "an object with this name is there already")),
        ),
        409 | 422
            if ["UID in precondition", "UID in the precondition", "metadata.uid: Invalid value"]
                .iter()
                .any(|words| message.contains(words)) =>
        {
            (
                FailureClass::Failed,
                Some(text!(
                    "engine.api-refusal.another",
                    "the object that was looked at is gone, and another one has its name; nothing was changed: find out who made it, then begin \
                 this step anew"
                )),
            )
        }
        409 => (
            FailureClass::Failed,
            Some(text!(
                "engine.api-refusal.conflict",
                "somebody else changed the object at the same moment; the next attempt reads it again"
            )),
        ),
        429 => (
            FailureClass::Unreachable,
            Some(text!("engine.api-refusal.overloaded", "the API server is overloaded and asks to come back later")),
        ),
        500.. => (
            FailureClass::Unreachable,
            Some(text!(
                "engine.api-refusal.trouble",
                "the API server or its etcd is in trouble; see `/readyz?verbose`"
            )),
        ),
        _ => (FailureClass::Failed, None),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_refused_patch_does_not_repeat_the_object() {
        // As a real 1.36 has answered, shortened inside the object.
        let merge = " \"\" is invalid: patch: Invalid value: \"{\\\"kind\\\":\\\"Secret\\\",\\\"data\\\":{\\\"password\\\":\\\"aHVudGVyMg==\\\"}}\": \
                     strict decoding error: unknown field \"spec.noSuchField\"";
        let strategic = " \"\" is invalid: patch: Invalid value: \"map[spec:map[noSuchField:1]]\": strict decoding error: unknown field \
                         \"spec.noSuchField\"";
        for message in [merge, strategic] {
            assert_eq!(bare(message), "strict decoding error: unknown field \"spec.noSuchField\"");
        }
        assert_eq!(
            bare("Node \"a\" is invalid: metadata.labels: Invalid value: \"a b\": no"),
            "Node \"a\" is invalid: metadata.labels: Invalid value: \"a b\": no"
        );
    }

    #[test]
    fn refusals_are_distinguished() {
        let webhook = "admission webhook \"policy.example\" denied the request: no";
        let calling = "Internal error occurred: failed calling webhook \"policy.example\": context deadline exceeded";
        // As a real 1.36 has answered.
        let policy = "configmaps \"denied-a\" is forbidden: ValidatingAdmissionPolicy 'v1.example' with binding 'v1.example' denied \
                      request: names that begin with denied are not for you";
        let rbac = "configmaps is forbidden: User \"limited\" cannot list resource \"configmaps\" in API group \"\" in the namespace \"a\"";
        let cases = [
            (422, "Invalid", policy, FailureClass::Failed, "a ValidatingAdmissionPolicy of the cluster refuses"),
            (403, "Forbidden", policy, FailureClass::Failed, "a ValidatingAdmissionPolicy of the cluster refuses"),
            (403, "Forbidden", "statefulsets.apps \"x\" is forbidden", FailureClass::Failed, "may not do this"),
            (403, "Forbidden", rbac, FailureClass::Blocked, "may not do this"),
            (403, "Forbidden", webhook, FailureClass::Failed, "webhook of the cluster refuses"),
            (400, "BadRequest", webhook, FailureClass::Failed, "webhook of the cluster refuses"),
            (500, "InternalError", calling, FailureClass::Failed, "webhook does not answer"),
            (401, "Unauthorized", "Unauthorized", FailureClass::Unreachable, "credentials"),
            (404, "NotFound", "not found", FailureClass::Failed, "check the name"),
            (409, "Conflict", "the object has been modified", FailureClass::Failed, "somebody else"),
            (
                409,
                "Conflict",
                "the object has been modified; please apply your changes to the latest version and try again",
                FailureClass::Failed,
                "somebody else",
            ),
            (
                409,
                "Conflict",
                "Precondition failed: UID in precondition: a, UID in object meta: b",
                FailureClass::Failed,
                "another one has its name",
            ),
            (
                422,
                "Invalid",
                "metadata.uid: Invalid value: \"a\": field is immutable",
                FailureClass::Failed,
                "another one has its name",
            ),
            (409, "AlreadyExists", "already exists", FailureClass::Failed, "there already"),
            (429, "TooManyRequests", "slow down", FailureClass::Unreachable, "overloaded"),
            (500, "", "container not found (\"etcd\")", FailureClass::Unreachable, "does not run at the moment"),
            (500, "", "error dialing backend: dial tcp 10.0.0.1:10250", FailureClass::Unreachable, "kubelet"),
            (503, "ServiceUnavailable", "etcdserver: no leader", FailureClass::Unreachable, "in trouble"),
        ];
        for (code, reason, message, class, hint) in cases {
            let status = json!({"kind": "Status", "reason": reason, "message": message});
            let failure = api_failure("primary", "GET /x", &Answer::new(code, status));
            assert_eq!(failure.class, class, "{code} {message}");
            assert!(
                failure.help.clone().is_some_and(|help| help.contains(hint)),
                "{code} {message}: {:?}",
                failure.help
            );
            assert_eq!(failure.message, format!("primary: GET /x: {message} ({code})"));
            assert_eq!(
                failure.passing.is_some(),
                (class == FailureClass::Unreachable && code != 401) || message.contains("latest version"),
                "{code} {message}"
            );
        }
    }

    #[test]
    fn an_answer_of_another_server_is_quoted() {
        let failure = api_failure("primary", "GET /x", &Answer::new(404, json!("404 page not found\n")));
        assert_eq!(failure.message, "primary: GET /x: 404 page not found (404)");
        let failure = api_body("primary", "GET /x", Answer::new(200, json!("<html>"))).unwrap_err();
        assert!(failure.message.contains("the answer is not what was asked for: expected value at line 1"));
        assert!(failure.help.is_some_and(|help| help.contains("a proxy")));
        assert_eq!(api_body("primary", "GET /x", Answer::new(200, json!({}))), Ok(json!({})));
    }
}
