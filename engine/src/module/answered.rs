//! Whether the object that an API server answers a change with is what was sent. It shows at once what no later look would: a field
//! that was left out stays left out, however long it is waited for.

use serde_json::Value;

use crate::failure::Failure;
use crate::request::Request;
use crate::text;

/// So many fields are named at most.
const NAMED: usize = 5;
/// What a server takes and never shows again, or decides alone.
const OWN: [&str; 5] = ["status", "stringData", "managedFields", "resourceVersion", "creationTimestamp"];

/// Compares the object that came back with what was sent.
///
/// # Errors
/// It is another object, or lacks something of what was sent. The change has been made as the answer has it.
pub(crate) fn judge(request: &Request, answer: &Value) -> Result<(), Failure> {
    let Some(sent) = request.body.as_ref().filter(|_| carries_an_object(request)) else { return Ok(()) };
    if !answer.is_object() || answer["kind"] == "Status" {
        return Ok(());
    }
    let (site, line) = (&request.site, request.line());
    if let Some((field, wanted, is)) = other(request, sent, answer) {
        let words = text!(
            "engine.answer-other",
            "{site}: {request}: the API server has answered with another object: its {field} is {is}, not {wanted}",
            site,
            request = line,
            field,
            is,
            wanted
        );
        return Err(Failure::failed(words).help(text!(
            "engine.answer-other.help",
            "somebody has made it anew meanwhile, or a proxy answers; look at the object before you go on"
        )));
    }
    let mut missing = Vec::new();
    lacking(sent, answer, "", &mut missing);
    if missing.is_empty() {
        return Ok(());
    }
    let more = missing.len().saturating_sub(NAMED);
    missing.truncate(NAMED);
    let fields = missing.join(", ") + &if more > 0 { format!(" and {more} more") } else { String::new() };
    let words = text!(
        "engine.answer-lacks",
        "{site}: {request}: the API server has taken it, and not as it was sent: {fields}",
        site,
        request = line,
        fields
    );
    Err(Failure::failed(words).help(text!(
        "engine.answer-lacks.help",
        "this version of Kubernetes does not know the field or has it switched off, or an admission webhook or policy has changed it"
    )))
}

/// Whether the body is an object or a part of one, to be found in the answer as it is.
fn carries_an_object(request: &Request) -> bool {
    let media = request.content_type.as_deref().unwrap_or("application/json");
    match request.method.as_str() {
        "POST" | "PUT" => media == "application/json",
        "PATCH" => media == "application/merge-patch+json",
        _ => false,
    }
}

/// In what the answer is another object: the field, what it should be, and what it is.
fn other(request: &Request, sent: &Value, answer: &Value) -> Option<(&'static str, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let differs = |field, wanted: String, is: String| {
        (!wanted.is_empty() && !is.is_empty() && wanted != is).then_some((field, wanted, is))
    };
    let [wanted, is] = [sent, answer].map(|object| &object["metadata"]);
    differs("UID", text(&wanted["uid"]), text(&is["uid"]))
        .or_else(|| differs("name", text(&wanted["name"]), text(&is["name"])))
        .or_else(|| {
            let named = request.path.split('?').next().unwrap_or_default().trim_end_matches("/scale");
            let named = (request.method == "PATCH").then(|| named.rsplit('/').next().unwrap_or_default().to_owned());
            // A name that is encoded in the path has letters that no name has.
            differs("name", named.filter(|name| !name.contains('%')).unwrap_or_default(), text(&is["name"]))
        })
}

/// The paths of what was sent and did not come back.
fn lacking(sent: &Value, answer: &Value, path: &str, missing: &mut Vec<String>) {
    let Value::Object(fields) = sent else { return };
    for (name, value) in fields.iter().filter(|(name, _)| !OWN.contains(&name.as_str())) {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        match (value, answer.get(name).filter(|is| !is.is_null())) {
            (Value::Null, None) => {}
            // What is taken away may get a default.
            (Value::Null, Some(_)) => {}
            (value, None) if is_nothing(value) => {}
            (_, None) => missing.push(format!("{path} is missing")),
            (Value::Object(_), Some(is)) => lacking(value, is, &path, missing),
            // Texts may be written in another form (quantities, times), and lists have defaults in their elements.
            (Value::Number(_) | Value::Bool(_), Some(is)) if value != is => {
                missing.push(format!("{path} is {is}, not {value}"));
            }
            _ => {}
        }
    }
}

