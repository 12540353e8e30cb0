//! A second service moves in: a key-value server with one client program. What it needs of a world is what [`Service`] asks for; no
//! other room knows of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cutover_engine::world::{Command, Exit, Output, Place, Request, World as _};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use crate::Sandbox;
use crate::cluster::{Chart, Clusters, Container, Crash, Release, Running, Service, Settled, Start};
use crate::kernel::WorldSpec;
use crate::machine::program::{Call, Program, Reply};
use crate::machine::{Errno, Machine, Machines, Meta};
use crate::testing::{inventory, run_at};

/// A server that keeps each key in a file of its volume.
struct Shelf;

impl Service for Shelf {
    fn chart(&self) -> Chart {
        Chart::new("{name: shelf, version: 0.1.0, appVersion: '1'}", "{replicas: 2, node: ''}", templates)
    }

    fn running(&self) -> Box<dyn Running> {
        Box::new(Servers::default())
    }

    fn clients(&self) -> &'static [&'static dyn Program<Clusters>] {
        &[&Client]
    }

    fn furnish(
        &self,
        machine: &mut Machine,
        path: &str,
        (_, pod): (&Value, &str),
        spec: &WorldSpec,
        then: i128,
    ) -> Result<(), Errno> {
        let (uid, gid) = (spec.workload.uid, spec.workload.gid);
        machine.mkdir_p(path, 0o700, then)?;
        machine.chown(path, uid, gid)?;
        machine.write_file(&format!("{path}/age"), "old", Meta { uid, gid, mode: 0o600, mtime_ns: then })?;
        machine.write_file(&format!("{path}/pod"), pod, Meta { uid, gid, mode: 0o600, mtime_ns: then })
    }
}

fn templates(release: &Release<'_>) -> Vec<(String, Value)> {
    let name = match release.values["fullnameOverride"].as_str() {
        Some(name) => name.to_owned(),
        None => format!("{}-shelf", release.name),
    };
    let labels = json!({"app": name});
    let set = json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": name, "namespace": release.namespace},
        "spec": {
            "replicas": release.values["replicas"], "serviceName": name, "selector": {"matchLabels": labels},
            "podManagementPolicy": "Parallel",
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{
                "name": "shelf", "image": "example.org/shelf:1", "readinessProbe": {"tcpSocket": {"port": 70}},
                "volumeMounts": [{"name": "data", "mountPath": "/shelf"}],
            }]}},
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {
                "accessModes": ["ReadWriteOnce"], "storageClassName": "hostpath",
                "resources": {"requests": {"storage": "1Gi"}},
            }}],
        },
    });
    vec![("shelf/templates/set.yaml".to_owned(), set)]
}

/// The servers that run, by pod UID: their node, their directory, and what is to be written there.
#[derive(Debug, Clone, Default)]
struct Servers(BTreeMap<String, Server>);

#[derive(Debug, Clone)]
struct Server {
    node: String,
    directory: String,
    unwritten: Vec<(String, String)>,
}

impl Running for Servers {
    fn copy(&self) -> Box<dyn Running> {
        Box::new(self.clone())
    }

    fn is_mine(&self, container: &Container) -> bool {
        container.command == "shelf"
    }

    fn start(&mut self, start: &Start<'_>, machine: &mut Machine) -> Result<(), String> {
        let directory = start.on_node("/shelf");
        if machine.exists(&format!("{directory}/broken")) {
            return Err("the shelf is broken".to_owned());
        }
        let server = Server { node: start.node.to_owned(), directory, unwritten: Vec::new() };
        self.0.insert(start.uid.to_owned(), server);
        Ok(())
    }

    fn has(&self, uid: &str) -> bool {
        self.0.contains_key(uid)
    }

    fn end(&mut self, uid: &str) {
        self.0.remove(uid);
    }

    fn is_stirred(&self) -> bool {
        self.0.values().any(|server| !server.unwritten.is_empty())
    }

    fn settle(&mut self, site: &str, machines: &mut Machines, now: i128) -> Settled {
        let mut settled = Settled::default();
        for (uid, server) in &mut self.0 {
            let Some(machine) = machines.named_mut(site, &server.node) else { continue };
            for (key, value) in std::mem::take(&mut server.unwritten) {
                if let Err(errno) = machine.write_file(&format!("{}/{key}", server.directory), value, Meta::root(now)) {
                    settled.crashes.push(Crash { uid: uid.clone(), message: errno.to_string() });
                }
            }
        }
        settled
    }

    fn serves(&self, uid: &str) -> bool {
        self.has(uid)
    }
}

/// `shelf get KEY`, `shelf put KEY VALUE`
struct Client;

impl Program<Clusters> for Client {
    fn names(&self) -> &'static [&'static str] {
        &["shelf"]
    }

    fn run<'a>(&'a self, call: Call<'a, Clusters>) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            let Place::Pod { site, namespace, pod, .. } = call.place else { return Reply::fail(127, "not found\n") };
            let mut clusters = call.world.by_site();
            let cluster = clusters.get_mut(site).expect("exec has found it");
            let key = crate::cluster::key("pods", namespace, pod);
            let uid = cluster.get(&key).expect("exec has found it")["metadata"]["uid"].as_str().unwrap().to_owned();
            match call.args {
                [verb, name, value] if verb == "put" => {
                    let server = cluster.service_mut::<Servers>().and_then(|servers| servers.0.get_mut(&uid));
                    let Some(server) = server else { return Reply::fail(1, "nobody serves\n") };
                    server.unwritten.push((name.clone(), value.clone()));
                    cluster.objects.touch(key);
                    Reply::default()
                }
                [verb, name] if verb == "get" => {
                    let server = cluster.service::<Servers>().and_then(|servers| servers.0.get(&uid));
                    let Some(server) = server else { return Reply::fail(1, "nobody serves\n") };
                    let machines = call.world.hosts.machines();
                    let machine = machines.named(site, &server.node).expect("the machine of a running pod");
                    let found = machine.read_file(&format!("{}/{name}", server.directory));
                    found.map_or_else(|_| Reply::fail(1, "no such key\n"), Reply::ok)
                }
                _ => Reply::fail(2, "shelf get KEY | shelf put KEY VALUE\n"),
            }
        })
    }
}

