//! Whether a file system has room, in bytes and in inodes.

use cutover_engine::failure::Failure;
use cutover_engine::module::Context;
use cutover_engine::query::ReadOnly;
use cutover_engine::reads;
use cutover_engine::text;
use cutover_engine::text::Text;

use super::{Params, State};
use crate::support::quantity::{Bytes, human};
use crate::support::storage::{failed, stdout};

/// Why there is too little room at `path`; empty if there is enough.
pub(super) fn reasons(params: &Params, state: &State) -> Vec<Text> {
    let mut reasons = Vec::new();
    if let (Some(path), Some(free)) = (&params.path, state.free_bytes) {
        if let Some(Bytes(wanted)) = params.min_free
            && free < wanted
        {
            let (free, wanted) = (human(free), human(wanted));
            reasons.push(text!("disk_check.free", "at {path} there are {free} free, not {wanted}", path, free, wanted));
        }
        let (trees, wanted) = with_a_tenth(&state.trees);
        if free < wanted {
            reasons.push(text!(
                "disk_check.fits",
                "at {path} there are {free} free, but {names} take {trees} ({wanted} with a tenth to spare)",
                path,
                free = human(free),
                names = params.fits.join(", "),
                trees = human(trees),
                wanted = human(wanted)
            ));
        }
    }
    if let (Some(path), Some(free)) = (&params.path, state.free_inodes) {
        reasons.extend(inode_reasons(params, state, path, free));
    }
    reasons
}

/// What trees take together, and that with a tenth to spare.
fn with_a_tenth(trees: &[u64]) -> (u64, u64) {
    let trees: u64 = trees.iter().sum();
    (trees, trees + trees / 10)
}

/// Why the free inodes do not last.
fn inode_reasons(params: &Params, state: &State, path: &str, free: u64) -> Vec<Text> {
    let mut reasons = Vec::new();
    if let Some(wanted) = params.min_inodes.filter(|wanted| free < *wanted) {
        reasons.push(text!(
            "disk_check.inodes",
            "at {path} there are {free} inodes free, not {wanted}",
            path = path,
            free,
            wanted
        ));
    }
    let (trees, wanted) = with_a_tenth(&state.inodes);
    if free < wanted {
        reasons.push(text!(
            "disk_check.inodes-fit",
            "at {path} there are {free} inodes free, but {names} take {trees}, one for each file and directory ({wanted} with a tenth to spare)",
            path = path,
            free,
            names = params.fits.join(", "),
            trees,
            wanted
        ));
    }
    reasons
}

/// The number that a `du` prints.
pub(super) async fn count(cx: &Context, du: &ReadOnly) -> Result<u64, Failure> {
    let text = stdout(du, cx.read(du).await?)?;
    text.split_whitespace().next().and_then(|word| word.parse().ok()).ok_or_else(|| {
        let (command, words) = (du.to_string(), text.trim());
        Failure::failed(text!("disk_check.du", "`{command}` printed `{words}`", command, words))
    })
}

/// The free bytes and inodes of the file system that a path is on, or will be: the first directory above that exists decides.
pub(super) async fn free(cx: &Context, path: &str) -> Result<(u64, Option<u64>), Failure> {
    let mut above = path.trim_end_matches('/');
    loop {
        let at = if above.is_empty() { "/" } else { above };
        let df = reads::DF.of([at]);
        let output = cx.read(&df).await?;
        match output.stdout.lines().nth(1).and_then(room) {
            Some(room) if output.success() => return Ok(room),
            _ if at == "/" => return Err(failed(&df, &output)),
            _ => above = above.rsplit_once('/').map_or("", |(parent, _)| parent),
        }
    }
}

/// Reads a line of `df`: bytes, all inodes, free inodes. Where inodes are made as they are needed there are 0 or `-` in all.
pub(super) fn room(line: &str) -> Option<(u64, Option<u64>)> {
    let mut words = line.split_whitespace();
    let bytes = words.next()?.parse().ok()?;
    let inodes = words.next()?.parse::<u64>().ok().filter(|all| *all > 0);
    Some((bytes, inodes.and(words.next()?.parse().ok())))
}
