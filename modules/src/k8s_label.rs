//! `k8s_label`: sets and removes labels of one object, and waits until another object shows them where a platform copies
//! labels.

use cutover_engine::action::Done;
use cutover_engine::failure::Failure;
use cutover_engine::module::{Change, Context, Diff, Facts, Module};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::kubernetes::kind::Kind;
use crate::kubernetes::{self, merge, request, selector};

/// The module.
#[derive(Clone, Copy)]
pub(crate) struct K8sLabel;

/// Parameters of `k8s_label`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    /// The API version of a custom kind; left out for built-in ones.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) api_version: Option<String>,
    /// The kind.
    pub(crate) kind: String,
    /// Its namespace, if the kind has any.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) namespace: Option<String>,
    /// Its name.
    pub(crate) name: String,
    /// The labels by name; `null` removes one. Others stay as they are. Values are texts: quote `"true"`.
    pub(crate) labels: IndexMap<String, Option<String>>,
    /// A built-in kind whose object of the same name must show the labels, too, before the step is done: `Node`, where a
    /// platform keeps the labels of nodes in objects of its own and copies them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) synced_to: Option<String>,
}

/// What a probe saw.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct State {
    /// The object.
    pub(crate) object: Labelled,
    /// The object that is to show the labels, too.
    pub(crate) copy: Option<Labelled>,
}

/// An object and its labels.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Labelled {
    /// What people call it.
    pub(crate) title: String,
    /// Its path.
    pub(crate) path: String,
    /// All its labels; `None` if there is no such object.
    pub(crate) labels: Option<Value>,
}

impl Labelled {
    async fn read(cx: &Context, kind: &Kind, namespace: Option<&str>, name: &str) -> Result<Self, Failure> {
        let object = kubernetes::get(cx, kind, namespace, name).await?;
        let labels = |object: Value| match &object["metadata"]["labels"] {
            Value::Null => json!({}),
            labels => labels.clone(),
        };
        let title = kind.title(namespace, name);
        Ok(Self { title, path: kind.object(namespace, name), labels: object.map(labels) })
    }

    /// The wanted labels that it does not show.
    fn missing(&self, wanted: &IndexMap<String, Option<String>>) -> Vec<String> {
        let shows = |name: &str| self.labels.as_ref().and_then(|labels| labels.get(name)).and_then(Value::as_str);
        let differing = wanted.iter().filter(|(name, value)| shows(name) != value.as_deref());
        differing.map(|(name, value)| words(name, value.as_deref())).collect()
    }
}

/// A label as kubectl writes it: `a=b`, or `a-` for one that is to be gone.
fn words(name: &str, value: Option<&str>) -> String {
    match value {
        Some(value) => format!("{name}={value}"),
        None => format!("{name}-"),
    }
}

impl Params {
    fn check(&self) -> Result<(), Failure> {
        if self.labels.is_empty() {
            return Err(Failure::invalid("`labels` is empty: nothing is set").pointer("/labels"));
        }
        self.labels.iter().try_for_each(|(name, value)| selector::check_label(name, value.as_deref()))
    }

    fn compare(&self, site: &str, state: &State) -> Diff {
        let object = &state.object;
        let Some(labels) = &object.labels else {
            return Diff::blocked(format!("{} does not exist", object.title));
        };
        let missing = object.missing(&self.labels);
        if !missing.is_empty() {
            let wanted = json!({"metadata": {"labels": self.labels}});
            let back = merge::restoring(&wanted, &json!({"metadata": {"labels": labels}}));
            let summary = format!("label {} with {}", object.title, missing.join(", "));
            let set = request::patch(site, &object.path, wanted);
            return Diff::Change(vec![Change::idempotent(summary, [set]).undo([request::patch(
                site,
                &object.path,
                back,
            )])]);
        }
        let Some(copy) = &state.copy else { return Diff::InSync };
        if copy.labels.is_none() {
            return Diff::blocked(format!(
                "{}, which is to show the labels of {}, does not exist",
                copy.title, object.title
            ));
        }
        match copy.missing(&self.labels) {
            missing if missing.is_empty() => Diff::InSync,
            missing => Diff::waiting(format!("{} does not show {} yet", copy.title, missing.join(", "))),
        }
    }
}

