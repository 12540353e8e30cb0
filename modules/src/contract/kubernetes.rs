//! Rows for the modules of Kubernetes, Helm and etcd.

use cutover_engine::module::TargetKind::{self, Controller, Node, Pair, Site};
use serde_json::{Value, json};

use super::{Bad, Good};

pub(super) fn good() -> Vec<Good> {
    vec![
        Good { module: "k8s_access", target: Site, params: json!({"chart_kinds": ["StatefulSet"]}), subjects: &[] },
        Good {
            module: "k8s_scale",
            target: Site,
            params: json!({"kind": "StatefulSet", "namespace": "common", "name": "etcd", "replicas": 0}),
            subjects: &[
                "primary: StatefulSet common/etcd",
                "primary: pods of common/etcd",
                "primary: PersistentVolumeClaim common/",
                "primary: PersistentVolume ",
            ],
        },
        Good {
            module: "k8s_scale",
            target: Node,
            params: json!({"api_version": "example.com/v1", "kind": "Ring", "namespace": "a", "name": "b", "replicas": 1}),
            subjects: &["primary: Ring a/b", "primary: pods of a/b"],
        },
        Good {
            module: "k8s_wait",
            target: Site,
            params: json!({"kind": "Node", "selector": "a=b", "for": "ready", "count": 3}),
            subjects: &["primary: Node "],
        },
        Good {
            module: "k8s_wait",
            target: Pair,
            params: json!({"kind": "Pod", "namespace": "common", "name": "etcd-0", "for": {"field": "status.phase"}}),
            subjects: &["primary: Pod common/etcd-0", "primary: pods of common/etcd-0"],
        },
        Good {
            module: "k8s_label",
            target: Pair,
            params: json!({
                "api_version": "example.com/v1", "kind": "CkeNode", "name": "worker01", "labels": {"a": "b"}, "synced_to": "Node",
            }),
            subjects: &["primary: CkeNode worker01", "primary: Node worker01"],
        },
        Good {
            module: "k8s_apply",
            target: Site,
            params: json!({"manifest": [
                {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "etcd-0"}},
                {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "etcd", "namespace": "common"}},
            ]}),
            subjects: &["primary: PersistentVolume etcd-0", "primary: ConfigMap common/etcd"],
        },
        Good {
            module: "k8s_patch",
            target: Site,
            params: json!({"kind": "PersistentVolume", "names": ["pv-0", "pv-0", "pv-1"], "patch": {"spec": {"a": 1}}}),
            subjects: &["primary: PersistentVolume pv-0", "primary: PersistentVolume pv-1"],
        },
        Good {
            module: "k8s_delete",
            target: Site,
            params: json!({"kind": "PersistentVolumeClaim", "namespace": "common", "name": "data-etcd-0"}),
            subjects: &[
                "primary: PersistentVolumeClaim common/data-etcd-0",
                "primary: PersistentVolume ",
                "primary: pods of common/",
            ],
        },
        Good {
            module: "k8s_bind",
            target: Site,
            params: json!({"namespace": "common", "volumes": [{"claim": "data-etcd-0", "pv": "pv-0"}]}),
            subjects: &["primary: PersistentVolumeClaim common/data-etcd-0", "primary: PersistentVolume "],
        },
        Good {
            module: "k8s_volumes",
            target: Site,
            params: json!({"namespace": "common", "statefulset": "etcd", "claim": "data", "on_pairs": true}),
            subjects: &[
                "primary: StatefulSet common/etcd",
                "primary: pods of common/etcd",
                "primary: PersistentVolumeClaim common/",
                "primary: PersistentVolume ",
                "primary: Node ",
                "primary/worker01:/dev/drbd0",
                "primary/worker01:/",
            ],
        },
        Good {
            module: "k8s_exec",
            target: Site,
            params: json!({"namespace": "common", "pod": "common-etcd-etcd-0", "argv": ["true"]}),
            subjects: &[
                "primary: pods of common/common-etcd-etcd",
                "anything at primary/pod/common/common-etcd-etcd-0",
            ],
        },
    ]
}

pub(super) fn bad() -> Vec<Bad> {
    [access(), scale(), wait(), label(), apply(), patch(), delete(), bind(), volumes(), exec()]
        .into_iter()
        .flatten()
        .collect()
}

fn access() -> Vec<Bad> {
    let wrong = [(json!({"chart_kinds": ["Statefulset"]}), "/chart_kinds/0", "is not a built-in kind")];
    rows("k8s_access", &json!({}), Site, &wrong)
}

