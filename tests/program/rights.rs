//! The rights of the kubeconfig's user: the shipped roles are the least that the shipped playbooks need, what they send is granted, and
//! each right that is taken away is missed in the first phase.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use cutover_engine::event::StepKind;
use cutover_sandbox::{Rights, Rule, WorldSpec};
use serde_json::{Value, json};

use crate::support::play::{CUTOVER, PREPARE, Play, example};
use crate::support::ran::changed;
use crate::support::roles;
use crate::support::stage::{Stage, paused};

/// The shipped playbooks, in the order of their use.
const PLAYBOOKS: [&str; 8] = [
    PREPARE,
    CUTOVER,
    "etcd-switchover.yml",
    "etcd-drill.yml",
    "etcd-failover.yml",
    "etcd-reprotect.yml",
    "etcd-rollback.yml",
    "etcd-purge.yml",
];

/// What helm 3.17 and 4.2 have sent to a real 1.36.2 beside what the modules send: resource and verbs, as its audit log has them. What is
/// applied on the server (helm 4) needs `create` as well.
const HELM: [(&str, &str, &[&str]); 3] = [
    ("", "secrets", &["get", "list", "create", "update", "delete"]),
    ("", "services", &["get", "create", "patch", "delete"]),
    ("apps", "statefulsets", &["get", "create", "patch", "delete"]),
];

/// Where the platform makes a rebooted node Primary again, and where a unit does.
const PLATFORMS: [&str; 2] = ["cke", "plain"];

/// A right: namespace, if it is for one, group, resource and verb.
type Right = (Option<String>, String, String, String);

fn play(name: &str, platform: &str) -> Play {
    let play = Play::load(name, &|text| text, &example());
    match play.playbook.params.contains_key("platform") {
        true => play.provided(json!({"platform": platform})),
        false => play,
    }
}

/// What a playbook asks the API servers about.
async fn asked(name: &str, platform: &str) -> BTreeSet<Right> {
    let play = play(name, platform);
    let plan = Stage::prepared().plan(&play).await;
    let is_check = |kind: &StepKind| *kind == StepKind::Module("k8s_access".to_owned());
    let reads =
        plan.steps().filter(|step| is_check(&step.step)).flat_map(|step| &step.tasks).flat_map(|task| &task.reads);
    let mut rights = BTreeSet::new();
    for read in reads.filter(|read| read.contains("/selfsubjectaccessreviews ")) {
        let (_, body) = read.split_once("/selfsubjectaccessreviews ").expect("a body");
        let body: Value = serde_json::from_str(body).expect("JSON");
        let attributes = &body["spec"]["resourceAttributes"];
        let word = |name: &str| attributes[name].as_str().map(str::to_owned);
        let part = word("subresource").map(|part| format!("/{part}")).unwrap_or_default();
        let resource = word("resource").expect("a resource") + &part;
        rights.insert((word("namespace"), word("group").unwrap_or_default(), resource, word("verb").expect("a verb")));
    }
    assert!(!rights.is_empty(), "{name} asks for nothing");
    rights
}

/// Without those for a namespace that are granted for all of them.
fn least(rights: &BTreeSet<Right>) -> BTreeSet<Right> {
    let everywhere = |(_, group, resource, verb): &Right| (None, group.clone(), resource.clone(), verb.clone());
    let needed = |right: &&Right| right.0.is_none() || !rights.contains(&everywhere(right));
    rights.iter().filter(needed).cloned().collect()
}

