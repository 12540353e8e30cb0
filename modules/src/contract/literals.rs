//! Whatever is written as a literal: what `check` lets through is not called invalid by a run. Every row of the contract is
//! spoilt in every place, and what passes is looked at in worlds that answer.

use std::sync::Arc;

use cutover_engine::clock::Clock;
use cutover_engine::failure::{Failure, FailureClass};
use cutover_engine::inventory::{Inventory, SecretSource, Secrets, load};
use cutover_engine::module::{Bound, Context, Facts, TargetKind};
use cutover_engine::world::{Answer, Command, Exit, Io, Place, Request, Transport, TransportFault, World};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use super::{Bad, Good, bad, good};
use crate::REGISTRY;
use crate::testing::target;

const INVENTORY: &str = "
sites:
  primary:
    kubernetes: {kubeconfig: admin.conf, context: primary}
    nodes: {worker01: {address: 172.16.1.1}, w4: {address: 172.16.1.4}}
  standby:
    kubernetes: {kubeconfig: admin.conf, context: standby}
    nodes: {worker01: {address: 172.16.2.1}}
roles: {active: primary, passive: standby}
pairs:
  - resource: etcd0
    port: 7790
    device: /dev/drbd0
    disk: /dev/sdc
    members: {primary: {node: worker01, node_id: 1}, standby: {node: worker01, node_id: 2}}
";

/// What a text is spoilt with.
const TEXTS: [&str; 13] =
    ["", " ", "-x", "--all", ".", "..", "/", "x/y", "/x/../y", "a\nb", "a b", "%zz", "ein Umlaut: ä"];

/// Answers everything alike.
#[derive(Clone, Copy)]
struct Same {
    code: i32,
    status: u16,
}

impl Clock for Same {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::UNIX_EPOCH
    }
}

impl World for Same {
    fn transport(&self, _: &Place) -> BoxFuture<'_, Result<Arc<dyn Transport>, TransportFault>> {
        let transport: Arc<dyn Transport> = Arc::new(*self);
        Box::pin(async move { Ok(transport) })
    }

    fn request<'a>(&'a self, _: &'a Request) -> BoxFuture<'a, Result<Answer, TransportFault>> {
        Box::pin(async move { Ok(Answer::new(self.status, json!({}))) })
    }
}

impl Transport for Same {
    fn exec<'a>(&'a self, _: &'a Command, _: Io<'a>) -> BoxFuture<'a, Result<Exit, TransportFault>> {
        Box::pin(async move { Ok(Exit::Code(self.code)) })
    }
}

struct NoSecrets;

impl Secrets for NoSecrets {
    fn resolve(&self, _: &SecretSource) -> Result<String, String> {
        Err("there are none".to_owned())
    }
}

/// Two sites with a pair between them.
pub(super) fn inventory() -> Arc<Inventory> {
    let loaded = load("inventory.yml".as_ref(), &|_| Ok(INVENTORY.to_owned()), &NoSecrets);
    Arc::new(loaded.expect("an inventory"))
}

/// What `check` says of a step whose parameters and target are written out.
pub(super) fn checked(
    module: &str,
    kind: TargetKind,
    params: &Value,
    inventory: &Inventory,
) -> Result<Box<dyn Bound>, Failure> {
    let module = REGISTRY.get(module).expect(module);
    module.targets().accept(module.name(), kind)?;
    let bound = module.bind(params.clone())?;
    bound.judge_on(&Facts::of(target(kind), None, inventory), inventory)?;
    Ok(bound)
}

/// The parameters, each time with one place in them spoilt.
fn spoilt(params: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    match params {
        Value::Object(fields) => {
            for (name, value) in fields {
                let mut less = fields.clone();
                less.shift_remove(name);
                all.push(Value::Object(less));
                for other in spoilt(value) {
                    let mut fields = fields.clone();
                    fields[name] = other;
                    all.push(Value::Object(fields));
                }
            }
        }
        Value::Array(items) => {
            all.push(json!([]));
            for (index, value) in items.iter().enumerate() {
                for other in spoilt(value) {
                    let mut items = items.clone();
                    items[index] = other;
                    all.push(Value::Array(items));
                }
            }
        }
        Value::String(_) => all.extend(TEXTS.map(Value::from)),
        Value::Number(_) => all.extend([json!(0), json!(-1), json!(70_000), json!(1.5)]),
        Value::Bool(is) => all.push(json!(!is)),
        Value::Null => {}
    }
    all
}

#[tokio::test(start_paused = true)]
async fn what_check_lets_through_is_never_called_invalid() {
    let inventory = inventory();
    let worlds = [Same { code: 0, status: 200 }, Same { code: 1, status: 404 }];
    let rows = good().into_iter().map(|Good { module, params, .. }| (module, params));
    let rows = rows.chain(bad().into_iter().map(|Bad { module, params, .. }| (module, params)));
    let (mut looked, mut refused, mut wrong) = (0, 0, Vec::new());
    for (module, row) in rows {
        let written = std::iter::once(row.clone()).chain(spoilt(&row));
        for (params, kind) in written.flat_map(|params| TargetKind::ALL.map(|kind| (params.clone(), kind))) {
            let Ok(bound) = checked(module, kind, &params, &inventory) else {
                refused += 1;
                continue;
            };
            for world in worlds {
                looked += 1;
                let seen = bound.look(&Context::new(target(kind), None, Arc::clone(&inventory), Arc::new(world))).await;
                if let Some(failure) = seen.err().filter(|failure| failure.class == FailureClass::Invalid) {
                    wrong.push(format!("{module} {params} on {}: {}", kind.words(), failure.message));
                }
            }
        }
    }
    wrong.dedup();
    assert!(looked > 1000 && refused > 1000, "looked at {looked}, refused {refused}");
    assert!(wrong.is_empty(), "{} are not refused by check, and invalid in a run:\n{}", wrong.len(), wrong.join("\n"));
}