impl Module for K8sLabel {
    const NAME: &'static str = "k8s_label";
    const SUMMARY: &'static str = "Sets and removes labels of an object, and waits until a copy of it shows them";
    const EXAMPLE: &'static str = r#"
name: Tie the workload to the DRBD nodes
target: active.pairs
k8s_label: {kind: Node, name: "{{ pair.node }}", labels: {example.com/etcd: "true"}}
"#;

    type Params = Params;
    type State = State;

    async fn probe(&self, cx: &Context, params: &Params) -> Result<State, Failure> {
        params.check()?;
        let kind = Kind::find(cx, params.api_version.as_deref(), &params.kind).await?;
        let namespace = params.namespace.as_deref();
        kind.check(namespace, false)?;
        let object = Labelled::read(cx, &kind, namespace, &params.name).await?;
        let copy = match &params.synced_to {
            Some(copy) => {
                let kind = Kind::find(cx, None, copy).await.map_err(|failure| failure.pointer("/synced_to"))?;
                kind.check(namespace.filter(|_| kind.namespaced), false)?;
                Some(Labelled::read(cx, &kind, namespace, &params.name).await?)
            }
            None => None,
        };
        Ok(State { object, copy })
    }

    fn diff(&self, facts: &Facts, params: &Params, state: &State) -> Diff {
        params.compare(facts.target().site().unwrap_or_default(), state)
    }

    fn result(&self, _facts: &Facts, _params: &Params, state: &State, _done: &[Done]) -> Value {
        json!({"labels": state.object.labels})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn look(labels: Value, object: Option<Value>, copy: Option<Option<Value>>) -> String {
        let params = json!({"kind": "CkeNode", "name": "worker01", "labels": labels});
        let params: Params = serde_json::from_value(params).unwrap();
        params.check().unwrap();
        let labelled = |title: &str, labels| Labelled { title: title.to_owned(), path: format!("/{title}"), labels };
        let state = State { object: labelled("CkeNode", object), copy: copy.map(|labels| labelled("Node", labels)) };
        testing::show(&K8sLabel.diff(testing::pair_context().facts(), &params, &state))
    }

    #[test]
    fn labels_are_set_removed_and_waited_for() {
        let both = || json!({"a": "1", "b": null});
        let shown = [
            look(both(), Some(json!({"b": "old", "c": "3"})), None),
            look(both(), Some(json!({"a": "0"})), None),
            look(both(), Some(json!({"a": "1", "c": "3"})), None),
            look(both(), Some(json!({"a": "1"})), Some(Some(json!({"b": "old"})))),
            look(both(), Some(json!({"a": "1"})), Some(Some(json!({"a": "1"})))),
            look(both(), Some(json!({"a": "1"})), Some(None)),
            look(both(), None, None),
        ];
        insta::assert_snapshot!(shown.concat(), @r#"
        change (Idempotent): label CkeNode with a=1, b-
          primary> PATCH /CkeNode?fieldManager=cutover {"metadata":{"labels":{"a":"1","b":null}}}
          undo primary> PATCH /CkeNode?fieldManager=cutover {"metadata":{"labels":{"a":null,"b":"old"}}}
        change (Idempotent): label CkeNode with a=1
          primary> PATCH /CkeNode?fieldManager=cutover {"metadata":{"labels":{"a":"1","b":null}}}
          undo primary> PATCH /CkeNode?fieldManager=cutover {"metadata":{"labels":{"a":"0"}}}
        in sync
        waiting: Node does not show a=1, b- yet
        in sync
        blocked: Node, which is to show the labels of CkeNode, does not exist
        blocked: CkeNode does not exist
        "#);
    }

    #[test]
    fn what_is_no_label_is_refused() {
        let check = |labels: Value| {
            let params: Params =
                serde_json::from_value(json!({"kind": "Node", "name": "n", "labels": labels})).unwrap();
            params.check().unwrap_err().pointer.unwrap()
        };
        assert_eq!(check(json!({})), "/labels");
        assert_eq!(check(json!({"x/y": "not good"})), "/labels/x~1y");
    }
}