/// Roles with these rights, as they are shipped.
fn written(rights: &BTreeSet<Right>) -> String {
    let mut text = "# All that the user of the kubeconfig needs for the shipped playbooks, and nothing else. Apply it to both clusters, after you have put\n\
                    # your service's namespace in place of `common`, and your user's name in place of `cutover`. Without the platform (`platform: plain`)\n\
                    # leave out what is of cie.inspur.com. Whether a user has what a run needs is looked at by its first phase, and before by\n\
                    # `cutover doctor --online`. Made from what the playbooks ask for: UPDATE=1 cargo test --test program rights\n"
        .to_owned();
    type Rules<'a> = BTreeMap<(&'a str, &'a str), Vec<&'a str>>;
    let mut scopes: BTreeMap<Option<&String>, Rules<'_>> = BTreeMap::new();
    for (namespace, group, resource, verb) in rights {
        scopes.entry(namespace.as_ref()).or_default().entry((group, resource)).or_default().push(verb);
    }
    for (namespace, rules) in scopes {
        let (role, binding) =
            if namespace.is_some() { ("Role", "RoleBinding") } else { ("ClusterRole", "ClusterRoleBinding") };
        let metadata = match namespace {
            Some(namespace) => format!("{{name: cutover, namespace: {namespace}}}"),
            None => "{name: cutover}".to_owned(),
        };
        let head =
            |kind: &str| format!("apiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}\nmetadata: {metadata}\n");
        write!(text, "---\n{}rules:\n", head(role)).unwrap();
        for ((group, resource), verbs) in rules {
            let group = if group.is_empty() { "\"\"" } else { group };
            let verbs = verbs.join(", ");
            writeln!(text, "  - {{apiGroups: [{group}], resources: [{resource}], verbs: [{verbs}]}}").unwrap();
        }
        let subject = "[{apiGroup: rbac.authorization.k8s.io, kind: User, name: cutover}]";
        let reference = format!("{{apiGroup: rbac.authorization.k8s.io, kind: {role}, name: cutover}}");
        write!(text, "---\n{}subjects: {subject}\nroleRef: {reference}\n", head(binding)).unwrap();
    }
    text
}

#[tokio::test(start_paused = true)]
async fn the_shipped_roles_are_what_the_shipped_playbooks_ask_for() {
    let mut rights = BTreeSet::new();
    for name in PLAYBOOKS {
        for platform in PLATFORMS {
            rights.extend(asked(name, platform).await);
        }
    }
    let made = written(&least(&rights));
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(roles::file(), &made).unwrap();
    }
    let shipped = std::fs::read_to_string(roles::file()).unwrap_or_default();
    assert!(made == shipped, "inventories/kubernetes/rights.yml is not what the playbooks ask for:\n{made}");
}

/// The right that a line of requests.txt needs; none if everybody has it.
fn needed(line: &str) -> Option<(String, String, String)> {
    let mut words = line.split_whitespace().skip(1);
    let (method, path) = (words.next()?, words.next()?);
    let segments: Vec<&str> = path.split('?').next()?.split('/').skip(1).collect();
    let (group, rest) = match segments.as_slice() {
        ["api", _, rest @ ..] => ("", rest),
        ["apis", "authorization.k8s.io", ..] => return None,
        ["apis", group, _, rest @ ..] => (*group, rest),
        _ => return None,
    };
    let rest = if rest.len() > 2 && rest[0] == "namespaces" { &rest[2..] } else { rest };
    let (resource, named) = match rest {
        [] => return None,
        [resource] => ((*resource).to_owned(), false),
        [resource, _] => ((*resource).to_owned(), true),
        [resource, _, part, ..] => (format!("{resource}/{part}"), true),
    };
    let verb = match (method, named) {
        ("GET", true) => "get",
        ("GET", false) => "list",
        ("POST", _) => "create",
        ("PUT", _) => "update",
        ("PATCH", _) => "patch",
        ("DELETE", true) => "delete",
        _ => panic!("{line}"),
    };
    Some((group.to_owned(), resource, verb.to_owned()))
}

