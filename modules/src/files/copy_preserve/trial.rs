//! The trial of a copy: a few entries are really copied, compared as a whole copy is, and removed again.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use cutover_engine::action::{Action, Done};
use cutover_engine::digest::hex;
use cutover_engine::failure::Failure;
use cutover_engine::module::{Change, Context};
use cutover_engine::query::ReadScript;
use cutover_engine::text;
use cutover_engine::text::Text;
use cutover_engine::world::{Command, Exit};
use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{State, pack};
use crate::support::quantity::human;
use crate::support::tree::{self, Located, Manifest};

/// The script that picks what is tried.
const PICK: ReadScript = ReadScript::declare("cutover-trial-pick", include_str!("../../scripts/cutover-trial-pick.sh"));
/// The script that lists what was picked; it reads only.
const LIST: &str =
    concat!(include_str!("../../scripts/manifest.sh"), include_str!("../../scripts/cutover-trial-list.sh"));
/// The script that packs it.
const SEND: &str = include_str!("../../scripts/cutover-trial-send.sh");
/// The script that unpacks it, lists it and removes it.
const RECEIVE: &str = concat!(
    include_str!("../../scripts/left-out.sh"),
    include_str!("../../scripts/manifest.sh"),
    include_str!("../../scripts/ready.sh"),
    include_str!("../../scripts/cutover-trial-receive.sh")
);

/// What is tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Sample {
    /// How many kinds of entries the source has: types, owners, modes, sets of extended attributes.
    pub(crate) kinds: u64,
    /// How many of them are not tried, because all their files take more than 64 MiB, or there are too many kinds.
    pub(crate) untried: u64,
    /// Bytes that are copied.
    pub(crate) bytes: u64,
    /// The paths that are copied, `.` for the directory itself.
    pub(crate) paths: Vec<String>,
    /// The same for the scripts.
    #[serde(skip)]
    pub(crate) list: String,
}

/// Picks what is tried.
pub(super) async fn pick(cx: &Context, tree: &Located, exclude: &[String]) -> Result<Sample, Failure> {
    let args = [tree.path.as_str()].into_iter().chain(exclude.iter().map(String::as_str));
    let output = cx.read_at(&tree.place, &PICK.of(args)).await?;
    let name = tree.to_string();
    if output.exit != Exit::Code(0) {
        let exit = &output.exit;
        let failure =
            Failure::failed(text!("copy_preserve.cannot-pick", "cannot read {tree}: {exit}", tree = name, exit));
        return Err(failure.details(output.stderr.lines().map(Text::verbatim)));
    }
    parse(&output.stdout).ok_or_else(|| {
        Failure::failed(text!(
            "copy_preserve.pick-unclear",
            "what is to be tried of {tree} is not understood",
            tree = name
        ))
        .details(output.stderr.lines().map(Text::verbatim))
    })
}

/// Reads `KINDS UNTRIED BYTES` and a path a line.
fn parse(encoded: &str) -> Option<Sample> {
    let raw = BASE64.decode(encoded.trim()).ok()?;
    let end = raw.iter().position(|byte| *byte == b'\n')?;
    let (head, paths) = (std::str::from_utf8(&raw[..end]).ok()?, &raw[end + 1..]);
    let numbers: Vec<u64> = head.split(' ').map_while(|word| word.parse().ok()).collect();
    let &[kinds, untried, bytes] = numbers.as_slice() else { return None };
    let shown = String::from_utf8_lossy(paths);
    let paths_shown: Vec<String> =
        shown.lines().map(|path| path.strip_prefix("./").unwrap_or(path).to_owned()).collect();
    let whole = paths_shown.first().is_some_and(|root| root == ".");
    whole.then(|| Sample { kinds, untried, bytes, paths: paths_shown, list: BASE64.encode(paths) })
}

/// The trial: list, copy and remove, list again. What is not the same in both lists was changed meanwhile, by those who use it.
pub(super) fn change(state: &State, sample: &Sample, names: &[&str]) -> Change {
    let State { from, to, .. } = state;
    let list = || Action::Exec {
        place: from.place.clone(),
        command: Command::script("cutover-trial-list", LIST, [&from.path]).stdin(&sample.list),
    };
    let tar = pack(&from.path, names).argv;
    let words = [from.path.as_str()].into_iter().chain(tar.iter().map(String::as_str).filter(|word| *word != "."));
    let copy = Action::Pipe {
        source: from.place.clone(),
        // 1: a file has changed while it was read.
        read: Command::script("cutover-trial-send", SEND, words).stdin(&sample.list).accept([0, 1]),
        destination: to.place.clone(),
        write: Command::script("cutover-trial-receive", RECEIVE, [to.path.as_str(), &scratch(from, to)]),
    };
    let (count, bytes, from, to) = (sample.paths.len(), human(sample.bytes), from.to_string(), to.to_string());
    let summary = text!(
        "copy_preserve.try",
        "try to copy {count} entries ({bytes}) from {from} to {to}, compare them and remove them",
        count,
        bytes,
        from,
        to
    );
    Change::transient("try-copy", summary, [list(), copy, list()])
}

/// The name of the scratch directory: the same for every trial of a copy, so that one removes what another has left.
fn scratch(from: &Located, to: &Located) -> String {
    let digest = hex(&Sha256::digest(format!("{from} {to}")));
    format!(".cutover-trial-{}", &digest[..8])
}

/// Compares what came out with what went in.
pub(super) fn judge(state: &State, done: &[Done]) -> Result<(), Failure> {
    let State { from, to, .. } = state;
    let outputs: Vec<&str> = done
        .iter()
        .filter_map(|done| match done {
            Done::Output(output) => Some(output.stdout.as_str()),
            Done::Response(_) => None,
        })
        .collect();
    // An attempt that was repeated has left more of them.
    let Some([before, copied, after]) = outputs.last_chunk::<3>() else {
        return Err(unclear(from, text!("manifest.short", "it ends too early")));
    };
    let read = |tree: &Located, text: &str| Manifest::parse(text, &[]).map_err(|why| unclear(tree, why));
    let (mut before, mut copied, after) = (read(from, before)?, read(to, copied)?, read(from, after)?);
    let is_same = |path: &Vec<u8>, line: Vec<u8>| after.entries.get(path).is_some_and(|entry| entry.line(path) == line);
    before.entries.retain(|path, entry| is_same(path, entry.line(path)));
    if before.entries.is_empty() {
        let tree = from.to_string();
        let words = text!("copy_preserve.all-changed", "{tree}: all that was tried has been changed meanwhile", tree);
        let help = text!("copy_preserve.all-changed.help", "try again");
        return Err(Failure::blocked(words).help(help));
    }
    copied.entries.retain(|path, _| before.entries.contains_key(path));
    let comparison = tree::compare(&before, &copied);
    if comparison.equal() {
        return Ok(());
    }
    let (from, to, different) = (from.to_string(), to.to_string(), comparison.different);
    let words = text!(
        "copy_preserve.trial-differs",
        "a copy from {from} to {to} would not be equal: {different} of the entries that were tried came out otherwise",
        from,
        to,
        different
    );
    let help = text!(
        "copy_preserve.trial-differs.help",
        "nothing of the trial is left; look at what the two file systems and their mount options differ in, and at the versions of tar on both nodes"
    );
    Err(Failure::blocked(words).details(comparison.lines()).help(help))
}

fn unclear(tree: &Located, why: Text) -> Failure {
    let tree = tree.to_string();
    Failure::failed(text!("tree.list-unclear", "cannot list {tree}: {why}", tree, why))
}
