//! Rows for the modules of DRBD, and for Helm and etcd.

use cutover_engine::module::TargetKind::{self, Controller, Node, Pair, Site};
use serde_json::{Value, json};

use super::{Bad, Good};

pub(super) fn good() -> Vec<Good> {
    vec![
        Good {
            module: "drbd_resource",
            target: Pair,
            params: json!({"create_metadata": true, "net": {"ping-timeout": 30}}),
            subjects: &[
                "resource etcd0",
                "primary/worker01:/dev/drbd0",
                "standby/worker01:/dev/drbd0",
                "primary/worker01:/dev/sdc",
                "primary/worker01:/etc/drbd.d/cke_etcd0.res",
            ],
        },
        Good {
            module: "drbd_role",
            target: Pair,
            params: json!({"role": "primary", "fenced": "J. Doe: power is off"}),
            subjects: &["resource etcd0", "primary/worker01:/dev/drbd0", "standby/worker01:/dev/drbd0"],
        },
        Good {
            module: "drbd_sync",
            target: Pair,
            params: json!({}),
            subjects: &["resource etcd0", "primary/worker01:/dev/drbd0", "standby/worker01:/dev/drbd0"],
        },
        Good {
            module: "drbd_split_brain",
            target: Pair,
            params: json!({"victim": "passive", "backup": "/data/backup/"}),
            subjects: &[
                "resource etcd0",
                "primary/worker01:/dev/drbd0",
                "standby/worker01:/dev/drbd0",
                "primary/worker01:/dev/sdc",
                "primary/worker01:/data/backup",
                "primary/worker01:/etc/drbd.d/cke_etcd0.primary",
            ],
        },
        Good {
            module: "drbd_freshness",
            target: Site,
            params: json!({"max_spread": "10s"}),
            subjects: &["resource etcd0", "primary/worker01:/dev/drbd0", "standby/worker01:/dev/drbd0"],
        },
        Good { module: "site_lost", target: Site, params: json!({}), subjects: &["resource etcd0"] },
        Good {
            module: "helm",
            target: Site,
            params: json!({"release": "etcd", "namespace": "common", "chart": "charts/etcd", "values_of": "standby"}),
            subjects: &[
                "primary: Release common/etcd",
                "standby: Release common/etcd",
                "primary: Namespace common",
                "primary: StatefulSet common/",
                "primary: Deployment common/",
                "primary: DaemonSet common/",
                "primary: Job common/",
                "primary: CronJob common/",
                "primary: Pod common/",
                "primary: Service common/",
                "primary: ConfigMap common/",
                "primary: Secret common/",
                "primary: ServiceAccount common/",
                "primary: Ingress common/",
                "primary: PodDisruptionBudget common/",
                "primary: NetworkPolicy common/",
                "primary: pods of common/",
                "primary: PersistentVolumeClaim common/",
                "primary: PersistentVolume ",
            ],
        },
        Good {
            module: "etcd_check",
            target: Site,
            params: json!({"namespace": "common", "statefulset": "etcd"}),
            subjects: &["primary: StatefulSet common/etcd", "primary: pods of common/etcd"],
        },
        Good {
            module: "etcd_check",
            target: Pair,
            params: json!({"namespace": "common", "pod": "etcd-0"}),
            subjects: &["primary: pods of common/etcd"],
        },
    ]
}

pub(super) fn bad() -> Vec<Bad> {
    [targets(), role(), resource(), split_brain(), freshness(), helm(), etcd()].into_iter().flatten().collect()
}

/// Rows for one module: what differs from parameters that are right, where the refusal points to, and its words.
fn rows(
    module: &'static str,
    right: &Value,
    target: TargetKind,
    cases: &[(Value, &'static str, &'static str)],
) -> Vec<Bad> {
    let row = |(more, pointer, words): &(Value, &'static str, &'static str)| {
        let mut params = right.clone();
        for (name, value) in more.as_object().into_iter().flatten() {
            params[name] = value.clone();
        }
        Bad { module, target, params, pointer, words }
    };
    cases.iter().map(row).collect()
}

fn targets() -> Vec<Bad> {
    let pair = "works on a DRBD pair";
    let cases = [
        ("drbd_resource", json!({}), pair),
        ("drbd_role", json!({"role": "primary"}), pair),
        ("drbd_sync", json!({}), pair),
        ("drbd_split_brain", json!({"victim": "passive", "backup": "/data"}), pair),
    ];
    let mut rows: Vec<Bad> = Vec::new();
    for (module, params, words) in cases {
        for target in [Controller, Site, Node] {
            rows.push(Bad { module, target, params: params.clone(), pointer: "", words });
        }
    }
    for target in [Controller, Node, Pair] {
        for module in ["drbd_freshness", "site_lost"] {
            rows.push(Bad { module, target, params: json!({}), pointer: "", words: "works on a site" });
        }
    }
    for (module, params) in [
        ("helm", json!({"release": "a", "namespace": "b", "chart": "c"})),
        ("etcd_check", json!({"namespace": "a", "pod": "b-0"})),
    ] {
        rows.push(Bad { module, target: Controller, params, pointer: "", words: "works on a site" });
    }
    rows
}

