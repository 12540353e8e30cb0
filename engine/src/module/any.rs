//! Modules with their types erased, so that the engine can hold them in one slice.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use serde_json::Value;
use serde_path_to_error::Segment;

use super::{Access, Context, Diff, Facts, Module, Targets};
use crate::action::Done;
use crate::failure::Failure;
use crate::inventory::Inventory;
use crate::subject::Subject;
use crate::text::Text;

/// A module without its types.
pub trait AnyModule: Send + Sync {
    /// [`Module::NAME`].
    fn name(&self) -> &'static str;
    /// [`Module::SUMMARY`].
    fn summary(&self) -> &'static str;
    /// [`Module::TARGETS`].
    fn targets(&self) -> Targets;
    /// [`Module::ASKS_ACCESS`].
    fn asks_access(&self) -> bool;
    /// [`Module::access`].
    fn access(&self, params: &Value) -> Vec<Access>;
    /// [`Module::EXAMPLE`].
    fn example(&self) -> &'static str;
    /// The schema of its parameters after rendering (without templates).
    fn schema(&self, generator: &mut SchemaGenerator) -> Schema;
    /// The schema of the result that `register` stores.
    fn result_schema(&self, generator: &mut SchemaGenerator) -> Schema;
    /// Decodes rendered parameters, and judges them. A failure carries a pointer to the value that is wrong.
    fn bind(&self, params: Value) -> Result<Box<dyn Bound>, Failure>;
}

/// A module with its parameters.
pub trait Bound: Send + Sync {
    /// Judges the parameters together with a target and the inventory, without probing.
    fn judge_on(&self, facts: &Facts, inventory: &Inventory) -> Result<(), Failure>;
    /// Probes and compares.
    fn look<'a>(&'a self, cx: &'a Context) -> BoxFuture<'a, Result<Probed, Failure>>;
    /// What the probe reads and the changes alter; `None` if the module does not declare it.
    fn subjects(&self, cx: &Context) -> Option<Vec<Subject>>;
    /// The parameters after decoding, with defaults filled in.
    fn params(&self) -> Value;
}

/// Builds the result that `register` stores from the results of the executed actions.
type ResultBuilder = Box<dyn FnOnce(&[Done]) -> Value + Send>;

/// Judges the results of the executed actions.
type Judge = Box<dyn Fn(&[Done]) -> Result<(), Failure> + Send + Sync>;

/// The outcome of a probe.
pub struct Probed {
    /// The state, as recorded.
    pub state: Value,
    /// The comparison.
    pub diff: Diff,
    judge: Judge,
    result: ResultBuilder,
}

impl Probed {
    /// Judges what the actions of a [`Diff::Run`] printed.
    ///
    /// # Errors
    /// The step fails by it.
    pub fn judge(&self, done: &[Done]) -> Result<(), Failure> {
        (self.judge)(done)
    }

    /// The result that `register` stores, from the results of the executed actions.
    pub fn result(self, done: &[Done]) -> Value {
        (self.result)(done)
    }
}

/// The generator of result schemas. They describe serialised values, so an optional field is not required.
pub fn result_schemas() -> SchemaGenerator {
    SchemaSettings::draft07().for_serialize().into_generator()
}

/// A module in a const slice: `&DrbdRole as BoxedModule`.
pub type BoxedModule = &'static dyn AnyModule;

/// The modules a playbook can name, in the order of the reference.
#[derive(Clone, Copy)]
pub struct Registry(pub &'static [BoxedModule]);

impl Registry {
    /// Finds a module by name.
    pub fn get(&self, name: &str) -> Option<BoxedModule> {
        self.0.iter().copied().find(|module| module.name() == name)
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|module| module.name())
    }
}

impl<M: Module + Copy> AnyModule for M {
    fn name(&self) -> &'static str {
        M::NAME
    }

    fn summary(&self) -> &'static str {
        M::SUMMARY
    }

    fn targets(&self) -> Targets {
        M::TARGETS
    }

    fn asks_access(&self) -> bool {
        M::ASKS_ACCESS
    }

    fn access(&self, params: &Value) -> Vec<Access> {
        M::access(params)
    }

    fn example(&self) -> &'static str {
        M::EXAMPLE
    }

    fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<M::Params>()
    }

    fn result_schema(&self, generator: &mut SchemaGenerator) -> Schema {
        M::result_schema(generator)
    }

    fn bind(&self, params: Value) -> Result<Box<dyn Bound>, Failure> {
        let params: M::Params = serde_path_to_error::deserialize(params).map_err(|error| {
            let pointer = pointer(error.path());
            Failure::invalid(Text::verbatim(error.into_inner().to_string())).pointer(pointer)
        })?;
        M::judge(&params)?;
        Ok(Box::new(BoundModule { module: *self, params: Arc::new(params) }))
    }
}

/// Turns serde's error path into a JSON pointer.
fn pointer(path: &serde_path_to_error::Path) -> String {
    path.iter()
        .map(|segment| match segment {
            Segment::Seq { index } => format!("/{index}"),
            Segment::Map { key } => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
            Segment::Enum { .. } | Segment::Unknown => String::new(),
        })
        .collect()
}

struct BoundModule<M: Module> {
    module: M,
    params: Arc<M::Params>,
}

impl<M: Module + Copy> Bound for BoundModule<M> {
    fn judge_on(&self, facts: &Facts, inventory: &Inventory) -> Result<(), Failure> {
        M::judge_on(facts, inventory, &self.params)
    }

    fn look<'a>(&'a self, cx: &'a Context) -> BoxFuture<'a, Result<Probed, Failure>> {
        Box::pin(async move {
            let state = self.module.probe(cx, &self.params).await?;
            let diff = self.module.diff(cx.facts(), &self.params, &state);
            let recorded = serde_json::to_value(&state).unwrap_or(Value::Null);
            let (module, state) = (self.module, Arc::new(state));
            let (params, seen, context) = (Arc::clone(&self.params), Arc::clone(&state), cx.clone());
            let judge = Box::new(move |done: &[Done]| module.judge_done(context.facts(), &params, &seen, done));
            let (params, cx) = (Arc::clone(&self.params), cx.clone());
            let result = Box::new(move |done: &[Done]| module.result(cx.facts(), &params, &state, done));
            Ok(Probed { state: recorded, diff, judge, result })
        })
    }

    fn subjects(&self, cx: &Context) -> Option<Vec<Subject>> {
        self.module.subjects(cx.facts(), &self.params)
    }

    fn params(&self) -> Value {
        serde_json::to_value(&*self.params).unwrap_or(Value::Null)
    }
}
