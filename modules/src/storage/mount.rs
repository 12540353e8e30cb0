//! Mounts a device at a directory, or unmounts it; and, if asked, at boot wherever the node is the Primary. What is
//! compared is in `compare`, what runs in `moves`.

mod compare;
mod fstab;
mod moves;
#[cfg(test)]
mod tests;

use cutover_engine::action::Done;
use cutover_engine::failure::Failure;
use cutover_engine::inventory::Inventory;
use cutover_engine::module::{Context, Diff, Facts, Module, Targets};
use cutover_engine::reads;
use cutover_engine::subject::Subject;
use cutover_engine::text;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::storage::filesystem::Kind;
use crate::support::storage::block::Block;
use crate::support::storage::check_file;
use crate::support::storage::mounts::{self, Mounted};
use crate::support::storage::unit::{Boot, DIRECTORY};
use crate::support::storage::users::{self, User};

/// The module `mount`.
#[derive(Clone, Copy)]
pub(crate) struct Mount;

/// Whether it is to be mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Wanted {
    /// It is.
    #[default]
    Mounted,
    /// It is not. Never lazily, never by force: users are named instead.
    Unmounted,
}

/// What becomes of the directory that the mount hides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Underlay {
    /// It stays as it is.
    #[default]
    Keep,
    /// It is made empty and immutable, so that a pod that starts while nothing is mounted fails instead of serving an empty
    /// or stale copy. What was in it is moved beside it, to `<path>.underlay`. Immutable alone would not do: files in
    /// directories further down could still be written.
    Sealed,
    /// A seal is taken off, and what was moved beside comes back. Only with `state: unmounted`.
    Open,
}

/// Mounting at boot.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Persist {
    /// The file that says that this node is to be Primary after a reboot: without it, nothing is mounted at boot.
    pub(crate) marker: String,
    /// Whether to promote the DRBD resource at boot too: once its disk is UpToDate and its peer connected and Secondary, but
    /// never while the peer cannot be seen, since it may have taken over. Leave it out where the platform promotes, as CKE
    /// does. The resource must come up at boot: `at_boot` of drbd_resource.
    #[serde(default)]
    pub(crate) promote: bool,
}

/// What a playbook says to `mount`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    /// The device: `{{ pair.device }}`. A DRBD device must be Primary here.
    pub(crate) device: String,
    /// The directory, absolute and without symbolic links. It must exist. Refused if /etc/fstab mounts something else there, or
    /// anything at all that `persist` is to mount.
    pub(crate) path: String,
    /// Whether it is to be mounted.
    #[serde(default)]
    pub(crate) state: Wanted,
    /// The file system type that must be on the device.
    #[serde(default, rename = "type")]
    pub(crate) kind: Kind,
    /// The UUID that the file system must have, for example one that an earlier step registered.
    #[serde(default)]
    pub(crate) uuid: Option<String>,
    /// Mount options. Unless `ro` is one of them, a mount that is read-only is refused: the kernel may have made it so after an
    /// error.
    #[serde(default)]
    pub(crate) options: Vec<String>,
    /// Mount it at boot too, by a systemd unit tied to a marker file. Left out: what is there stays.
    #[serde(default)]
    pub(crate) persist: Option<Persist>,
    /// What becomes of the directory that the mount hides.
    #[serde(default)]
    pub(crate) underlay: Underlay,
}

/// What a probe saw.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct State {
    /// The device.
    pub(crate) block: Block,
    /// `directory`, `missing` or `other`.
    pub(crate) directory: String,
    /// The path with symbolic links resolved.
    pub(crate) real_path: String,
    /// The mounts at the path, oldest first: the last one is seen.
    pub(crate) at_path: Vec<Mounted>,
    /// Other mounts of the device.
    pub(crate) elsewhere: Vec<Mounted>,
    /// Mounts further down the path.
    pub(crate) nested: Vec<String>,
    /// Who uses the directory, or what is mounted there. Only looked at before a mount or unmount.
    pub(crate) users: Vec<User>,
    /// The directory beneath; `None` while it is hidden.
    pub(crate) beneath: Option<Beneath>,
    /// The units for boot, as they are.
    pub(crate) units: Vec<Unit>,
    /// What /etc/fstab mounts at the path.
    pub(crate) fstab: Vec<fstab::Entry>,
}

/// The directory that the mount hides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Beneath {
    /// Whether `chattr +i` is set on it.
    pub(crate) immutable: bool,
    /// The names in it.
    pub(crate) entries: Vec<String>,
    /// Whether `<path>.underlay` exists.
    pub(crate) aside: bool,
}