#[test]
fn all_that_is_sent_is_granted_and_nothing_else() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/program/conformance/requests.txt");
    let list = std::fs::read_to_string(file).expect("the list");
    let sent: BTreeSet<_> = list.lines().filter(|line| !line.starts_with('#')).filter_map(needed).collect();
    let by_helm = HELM.iter().flat_map(|(group, resource, verbs)| {
        verbs.iter().map(|verb| ((*group).to_owned(), (*resource).to_owned(), (*verb).to_owned()))
    });
    // Commands in pods are not in that list: since 1.35 they need both verbs.
    let exec = ["create", "get"].map(|verb| (String::new(), "pods/exec".to_owned(), verb.to_owned()));
    let needed: BTreeSet<_> = sent.iter().cloned().chain(by_helm).chain(exec).collect();
    let rights = roles::shipped();
    let rules = rights.everywhere.iter().chain(rights.namespaces.values().flatten());
    let mut granted = BTreeSet::new();
    for Rule { groups, resources, verbs } in rules {
        for (group, resource, verb) in
            groups.iter().flat_map(|g| resources.iter().flat_map(move |r| verbs.iter().map(move |v| (g, r, v))))
        {
            granted.insert((group.clone(), resource.clone(), verb.clone()));
        }
    }
    let missing: Vec<_> = needed.difference(&granted).collect();
    let idle: Vec<_> = granted.difference(&needed).collect();
    assert!(missing.is_empty() && idle.is_empty(), "not granted: {missing:#?}\ngranted, and never needed: {idle:#?}");
}

/// The shipped rights without one.
fn without(right: &Right) -> Rights {
    let (namespace, group, resource, verb) = right;
    let mut rights = roles::shipped();
    let rules = match namespace {
        Some(namespace) => rights.namespaces.get_mut(namespace).expect("a role"),
        None => &mut rights.everywhere,
    };
    for rule in rules.iter_mut().filter(|rule| rule.groups.contains(group) && rule.resources.contains(resource)) {
        rule.verbs.retain(|known| known != verb);
    }
    rights
}

#[test]
fn each_right_that_is_taken_away_is_missed_in_the_first_phase() {
    let runtime = paused();
    let all: Vec<(&str, &str, BTreeSet<Right>)> = PLAYBOOKS
        .iter()
        .flat_map(|name| PLATFORMS.map(|platform| (*name, platform, runtime.block_on(asked(name, platform)))))
        .collect();
    let rights: BTreeSet<Right> = all.iter().flat_map(|(.., rights)| rights).cloned().collect();
    for right in &least(&rights) {
        let (name, platform, _) = all.iter().find(|(.., rights)| rights.contains(right)).expect("who asks for it");
        let (namespace, group, resource, verb) = right;
        let resource = if group.is_empty() { resource.clone() } else { format!("{resource} ({group})") };
        let words = match namespace {
            Some(namespace) => format!("may not `{verb}` {resource} in the namespace {namespace}"),
            None => format!("may not `{verb}` {resource} (a right for the whole cluster)"),
        };
        runtime.block_on(async {
            let play = play(name, platform);
            let stage = match *name {
                PREPARE => Stage::new(&play, WorldSpec::default(), 1),
                _ => Stage::prepared(),
            };
            stage.world.grant(Some(without(right)));
            let ran = stage.run(&play).await;
            let failures = ran.failures();
            assert!(failures.contains(&words), "{name} without {right:?}: {}\n{failures}", ran.summary());
            let failed = ran.failed().expect("a step");
            assert!(failed.ends_with("/the-user-may-do-all-that-is-to-be-done"), "{name} without {right:?}: {failed}");
            assert_eq!(ran.ending.exit_code, 3, "{name} without {right:?}: {}", ran.summary());
            assert!(!failures.contains("unreachable"), "{failures}");
            assert_eq!(changed(&ran.events), Vec::<String>::new(), "{name} without {right:?}");
        });
    }
}

#[tokio::test(start_paused = true)]
async fn a_forbidden_command_in_a_pod_is_a_refusal_that_names_both_verbs() {
    for verb in ["create", "get"] {
        let unasked =
            |text: String| text.replace("k8s_access: {chart_kinds: \"{{ chart_kinds }}\"}", "set_fact: {a: 1}");
        let play = Play::load(CUTOVER, &unasked, &example());
        let stage = Stage::prepared();
        stage.world.grant(Some(without(&(
            Some("common".to_owned()),
            String::new(),
            "pods/exec".to_owned(),
            verb.to_owned(),
        ))));
        let ran = stage.run(&play).await;
        let words = ran.words();
        assert_eq!(ran.ending.exit_code, 3, "{words}");
        for part in
            ["refused: primary: exec in pod common/common-etcd-etcd-0", "`create`", "`get`", "`pods/exec`", "`common`"]
        {
            assert!(words.contains(part), "{part}: {words}");
        }
    }
}
