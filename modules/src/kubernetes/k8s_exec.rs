//! `k8s_exec`: a program in a container of a pod, through the API server. Like `command`, but in a pod: what it does cannot
//! be seen by a probe, so it runs once each time, unless it only reads. No terminal, no shell.

use cutover_engine::action::{Action, Done};
use cutover_engine::failure::Failure;
use cutover_engine::module::{Access, Change, Class, Context, Diff, Facts, Module, Targets};
use cutover_engine::query::ReadOnly;
use cutover_engine::subject::Subject;
use cutover_engine::text;
use cutover_engine::world::{Command as Argv, Exit, Output, Place};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::flow::command::{Printed, complaint};
use crate::support::kubernetes::access;
use crate::support::pod::{self, Pod};

/// The module.
#[derive(Clone, Copy)]
pub(crate) struct K8sExec;

/// Parameters of `k8s_exec`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    /// The pod's namespace.
    pub(crate) namespace: String,
    /// The pod's name.
    pub(crate) pod: String,
    /// The container; by default the one that the pod's annotation `kubectl.kubernetes.io/default-container` names, or the first.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) container: Option<String>,
    /// The program and its arguments, one item each. There is no shell, and no terminal (no `-it`).
    pub(crate) argv: Vec<String>,
    /// Text for its standard input.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) stdin: Option<String>,
    /// Whether it changes nothing. Such a command is also run by `plan`.
    #[serde(default)]
    pub(crate) read_only: bool,
    /// The exit codes that mean success.
    #[serde(default = "zero")]
    pub(crate) expect_rc: Vec<i32>,
    /// Whether repeating it is harmless. If not, it is never run again when the connection is lost while it runs.
    #[serde(default)]
    pub(crate) idempotent: bool,
}

fn zero() -> Vec<i32> {
    vec![0]
}

/// What `k8s_exec` saw.
#[derive(Debug, Serialize)]
pub(crate) struct State {
    place: Place,
    pod: Pod,
    /// What a read-only command printed, and how it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<Output>,
}

/// What `register` keeps.
#[derive(Debug, Serialize, JsonSchema)]
struct Ran {
    #[serde(flatten)]
    printed: Printed,
    /// The node of the pod; null if it has none.
    node: Option<String>,
}

impl Module for K8sExec {
    const NAME: &'static str = "k8s_exec";
    const SUMMARY: &'static str = "Runs a program in a container of a pod";
    const EXAMPLE: &'static str = r#"
name: Write the canary
target: active
k8s_exec:
  namespace: common
  pod: common-etcd-etcd-0
  argv: [etcdctl, put, test-ts, "{{ run.started }}"]
"#;

    const TARGETS: Targets = Targets::SITE;

    type Params = Params;
    type State = State;

    fn judge(params: &Params) -> Result<(), Failure> {
        pod::judge(&params.namespace, &params.pod, params.container.as_deref())?;
        if params.argv.first().is_none_or(String::is_empty) {
            return Err(Failure::invalid(text!("k8s_exec.no-program", "`argv` names no program")).pointer("/argv"));
        }
        if params.expect_rc.is_empty() {
            let message = text!("k8s_exec.no-exit-code", "`expect_rc` is empty: nothing would be a success");
            return Err(Failure::invalid(message).pointer("/expect_rc"));
        }
        Ok(())
    }

    async fn probe(&self, cx: &Context, params: &Params) -> Result<State, Failure> {
        let Params { namespace, pod, container, .. } = params;
        let (site, container) = (cx.site()?, container.as_deref());
        let pod = Pod::read(cx, site, namespace, pod, container).await?;
        let place = pod.place(site, namespace);
        let output = match ReadOnly::declared(argv(params), params.read_only) {
            Some(command) if pod.obstacle().is_none() => Some(cx.read_at(&place, &command).await?),
            _ => None,
        };
        Ok(State { place, pod, output })
    }

    fn subjects(&self, facts: &Facts, params: &Params) -> Option<Vec<Subject>> {
        let Params { namespace, pod, container, .. } = params;
        let site = facts.site().ok()?;
        let place = pod::place(site, namespace, pod, container.as_deref());
        // What is done in one pod of a workload may be seen in the others.
        Some(vec![pod::siblings(site, namespace, pod), Subject::Anything { place }])
    }