fn role() -> Vec<Bad> {
    let primary = [
        (json!({"fenced": " "}), "/fenced", "`fenced` is empty"),
        (json!({"accept_data_loss": ""}), "/accept_data_loss", "`accept_data_loss` is empty"),
        (json!({"accept_no_quorum": "x"}), "/accept_no_quorum", "goes with `fenced`"),
        (json!({"fenced": "x", "accept_no_quorum": " "}), "/accept_no_quorum", "`accept_no_quorum` is empty"),
        (json!({"initial": true, "fenced": "x"}), "/fenced", "does not go with `initial`"),
        (json!({"initial": true, "accept_data_loss": "x"}), "/accept_data_loss", "does not go with `initial`"),
    ];
    let secondary = [
        (json!({"fenced": "x"}), "/fenced", "does not go with `role: secondary`"),
        (json!({"accept_data_loss": "x"}), "/accept_data_loss", "does not go with `role: secondary`"),
        (json!({"initial": true}), "/initial", "`initial` goes with `role: primary`"),
    ];
    let mut all = rows("drbd_role", &json!({"role": "primary"}), Pair, &primary);
    all.extend(rows("drbd_role", &json!({"role": "secondary"}), Pair, &secondary));
    all
}

fn resource() -> Vec<Bad> {
    let cases = [
        (json!({"file": "cke_etcd0.res"}), "/file", "is not an absolute path"),
        (json!({"file": "/etc/drbd.d/etcd0.conf"}), "/file", "ends in `.res`"),
        (json!({"state": "down", "create_metadata": true}), "/create_metadata", "goes with `state: up`"),
        (json!({"state": "down", "at_boot": true}), "/at_boot", "goes with `state: up`"),
        (json!({"verify_alg": "a b"}), "/verify_alg", "is not the name of an algorithm"),
        (json!({"net": {"shared-secret": "x"}}), "/net/shared-secret", "a shared secret is not taken"),
        (json!({"net": {"protocol": "A"}}), "/net/protocol", "`protocol` is fixed"),
        (json!({"net": {"verify-alg": "sha1"}}), "/net/verify-alg", "say `verify_alg` beside `net`"),
        (json!({"net": {"after-sb-1pri": "discard-secondary"}}), "/net/after-sb-1pri", "may discard changes"),
        (json!({"net": {"rr-conflict": "violently"}}), "/net/rr-conflict", "may overwrite the data under a Primary"),
        (json!({"net": {"a b": 1}}), "/net/a b", "is not the name of a setting"),
        (json!({"net": {"a/b~": "x y"}}), "/net/a~1b~0", "is not the name of a setting"),
        (json!({"net": {"timeout": "60; }"}}), "/net/timeout", "is not a plain word"),
    ];
    rows("drbd_resource", &json!({}), Pair, &cases)
}

fn split_brain() -> Vec<Bad> {
    let right = json!({"victim": "passive", "backup": "/data/backup"});
    let path = "is not an absolute path below `/`";
    let cases = [
        (json!({"backup": ""}), "/backup", path),
        (json!({"backup": "backup"}), "/backup", path),
        (json!({"backup": "/"}), "/backup", path),
        (json!({"backup": "/data/../etc"}), "/backup", path),
        (json!({"marker": "x"}), "/marker", path),
        (json!({}), "/victim", "`victim: passive` is standby, but the step's target is primary"),
    ];
    rows("drbd_split_brain", &right, Pair, &cases)
}

fn freshness() -> Vec<Bad> {
    let cases = [
        (json!({"accept_stale": " "}), "/accept_stale", "`accept_stale` is empty"),
        (json!({"resources": ["etcd0", ""]}), "/resources/1", "the name of a resource is empty"),
        (json!({"resources": ["etcd0", "etcd9"]}), "/resources/1", "no pair has the resource `etcd9`"),
    ];
    rows("drbd_freshness", &json!({}), Site, &cases)
}

fn helm() -> Vec<Bad> {
    let right = json!({"release": "etcd", "namespace": "common", "chart": "charts/etcd"});
    let cases = [
        (json!({"release": ""}), "/release", "`` is not a name"),
        (json!({"release": "-x"}), "/release", "`-x` is not a name"),
        (json!({"namespace": "a b"}), "/namespace", "`a b` is not a name"),
        (json!({"values": {}, "values_of": "standby"}), "/values_of", "give `values` or `values_of`, not both"),
        (json!({"values_of": "nowhere"}), "/values_of", "the inventory has no site `nowhere`"),
        (json!({"chart": null}), "", "`chart` is missing"),
        (json!({"chart": ""}), "/chart", "`` is not a chart"),
        (json!({"chart": "--post-renderer"}), "/chart", "is not a chart"),
        (json!({"version": "--devel"}), "/version", "`--devel` is not a version"),
        (json!({"chdir": ""}), "/chdir", "`chdir` is empty"),
        (json!({"save": " "}), "/save", "`save` is empty"),
        (json!({"selector": ""}), "/selector", "`selector` is empty"),
    ];
    rows("helm", &right, Site, &cases)
}

fn etcd() -> Vec<Bad> {
    let right = json!({"namespace": "common", "statefulset": "etcd"});
    let cases = [
        (json!({"etcdctl": []}), "/etcdctl", "names no program"),
        (json!({"etcdctl": [""]}), "/etcdctl", "names no program"),
        (json!({"pod": "etcd-0"}), "", "give either a `statefulset` or a `pod`"),
        (json!({"statefulset": null}), "", "give either a `statefulset` or a `pod`"),
        (json!({"namespace": ""}), "/namespace", "`` is not a name"),
        (json!({"statefulset": "a/b"}), "/statefulset", "`a/b` is not a name"),
        (json!({"statefulset": null, "pod": "a/b"}), "/pod", "`a/b` is not a name"),
        (json!({"container": ""}), "/container", "`` is not a name"),
        (json!({"replicas": 0}), "/replicas", "nothing would be asked"),
        (json!({"statefulset": null, "pod": "etcd-0", "replicas": 3}), "/replicas", "goes with `statefulset`"),
    ];
    rows("etcd_check", &right, Site, &cases)
}