/// A unit file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Unit {
    /// Its name.
    pub(crate) name: String,
    /// Its text; `None` if there is no such file.
    pub(crate) text: Option<String>,
    /// Whether it is enabled.
    pub(crate) enabled: bool,
}

/// What `mount` returns.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Returned {
    /// The device, as the step names it.
    device: String,
    /// The directory, as the step names it.
    path: String,
    /// Whether something is mounted there.
    mounted: bool,
    /// The type of the file system on the device: `ext4`, `xfs`. Empty if the device does not open or carries none.
    #[serde(rename = "type")]
    kind: String,
    /// The UUID of that file system.
    uuid: String,
    /// The options that it is mounted with, separated by commas; null if it is not mounted.
    options: Option<String>,
    /// The names of the systemd units that mount it at boot; empty without `persist`.
    units: Vec<String>,
}

impl Params {
    fn boot<'a>(&'a self, facts: &'a Facts) -> Option<Boot<'a>> {
        let Persist { marker, promote } = self.persist.as_ref()?;
        let pair = facts.pair().ok().filter(|(_, own, _)| own.device == self.device);
        let resource = pair.map(|(pair, ..)| pair.resource.as_str());
        let (device, path, kind) = (self.device.as_str(), self.path.as_str(), self.kind.name());
        Some(Boot { device, path, kind, options: &self.options, marker, resource, promote: *promote })
    }

    fn check(&self) -> Result<(), Failure> {
        let path = &self.path;
        check_file(&self.device, "/device")?;
        if !path.starts_with('/') || path == "/" || path.split('/').skip(1).any(|part| matches!(part, "" | "." | ".."))
        {
            let message = text!(
                "mount.path",
                "`{path}` is not a mount point: give an absolute path without `.`, `..` and a slash at the end",
                path
            );
            return Err(Failure::invalid(message).pointer("/path"));
        }
        if path.contains('\n') {
            return Err(
                Failure::invalid(text!("mount.line-feed", "a mount point cannot contain a line feed")).pointer("/path")
            );
        }
        if self.underlay == Underlay::Open && self.state == Wanted::Mounted {
            let message = text!(
                "mount.open-while-mounted",
                "`underlay: open` takes the seal off, which makes sense only with `state: unmounted`"
            );
            return Err(Failure::invalid(message).pointer("/underlay"));
        }
        if self.persist.is_some() && self.state == Wanted::Unmounted {
            let message = text!(
                "mount.persist-unmounted",
                "`persist` mounts at boot and contradicts `state: unmounted`; remove the marker file instead"
            );
            return Err(Failure::invalid(message).pointer("/persist"));
        }
        if let Some(persist) = &self.persist {
            check_file(&persist.marker, "/persist/marker")?;
        }
        if self.uuid.as_ref().is_some_and(String::is_empty) {
            let message = text!("mount.empty-uuid", "`uuid` is empty: leave it out if any will do");
            return Err(Failure::invalid(message).pointer("/uuid"));
        }
        if let Some(index) = self.options.iter().position(|option| option.is_empty() || option.contains([',', '\n'])) {
            let message = text!("mount.option", "each mount option is an item of the list of its own");
            return Err(Failure::invalid(message).pointer(format!("/options/{index}")));
        }
        Ok(())
    }
}

impl Module for Mount {
    const NAME: &'static str = "mount";
    const SUMMARY: &'static str = "Mounts a device after checking what it carries and what is in the way; unmounts; mounts at boot where Primary.";
    const EXAMPLE: &'static str = r#"
name: Mount the replicated disk
target: active.pairs
mount:
  device: "{{ pair.device }}"
  path: "/data/vmdata/hpvolumes/etcd-{{ pair.ordinal }}"
  persist: {marker: "/etc/drbd.d/cke_{{ pair.resource }}.primary"}
"#;

    const TARGETS: Targets = Targets::MACHINE;

    type Params = Params;
    type State = State;

    fn judge(params: &Params) -> Result<(), Failure> {
        params.check()
    }

    fn judge_on(facts: &Facts, _: &Inventory, params: &Params) -> Result<(), Failure> {
        if params.boot(facts).is_some_and(|boot| boot.promote && boot.resource.is_none()) {
            let device = &params.device;
            let message = text!(
                "mount.promote",
                "`promote` is for the DRBD device of the target's pair, and {device} is another one",
                device
            );
            return Err(Failure::invalid(message).pointer("/persist/promote"));
        }
        Ok(())
    }