/// What each module makes of parameters, with some of them other than in a step that is right.
fn rows(
    module: &'static str,
    right: &Value,
    target: TargetKind,
    wrong: &[(Value, &'static str, &'static str)],
) -> Vec<Bad> {
    let with = |change: &Value| {
        let mut params = right.clone();
        for (name, value) in change.as_object().into_iter().flatten() {
            params[name.as_str()] = value.clone();
        }
        params
    };
    let bad = |(change, pointer, words): &(Value, &'static str, &'static str)| Bad {
        module,
        target,
        params: with(change),
        pointer,
        words,
    };
    let controller = Bad {
        module,
        target: Controller,
        params: right.clone(),
        pointer: "",
        words: "works on a site, and the step's target is the controller",
    };
    wrong.iter().map(bad).chain([controller]).collect()
}

/// Refusals that all modules share that name a kind.
fn kinds() -> Vec<(Value, &'static str, &'static str)> {
    vec![
        (json!({"kind": "Statefulset"}), "/kind", "`Statefulset` is not a built-in kind"),
        (json!({"api_version": "a/b/c"}), "/api_version", "`a/b/c` is not an API version"),
        (json!({"api_version": "example.com/v1", "kind": ""}), "/kind", "`kind` is empty"),
        (json!({"namespace": ""}), "/namespace", "the name is empty"),
        (json!({"namespace": "a/b"}), "/namespace", "`a/b` cannot be a name"),
    ]
}

fn scale() -> Vec<Bad> {
    let right = json!({"kind": "StatefulSet", "namespace": "common", "name": "etcd", "replicas": 0});
    let own = [
        (json!({"kind": "ConfigMap"}), "/kind", "a ConfigMap cannot be scaled"),
        (json!({"kind": "DaemonSet"}), "/kind", "a DaemonSet cannot be scaled"),
        (json!({"kind": "Node"}), "/namespace", "Node has no namespaces"),
        (json!({"name": ".."}), "/name", "`..` cannot be a name"),
    ];
    rows("k8s_scale", &right, Site, &[kinds().as_slice(), &own].concat())
}

fn bind() -> Vec<Bad> {
    let right = json!({"namespace": "common", "volumes": [{"claim": "data-etcd-0", "pv": "pv-0"}]});
    let own = [
        (json!({"namespace": ""}), "/namespace", "the name is empty"),
        (json!({"volumes": []}), "/volumes", "no claim is named"),
        (json!({"volumes": [{"claim": "a/b", "pv": "pv-0"}]}), "/volumes/0/claim", "`a/b` cannot be a name"),
        (json!({"volumes": [{"claim": "a", "pv": ""}]}), "/volumes/0/pv", "the name is empty"),
    ];
    rows("k8s_bind", &right, Site, &own)
}

fn wait() -> Vec<Bad> {
    let right = json!({"kind": "Pod", "namespace": "common", "for": "ready"});
    let own = [
        (json!({"kind": "ConfigMap"}), "/for", "a ConfigMap has no state that is called ready"),
        (json!({"name": ""}), "/name", "the name is empty"),
        (json!({"name": "a", "selector": "b"}), "/selector", "not both"),
        (json!({"selector": " "}), "/selector", "an empty selector would select them all"),
        (json!({"for": "absent", "count": 1}), "/count", "`count` makes no sense"),
        (json!({"name": "a", "count": 2}), "/count", "`name` means one object, never 2"),
        (json!({"for": {"field": ""}}), "/for/field", "names no field"),
        (json!({"name": "a", "namespace": null}), "/namespace", "a Pod lives in a namespace"),
    ];
    rows("k8s_wait", &right, Site, &[kinds().as_slice(), &own].concat())
}

fn label() -> Vec<Bad> {
    let right = json!({"kind": "Pod", "namespace": "common", "name": "etcd-0", "labels": {"a": "b"}});
    let own = [
        (json!({"labels": {}}), "/labels", "`labels` is empty"),
        (json!({"labels": {"x/y": "not good"}}), "/labels/x~1y", "`not good` is not a label value"),
        (json!({"labels": {"-a": null}}), "/labels/-a", "`-a` is not a label name"),
        (json!({"name": ""}), "/name", "the name is empty"),
        (json!({"synced_to": "Nodes"}), "/synced_to", "`Nodes` is not a built-in kind"),
        (json!({"synced_to": "Pod"}), "/synced_to", "the kind of the object itself"),
    ];
    rows("k8s_label", &right, Pair, &[kinds().as_slice(), &own].concat())
}

