//! The module contract: probe, diff, and changes as data. The engine owns everything else: plan, verify, retry, undo.

mod access;
mod answered;
mod any;
mod api_failure;
mod context;
mod facts;
mod targets;

pub use access::Access;
pub(crate) use answered::judge as judge_answer;
pub use any::{AnyModule, Bound, BoxedModule, Probed, Registry, result_schemas};
pub(crate) use api_failure::status as api_status;
pub use api_failure::{api_body, api_failure};
pub use context::Context;
pub(crate) use context::bad_path;
pub use cutover_protocol::change::{Change, Class};
pub use cutover_protocol::diff::{Diff, Progress, Waiting};
pub use facts::Facts;
pub use targets::{TargetKind, Targets};

use std::future::Future;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::action::Done;
use crate::failure::Failure;
use crate::inventory::Inventory;
use crate::subject::Subject;

/// One kind of step a playbook can name.
///
/// A module probes ([`Module::probe`]) and compares ([`Module::diff`]); it returns what has to be done as [`Change`]s,
/// which are plain data. The engine carries them out. A module never prints, sleeps, retries, or asks whether this is
/// only a plan.
pub trait Module: Send + Sync + 'static {
    /// The name authors write: `drbd_role`.
    const NAME: &'static str;
    /// One sentence for the reference, `explain` and completion.
    const SUMMARY: &'static str;
    /// A step that uses the module, as YAML; part of the reference and checked by a test.
    const EXAMPLE: &'static str;

    /// Whether it asks what the whole run does at the API server of its site ([`Context::access`]).
    const ASKS_ACCESS: bool = false;

    /// The kinds of target it works on: `check` refuses others.
    const TARGETS: Targets = Targets::ANY;

    /// What the author writes. Doc comments become schema and reference.
    type Params: DeserializeOwned + Serialize + JsonSchema + Send + Sync + 'static;
    /// The probed state. Recorded in the journal.
    type State: Serialize + Send + Sync + 'static;

    /// Judges parameters as a whole: whether they contradict each other, or can never be carried out. `check` calls it for
    /// parameters without templates, a run before the first probe. The failure points to the parameter.
    ///
    /// # Errors
    /// The parameters cannot be carried out, whatever the world is like.
    fn judge(_params: &Self::Params) -> Result<(), Failure> {
        Ok(())
    }

    /// Judges parameters together with a target and the inventory: whether they can be carried out on this target, and whether
    /// the inventory has what they name. Called together with [`Module::judge`], for every target that is written out.
    ///
    /// # Errors
    /// The parameters cannot be carried out on this target, whatever the world is like.
    fn judge_on(_facts: &Facts, _inventory: &Inventory, _params: &Self::Params) -> Result<(), Failure> {
        Ok(())
    }

    /// Reads the world. It cannot change it: a context sends nothing but queries, which only read.
    fn probe(&self, cx: &Context, params: &Self::Params) -> impl Future<Output = Result<Self::State, Failure>> + Send;

    /// What the probe reads and the changes alter, from which a plan derives which steps depend on which.
    fn subjects(&self, facts: &Facts, params: &Self::Params) -> Option<Vec<Subject>>;

    /// What a step with these parameters does at the API server of its site: its probe, its changes, and what undoes them. A
    /// scalar that is not known before the run has begun is null.
    fn access(_params: &Value) -> Vec<Access> {
        Vec::new()
    }

    /// Compares the wanted with the probed state. Pure: it sees nothing but plain data, and returns the same for the same input.
    fn diff(&self, facts: &Facts, params: &Self::Params, state: &Self::State) -> Diff;

    /// Judges what the actions of a [`Diff::Run`] printed, all of which succeeded: a trial may find what speaks against what
    /// is to come. `done` holds their results, in order.
    ///
    /// # Errors
    /// The step fails, whatever its actions ended with.
    fn judge_done(
        &self,
        _facts: &Facts,
        _params: &Self::Params,
        _state: &Self::State,
        _done: &[Done],
    ) -> Result<(), Failure> {
        Ok(())
    }

    /// The JSON Schema of the result that `register` stores: for `explain`, the reference, and `check`, which finds missing fields.
    fn result_schema(generator: &mut SchemaGenerator) -> Schema;

    /// The result that `register` stores: the last probed state by default. `done` holds the results of the executed
    /// actions, in order; it is empty if nothing had to be changed.
    fn result(&self, _facts: &Facts, _params: &Self::Params, state: &Self::State, _done: &[Done]) -> Value {
        serde_json::to_value(state).unwrap_or(Value::Null)
    }
}