/// Whether a server leaves it out as it does what was never set.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(is_nothing),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn judged(method: &str, path: &str, sent: Value, answer: &Value) -> String {
        let media = (method == "PATCH").then(|| "application/merge-patch+json".to_owned());
        let request = Request {
            method: method.to_owned(),
            content_type: media,
            body: Some(sent),
            ..Request::get("primary", path)
        };
        judge(&request, answer).map_or_else(|failure| failure.message.to_string(), |()| String::new())
    }

    /// A StatefulSet as a real 1.36.2 has answered its creation with, in the fields that matter here.
    fn recorded() -> Value {
        json!({
            "kind": "StatefulSet", "apiVersion": "apps/v1", "metadata": {"name": "w", "namespace": "rec-special", "uid": "d320adcc"},
            "spec": {
                "replicas": 0, "serviceName": "w", "podManagementPolicy": "OrderedReady",
                "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
            },
            "status": {"replicas": 0, "availableReplicas": 0},
        })
    }

    #[test]
    fn a_field_that_was_dropped_without_a_word_is_named() {
        // The gate of maxUnavailable is off: the real one drops it, also with strict validation, and warns of nothing.
        let sent = json!({
            "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "w"},
            "spec": {"replicas": 0, "serviceName": "w", "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 2}}},
        });
        let path = "/apis/apps/v1/namespaces/rec-special/statefulsets?fieldManager=cutover";
        let words = judged("POST", path, sent, &recorded());
        assert!(
            words.ends_with("not as it was sent: spec.updateStrategy.rollingUpdate.maxUnavailable is missing"),
            "{words}"
        );
    }

    #[test]
    fn what_a_server_leaves_out_or_writes_in_another_form_is_not_missing() {
        let scale = json!({"kind": "Scale", "metadata": {"name": "w"}, "spec": {}, "status": {"replicas": 1}});
        let path = "/apis/apps/v1/namespaces/a/statefulsets/w/scale?fieldManager=cutover";
        assert_eq!(judged("PATCH", path, json!({"spec": {"replicas": 0}}), &scale), "");
        assert_eq!(
            judged("PATCH", path, json!({"spec": {"replicas": 2}}), &scale),
            "primary: PATCH /apis/apps/v1/namespaces/a/statefulsets/w/scale?fieldManager=cutover: the API server has taken it, and not \
             as it was sent: spec.replicas is missing"
        );
        let claim = json!({"metadata": {"name": "c"}, "spec": {"resources": {"requests": {"storage": "1Gi"}}}});
        let path = "/api/v1/namespaces/a/persistentvolumeclaims";
        let sent = json!({"metadata": {"name": "c"}, "spec": {"resources": {"requests": {"storage": "1024Mi"}}}, "status": {"x": 1}});
        assert_eq!(judged("POST", path, sent, &claim), "");
        assert_eq!(
            judged(
                "PATCH",
                "/api/v1/nodes/n",
                json!({"metadata": {"labels": {"a": null}}}),
                &json!({"metadata": {"name": "n"}})
            ),
            ""
        );
    }

    #[test]
    fn another_object_is_recognised() {
        let path = "/apis/apps/v1/namespaces/a/statefulsets/w?fieldManager=cutover";
        let uid = judged("PATCH", path, json!({"metadata": {"uid": "0000"}}), &recorded());
        assert!(uid.ends_with("another object: its UID is d320adcc, not 0000"), "{uid}");
        let name = judged("PATCH", &path.replace("/w?", "/other?"), json!({"spec": {"replicas": 0}}), &recorded());
        assert!(name.ends_with("another object: its name is w, not other"), "{name}");
    }
}