    async fn probe(&self, cx: &Context, params: &Params) -> Result<State, Failure> {
        let path = &params.path;
        let block = Block::probe(cx, &params.device).await?;
        let directory = if cx.read(&reads::TEST_DIRECTORY.of([path]).accept([1])).await?.success() {
            "directory"
        } else if cx.read(&reads::TEST_EXISTS.of([path]).accept([1])).await?.success() {
            "other"
        } else {
            "missing"
        };
        let real = cx.read(&reads::READLINK.of([path])).await?;
        let real_path = if real.success() { real.stdout.trim_end_matches('\n').to_owned() } else { path.clone() };
        let all = mounts::read(cx).await?;
        let at_path: Vec<Mounted> = all.iter().filter(|mount| mount.target == real_path).cloned().collect();
        let mine = |mount: &&Mounted| mount.source == block.kernel_name && mount.target != real_path;
        let elsewhere = all.iter().filter(mine).cloned().collect();
        let nested = all.iter().filter(|mount| mount.target != real_path && mounts::beneath(&mount.target, &real_path));
        let nested = nested.map(|mount| mount.target.clone()).collect();
        let settled = at_path.is_empty() == (params.state == Wanted::Unmounted);
        let users = match directory {
            "directory" if !settled => users::read(cx, &cx.place(), path).await?,
            _ => Vec::new(),
        };
        let beneath = match directory {
            "directory" if at_path.is_empty() && params.underlay != Underlay::Keep => Some(beneath(cx, path).await?),
            // A seal that was interrupted after the content was moved aside.
            "missing" if params.underlay == Underlay::Sealed && moves::is_aside(cx, path).await? => {
                Some(Beneath { immutable: false, entries: Vec::new(), aside: true })
            }
            _ => None,
        };
        let mut units = Vec::new();
        for (name, _) in params.boot(cx.facts()).map(|boot| boot.units()).unwrap_or_default() {
            units.push(unit(cx, name).await?);
        }
        let fstab = match params.state {
            Wanted::Mounted => fstab::read(cx, path).await?,
            Wanted::Unmounted => Vec::new(),
        };
        let directory = directory.to_owned();
        Ok(State { block, directory, real_path, at_path, elsewhere, nested, users, beneath, units, fstab })
    }

    fn subjects(&self, facts: &Facts, params: &Params) -> Option<Vec<Subject>> {
        let place = facts.place();
        let mut subjects = vec![Subject::device(&place, &params.device), Subject::path(&place, &params.path)];
        if params.underlay != Underlay::Keep {
            subjects.push(Subject::path(&place, moves::aside(&params.path)));
        }
        let units = params.boot(facts).map(|boot| boot.units()).unwrap_or_default();
        subjects.extend(units.iter().map(|(name, _)| Subject::path(&place, format!("{DIRECTORY}/{name}"))));
        Some(subjects)
    }

    fn diff(&self, facts: &Facts, params: &Params, state: &State) -> Diff {
        compare::compare(facts, params, state)
    }

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<Returned>()
    }

    fn result(&self, _facts: &Facts, params: &Params, state: &State, _done: &[Done]) -> Value {
        let signature = state.block.signature.clone().unwrap_or_default();
        let returned = Returned {
            device: params.device.clone(),
            path: params.path.clone(),
            mounted: !state.at_path.is_empty(),
            kind: signature.kind,
            uuid: signature.uuid,
            options: state.at_path.last().map(|mount| mount.options.clone()),
            units: state.units.iter().map(|unit| unit.name.clone()).collect(),
        };
        serde_json::to_value(returned).unwrap_or(Value::Null)
    }
}

async fn beneath(cx: &Context, path: &str) -> Result<Beneath, Failure> {
    let lsattr = reads::LSATTR.of([path]);
    let flags = crate::support::storage::stdout(&lsattr, cx.read(&lsattr).await?)?;
    let ls = reads::LS.of([path]);
    let names = crate::support::storage::stdout(&ls, cx.read(&ls).await?)?;
    let aside = moves::is_aside(cx, path).await?;
    Ok(Beneath {
        immutable: flags.split_whitespace().next().is_some_and(|flags| flags.contains('i')),
        entries: names.lines().map(str::to_owned).collect(),
        aside,
    })
}

async fn unit(cx: &Context, name: String) -> Result<Unit, Failure> {
    let text = cx.read(&reads::CAT.of([&format!("{DIRECTORY}/{name}")]).accept([1])).await?;
    let enabled = cx.read(&reads::SYSTEMCTL_IS_ENABLED.of([&name]).accept([1, 4])).await?;
    let text = text.success().then_some(text.stdout);
    Ok(Unit { name, text, enabled: enabled.stdout.trim() == "enabled" })
}
