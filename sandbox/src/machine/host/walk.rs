//! Every path of a tree, as programs that copy or compare trees go through it.

use super::Machine;
use crate::machine::storage::{Errno, Stat};

/// Every path of a tree on one file system, parents first, `.` for the root; names directly in it are left out on demand.
pub(crate) fn walk(machine: &Machine, root: &str, skip: &[&str]) -> Result<Vec<(String, Stat)>, Errno> {
    let top = machine.stat(root)?;
    let device = top.device.clone();
    let mut found = vec![(".".to_owned(), top)];
    let mut todo = vec![String::new()];
    while let Some(dir) = todo.pop() {
        for name in machine.list_dir(&format!("{root}/{dir}"))? {
            if dir.is_empty() && skip.contains(&name.as_str()) {
                continue;
            }
            let path = if dir.is_empty() { name } else { format!("{dir}/{name}") };
            let stat = machine.lstat(&format!("{root}/{path}"))?;
            if stat.is_dir() && stat.device == device {
                todo.push(path.clone());
            }
            found.push((path, stat));
        }
    }
    found.sort_by(|(a, _), (b, _)| (a != ".").cmp(&(b != ".")).then(a.cmp(b)));
    Ok(found)
}