    fn access(params: &Value) -> Vec<Access> {
        access::namespace(params).map(|namespace| access::exec(namespace).collect()).unwrap_or_default()
    }

    fn diff(&self, _facts: &Facts, params: &Params, state: &State) -> Diff {
        if let Some(obstacle) = state.pod.obstacle() {
            return obstacle;
        }
        let command = argv(params);
        if let Some(output) = &state.output {
            return match output.exit {
                Exit::Code(code) if params.expect_rc.contains(&code) => Diff::InSync,
                _ => Diff::refused(complaint(&command, output)),
            };
        }
        let Params { namespace, pod, .. } = params;
        let summary =
            text!("k8s_exec.run", "run {command} in pod {namespace}/{pod}", command = &command, namespace, pod);
        let actions = [Action::Exec { place: state.place.clone(), command }];
        let class = if params.idempotent { Class::Idempotent } else { Class::AtMostOnce };
        let change = Change::new(class, "run", summary, actions);
        Diff::Run(vec![change])
    }

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<Ran>()
    }

    fn result(&self, _facts: &Facts, _params: &Params, state: &State, done: &[Done]) -> Value {
        let ran = done.iter().rev().find_map(|done| match done {
            Done::Output(output) => Some(output),
            Done::Response(_) => None,
        });
        let printed = ran.or(state.output.as_ref()).map(Printed::of).unwrap_or_default();
        json!(Ran { printed, node: state.pod.node.clone() })
    }
}

fn argv(params: &Params) -> Argv {
    let mut command = Argv::new(params.argv.iter().cloned()).accept(params.expect_rc.iter().copied());
    command.stdin.clone_from(&params.stdin);
    command
}

#[cfg(test)]
mod tests {
    use cutover_engine::module::Module;
    use cutover_engine::text::Text;
    use cutover_engine::world::{Exit, Output};
    use serde_json::{Value, json};

    use super::{K8sExec, Params, State};
    use crate::support::pod::{self, Pod, Standing};
    use crate::testing::{pair_context, show};

    fn shown(params: Value, standing: Standing, output: Option<Output>) -> String {
        let mut all = json!({"namespace": "common", "pod": "etcd-0", "argv": ["etcdctl", "put", "a", "b c"]});
        all.as_object_mut().unwrap().extend(params.as_object().unwrap().clone());
        let params: Params = serde_json::from_value(all).unwrap();
        let pod = Pod {
            name: "etcd-0".to_owned(),
            node: Some("worker01".to_owned()),
            container: None,
            ready: false,
            standing,
        };
        let state = State { place: pod::place("primary", "common", "etcd-0", None), pod, output };
        show(&K8sExec.diff(pair_context().facts(), &params, &state))
    }

    #[test]
    fn what_only_reads_is_judged_and_everything_else_runs_once() {
        assert_eq!(
            shown(json!({}), Standing::Running, None),
            "run (AtMostOnce): run etcdctl put a 'b c' in pod common/etcd-0\n  primary/pod/common/etcd-0$ etcdctl put a \
             'b c'\n"
        );
        assert!(shown(json!({"idempotent": true}), Standing::Running, None).starts_with("run (Idempotent)"));
        assert_eq!(shown(json!({}), Standing::Coming(Text::verbatim("soon")), None), "waiting: soon\n");
        assert_eq!(shown(json!({}), Standing::Gone(Text::verbatim("none")), None), "blocked: none\n");
        let output = |code| Some(Output { exit: Exit::Code(code), stdout: String::new(), stderr: "bad\n".into() });
        let reads = json!({"read_only": true});
        assert_eq!(shown(reads.clone(), Standing::Running, output(0)), "in sync\n");
        assert_eq!(
            shown(reads, Standing::Running, output(1)),
            "blocked: etcdctl put a 'b c' ended with exit code 1\nblocked: bad\n"
        );
        assert_eq!(shown(json!({"read_only": true, "expect_rc": [1]}), Standing::Running, output(1)), "in sync\n");
    }
}