fn apply() -> Vec<Bad> {
    let one = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "common"}});
    let with = |pointer: &str, value: Value| {
        let mut manifest = one.clone();
        if let Some(field) = manifest.pointer_mut(pointer) {
            *field = value;
        }
        json!({"manifest": manifest})
    };
    let own = [
        (json!({"manifest": []}), "/manifest", "there is no manifest in the list"),
        (json!({"manifest": "text"}), "/manifest", "a manifest is a map"),
        (json!({"manifest": [one, one]}), "/manifest/1", "Pod a is in the list twice"),
        (with("/kind", json!("")), "/manifest", "the manifest has no `kind`"),
        (with("/apiVersion", json!("a/b/c")), "/manifest/apiVersion", "is not an API version"),
        (with("/metadata", json!({"name": "a"})), "/manifest/metadata/namespace", "a Pod lives in a namespace"),
        (with("/kind", json!("Node")), "/manifest/metadata/namespace", "Node has no namespaces"),
        (with("/metadata/name", json!("a/b")), "/manifest/metadata/name", "`a/b` cannot be a name"),
    ];
    rows("k8s_apply", &json!({"manifest": one}), Site, &own)
}

/// Refusals of modules that take `name` or `names`.
fn names() -> Vec<(Value, &'static str, &'static str)> {
    vec![
        (json!({"name": null}), "", "give `name` or `names`"),
        (json!({"name": ""}), "/name", "the name is empty"),
        (json!({"names": ["a"]}), "/names", "not both"),
        (json!({"name": null, "names": []}), "/names", "nothing is named"),
        (json!({"name": null, "names": ["a", ""]}), "/names/1", "the name is empty"),
    ]
}

fn patch() -> Vec<Bad> {
    let right = json!({"kind": "Pod", "namespace": "common", "name": "a", "patch": {"spec": {"a": 1}}});
    let json = |operation: Value| json!({"type": "json", "patch": [operation]});
    let custom = json!({"api_version": "example.com/v1", "kind": "Ring", "type": "strategic"});
    let own = [
        (custom, "/type", "takes no strategic patches"),
        (json!({"patch": {}}), "/patch", "the patch is empty"),
        (json!({"patch": [1]}), "/patch", "the patch is a map"),
        (json!({"type": "json"}), "/patch", "a JSON patch is a list"),
        (json!({"type": "json", "patch": []}), "/patch", "no operations"),
        (json(json!({"op": "move", "path": "/a"})), "/patch/0", "the operation `move` is none of"),
        (json(json!({"op": "add", "path": "a", "value": 1})), "/patch/0", "`a` is not a JSON pointer"),
        (json(json!({"op": "add", "path": "/a/-", "value": 1})), "/patch/0", "could not be recognised"),
        (json(json!({"op": "add", "path": "/a"})), "/patch/0", "needs a `value`"),
        (json!({"type": "strategic", "patch": {"a": {"$retainKeys": []}}}), "/patch/a/$retainKeys", "not supported"),
    ];
    rows("k8s_patch", &right, Site, &[kinds().as_slice(), &names(), &own].concat())
}

fn delete() -> Vec<Bad> {
    let right = json!({"kind": "Pod", "namespace": "common", "name": "a"});
    let own = [
        (json!({"kind": "Namespace"}), "/kind", "everything in it would go with it"),
        (json!({"kind": "Node"}), "/kind", "its pods would go with it"),
        (json!({"selector": "a=b"}), "/selector", "give names or `selector`, not both"),
        (json!({"name": null, "selector": ""}), "/selector", "an empty selector would select them all"),
    ];
    rows("k8s_delete", &right, Site, &[kinds().as_slice(), &names(), &own].concat())
}

fn volumes() -> Vec<Bad> {
    let right = json!({"namespace": "common", "statefulset": "etcd", "claim": "data"});
    let own = [
        (json!({"namespace": ""}), "/namespace", "the name is empty"),
        (json!({"statefulset": ""}), "/statefulset", "the name is empty"),
        (json!({"claim": "a b"}), "/claim", "`a b` cannot be a name"),
    ];
    rows("k8s_volumes", &right, Site, &own)
}

fn exec() -> Vec<Bad> {
    let right = json!({"namespace": "common", "pod": "etcd-0", "argv": ["true"]});
    let own = [
        (json!({"namespace": ""}), "/namespace", "`` is not a name"),
        (json!({"pod": "a/b"}), "/pod", "`a/b` is not a name"),
        (json!({"container": ""}), "/container", "`` is not a name"),
        (json!({"argv": []}), "/argv", "names no program"),
        (json!({"argv": [""]}), "/argv", "names no program"),
        (json!({"expect_rc": []}), "/expect_rc", "nothing would be a success"),
    ];
    rows("k8s_exec", &right, Site, &own)
}
