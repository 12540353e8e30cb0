//! The pods of a release: which are still there, and whether a selector finds all of them.

use cutover_engine::failure::Failure;
use cutover_engine::module::Context;
use serde::Serialize;
use serde_json::{Map, Value};

use super::manifest::{Object, workloads};

/// A pod that is still there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Left {
    /// Its name.
    pub(super) name: String,
    /// Since when it is being deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) deleting: Option<String>,
}

/// The pods of a namespace that a selector finds.
pub(super) async fn read(cx: &Context, site: &str, namespace: &str, selector: &str) -> Result<Vec<Left>, Failure> {
    let path = format!("/api/v1/namespaces/{namespace}/pods?labelSelector={}", encode(selector));
    let list = cx.get(site, &path).await?.unwrap_or_default();
    let left = |pod: &Value| {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let meta = &pod["metadata"];
        Left { name: text(&meta["name"]).unwrap_or_default(), deleting: text(&meta["deletionTimestamp"]) }
    };
    Ok(list["items"].as_array().into_iter().flatten().map(left).collect())
}

/// The workloads whose pods a selector would not find. Only selectors made of equalities can be judged; others are taken
/// as they are.
pub(super) fn missed(selector: &str, objects: &[Object]) -> Vec<String> {
    let Some(wanted) = equalities(selector) else { return Vec::new() };
    let finds =
        |labels: &Map<String, Value>| wanted.iter().all(|(key, value)| labels.get(*key) == Some(&Value::from(*value)));
    workloads(objects).into_iter().filter(|(_, labels)| !finds(labels)).map(|(id, _)| id).collect()
}

fn equalities(selector: &str) -> Option<Vec<(&str, &str)>> {
    let pair = |part: &str| -> Option<(usize, usize)> {
        let at = part.find('=')?;
        (!part.contains('!') && !part.contains('('))
            .then_some((at, at + 1 + usize::from(part[at + 1..].starts_with('='))))
    };
    selector.split(',').map(|part| pair(part).map(|(end, start)| (part[..end].trim(), part[start..].trim()))).collect()
}

fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{encode, equalities, missed};
    use crate::helm::manifest::Object;

    #[test]
    fn a_selector_that_misses_a_workload_is_found_out() {
        let set =
            json!({"kind": "StatefulSet", "spec": {"template": {"metadata": {"labels": {"app": "x", "tier": "db"}}}}});
        let objects =
            [Object { id: "set".into(), body: set }, Object { id: "service".into(), body: json!({"kind": "Service"}) }];
        assert_eq!(missed("app=x", &objects), [""; 0]);
        assert_eq!(missed("app==x, tier=db", &objects), [""; 0]);
        assert_eq!(missed("app.kubernetes.io/instance=x", &objects), ["set"]);
        assert_eq!(missed("app in (y)", &objects), [""; 0], "not judged");
        assert_eq!(equalities("a!=b"), None);
        assert_eq!(encode("a/b=c,d in (e)"), "a%2Fb%3Dc%2Cd%20in%20%28e%29");
    }
}
