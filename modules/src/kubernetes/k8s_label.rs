//! `k8s_label`: sets and removes labels of one object, and waits until another object shows them where a platform copies
//! labels.

use cutover_engine::action::Done;
use cutover_engine::failure::Failure;
use cutover_engine::module::{Access, Change, Context, Diff, Facts, Module, Targets};
use cutover_engine::subject::Subject;
use cutover_engine::text;
use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::support::kubernetes::kind::Kind;
use crate::support::kubernetes::{self, judge_name, merge, request, selector, subjects};

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
    fn judge_labels(&self) -> Result<(), Failure> {
        if self.labels.is_empty() {
            let message = text!("k8s_label.empty", "`labels` is empty: nothing is set");
            return Err(Failure::invalid(message).pointer("/labels"));
        }
        self.labels.iter().try_for_each(|(name, value)| selector::check_label(name, value.as_deref()))
    }

    fn compare(&self, site: &str, state: &State) -> Diff {
        let object = &state.object;
        let Some(labels) = &object.labels else {
            return Diff::blocked(text!("k8s_label.missing", "{title} does not exist", title = &object.title));
        };
        let missing = object.missing(&self.labels);
        if !missing.is_empty() {
            let wanted = json!({"metadata": {"labels": self.labels}});
            let back = merge::restoring(&wanted, &json!({"metadata": {"labels": labels}}));
            let summary = text!(
                "k8s_label.label",
                "label {title} with {labels}",
                title = &object.title,
                labels = missing.join(", ")
            );
            let set = request::patch(site, &object.path, wanted);
            let undo = request::patch(site, &object.path, back);
            return Diff::Change(vec![Change::idempotent("set-labels", summary, [set]).undo([undo])]);
        }
        let Some(copy) = &state.copy else { return Diff::InSync };
        if copy.labels.is_none() {
            return Diff::blocked(text!(
                "k8s_label.no-copy",
                "{copy}, which is to show the labels of {title}, does not exist",
                copy = &copy.title,
                title = &object.title
            ));
        }
        match copy.missing(&self.labels) {
            missing if missing.is_empty() => Diff::InSync,
            missing => Diff::waiting(text!(
                "k8s_label.not-shown",
                "{title} does not show {labels} yet",
                title = &copy.title,
                labels = missing.join(", ")
            )),
        }
    }
}

/// What `register` keeps.
#[derive(Debug, Serialize, JsonSchema)]
struct Shown {
    /// All labels of the object by name, those of the step among them; null if there is no such object.
    labels: Option<IndexMap<String, String>>,
}

impl Module for K8sLabel {
    const NAME: &'static str = "k8s_label";
    const SUMMARY: &'static str = "Sets and removes labels of an object, and waits until a copy of it shows them";
    const EXAMPLE: &'static str = r#"
name: Tie the workload to the DRBD nodes
target: active.pairs
k8s_label: {kind: Node, name: "{{ pair.node }}", labels: {example.com/etcd: "true"}}
"#;

    const TARGETS: Targets = Targets::SITE;

    type Params = Params;
    type State = State;

    fn judge(params: &Params) -> Result<(), Failure> {
        let Params { api_version, kind, name, .. } = params;
        let namespace = params.namespace.as_deref();
        Kind::judge(api_version.as_deref(), kind, namespace, false)?;
        judge_name(name, "/name")?;
        params.judge_labels()?;
        let Some(copy) = &params.synced_to else { return Ok(()) };
        if api_version.is_none() && copy == kind {
            let message = text!("k8s_label.itself", "`synced_to` is the kind of the object itself");
            return Err(Failure::invalid(message).pointer("/synced_to"));
        }
        let namespace = namespace.filter(|_| Kind::known(None, copy).is_none_or(|copy| copy.namespaced));
        Kind::judge(None, copy, namespace, false).map_err(|failure| failure.pointer("/synced_to"))
    }

    async fn probe(&self, cx: &Context, params: &Params) -> Result<State, Failure> {
        let kind = Kind::find(cx, params.api_version.as_deref(), &params.kind).await?;
        let namespace = params.namespace.as_deref();
        kind.check(namespace, false)?;
        let object = Labelled::read(cx, &kind, namespace, &params.name).await?;
        let copy = match &params.synced_to {
            Some(copy) => {
                let kind = Kind::find(cx, None, copy).await.map_err(|failure| failure.pointer("/synced_to"))?;
                Some(Labelled::read(cx, &kind, namespace, &params.name).await?)
            }
            None => None,
        };
        Ok(State { object, copy })
    }

    fn subjects(&self, facts: &Facts, params: &Params) -> Option<Vec<Subject>> {
        let (site, namespace, name) = (facts.site().ok()?, params.namespace.as_deref(), &params.name);
        let mut subjects = subjects::of(site, params.api_version.as_deref(), &params.kind, namespace, name);
        let copy = params.synced_to.as_deref();
        subjects.extend(copy.into_iter().flat_map(|copy| subjects::of(site, None, copy, namespace, name)));
        Some(subjects)
    }

    fn access(params: &Value) -> Vec<Access> {
        let mut access = Access::named(params, &["get", "patch"]);
        if let Some(copy) = params["synced_to"].as_str() {
            access.extend(Access::to(copy, params["namespace"].as_str(), &["get"]));
        }
        access
    }

    fn diff(&self, facts: &Facts, params: &Params, state: &State) -> Diff {
        params.compare(facts.target().site().unwrap_or_default(), state)
    }

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<Shown>()
    }

    fn result(&self, _facts: &Facts, _params: &Params, state: &State, _done: &[Done]) -> Value {
        let labels = state.object.labels.as_ref().and_then(Value::as_object).into_iter().flatten();
        let labels = labels.map(|(name, value)| (name.clone(), kubernetes::text(value).to_owned()));
        json!(Shown { labels: state.object.labels.is_some().then(|| labels.collect()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn look(labels: Value, object: Option<Value>, copy: Option<Option<Value>>) -> String {
        let params = json!({"kind": "CkeNode", "name": "worker01", "labels": labels});
        let params: Params = serde_json::from_value(params).unwrap();
        K8sLabel::judge(&Params { api_version: Some("example.com/v1".to_owned()), ..params.clone() }).unwrap();
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
          primary> PATCH /CkeNode?fieldManager=cutover&fieldValidation=Strict {"metadata":{"labels":{"a":"1","b":null}}}
          undo primary> PATCH /CkeNode?fieldManager=cutover&fieldValidation=Strict {"metadata":{"labels":{"a":null,"b":"old"}}}
        change (Idempotent): label CkeNode with a=1
          primary> PATCH /CkeNode?fieldManager=cutover&fieldValidation=Strict {"metadata":{"labels":{"a":"1","b":null}}}
          undo primary> PATCH /CkeNode?fieldManager=cutover&fieldValidation=Strict {"metadata":{"labels":{"a":"0"}}}
        in sync
        waiting: Node does not show a=1, b- yet
        in sync
        blocked: Node, which is to show the labels of CkeNode, does not exist
        blocked: CkeNode does not exist
        "#);
    }

    #[test]
    fn what_is_not_a_label_is_refused() {
        let check = |labels: Value| {
            let params: Params =
                serde_json::from_value(json!({"kind": "Node", "name": "n", "labels": labels})).unwrap();
            K8sLabel::judge(&params).unwrap_err().pointer.unwrap()
        };
        assert_eq!(check(json!({})), "/labels");
        assert_eq!(check(json!({"x/y": "not good"})), "/labels/x~1y");
    }
}