/// A world whose workload is a shelf, beside etcd's chart.
fn world() -> Sandbox {
    let mut spec = WorldSpec::default();
    spec.workload.chart = "shelf".to_owned();
    spec.workload.release = "kv".to_owned();
    spec.workload.statefulset = "kv-shelf".to_owned();
    spec.workload.replicas = 2;
    Sandbox::with_services(inventory(), spec, 1, &[&super::etcd::Etcd, &Shelf]).expect("a world")
}

fn pod(ordinal: usize) -> Place {
    let pod = format!("kv-shelf-{ordinal}");
    Place::Pod { site: "primary".into(), namespace: "common".into(), pod, container: None }
}

async fn say(world: &Sandbox, place: &Place, line: &str) -> String {
    let Output { exit, stdout, stderr } = run_at(world, place, &Command::new(line.split(' '))).await;
    format!("{stdout}{stderr}[{exit}]")
}

async fn scale(world: &Sandbox, replicas: usize) {
    let path = "/apis/apps/v1/namespaces/common/statefulsets/kv-shelf/scale";
    let request = Request {
        method: "PATCH".to_owned(),
        content_type: Some("application/merge-patch+json".to_owned()),
        body: Some(json!({"spec": {"replicas": replicas}})),
        ..Request::get("primary", path)
    };
    assert_eq!(world.request(&request).await.expect("an answer").status, 200);
    tokio::time::sleep(Duration::from_secs(60)).await;
}

async fn ready(world: &Sandbox) -> i64 {
    let path = "/apis/apps/v1/namespaces/common/statefulsets/kv-shelf";
    let answer = world.request(&Request::get("primary", path)).await.expect("an answer");
    answer.body["status"]["readyReplicas"].as_i64().unwrap_or(0)
}

#[tokio::test(start_paused = true)]
async fn a_second_service_serves_the_data_that_it_finds() {
    let world = world();
    assert_eq!(ready(&world).await, 2);
    assert_eq!(say(&world, &pod(0), "shelf get age").await, "old[exit code 0]");
    assert_eq!(say(&world, &pod(1), "shelf get pod").await, "kv-shelf-1[exit code 0]");
    assert_eq!(say(&world, &pod(0), "shelf put colour red").await, "[exit code 0]");
    assert_eq!(say(&world, &pod(1), "shelf get colour").await, "no such key\n[exit code 1]");
    // It is on the disk of its node, and comes back from there.
    scale(&world, 0).await;
    assert!(say(&world, &pod(0), "shelf get colour").await.contains("NotFound"));
    scale(&world, 2).await;
    assert_eq!((ready(&world).await, say(&world, &pod(0), "shelf get colour").await), (2, "red[exit code 0]".into()));
}

#[tokio::test(start_paused = true)]
async fn its_processes_crash_and_its_chart_is_installed_by_helm() {
    let world = world();
    let claims = world.request(&Request::get("primary", "/api/v1/persistentvolumes")).await.expect("an answer");
    let paths: Vec<(String, String)> = claims.body["items"]
        .as_array()
        .expect("volumes")
        .iter()
        .map(|volume| {
            let node = crate::cluster::controllers::node_of(volume).expect("a node").to_owned();
            (node, volume["spec"]["hostPath"]["path"].as_str().expect("a path").to_owned())
        })
        .collect();
    scale(&world, 0).await;
    for (node, path) in &paths {
        let mark = Command::new(["touch", &format!("{path}/broken")]);
        assert!(run_at(&world, &Place::node("primary", node), &mark).await.exit == Exit::Code(0));
    }
    scale(&world, 2).await;
    assert_eq!(ready(&world).await, 0);
    let pods = world.request(&Request::get("primary", "/api/v1/namespaces/common/pods")).await.expect("an answer");
    assert!(pods.body.to_string().contains("the shelf is broken"), "{}", pods.body);

    let helm = "helm --kubeconfig primary.conf --kube-context primary -n common";
    let text = say(&world, &Place::Controller, &format!("{helm} install more ./charts/shelf")).await;
    assert!(text.contains("STATUS: deployed"), "{text}");
    let text = say(&world, &Place::Controller, &format!("{helm} list")).await;
    assert!(text.contains("shelf-0.1.0") && text.contains("kv"), "{text}");
    let text = say(&world, &Place::Controller, &format!("{helm} show chart ./charts/etcd")).await;
    assert!(text.contains("name: etcd"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_fork_has_its_own_processes() {
    let world = world();
    let fork = world.snapshot().world();
    assert_eq!(say(&fork, &pod(0), "shelf put colour red").await, "[exit code 0]");
    assert_eq!(say(&fork, &pod(0), "shelf get colour").await, "red[exit code 0]");
    assert_eq!(say(&world, &pod(0), "shelf get colour").await, "no such key\n[exit code 1]");
    assert_eq!(Arc::strong_count(&world.clusters), 1);
}

#[tokio::test(start_paused = true)]
async fn a_chart_that_no_service_brings_is_refused() {
    let mut spec = WorldSpec::default();
    spec.workload.chart = "redis".to_owned();
    let refused = Sandbox::new(inventory(), spec, 1).map(drop).expect_err("no such service");
    assert_eq!(refused, "`workload.chart: redis`: the charts are etcd");
}
