//! Checks the files on this machine that an inventory names for a site: key, known hosts, kubeconfig.

use std::fs::{File, Metadata};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use cutover_engine::inventory::{Connection, Site};
use cutover_engine::source::{Node, SourceFile, parse};
use cutover_files::{read, resolve};

use super::finding::Finding;

/// Checks all files of a site.
pub(super) fn look(site: &Site, inventory: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    if site.connection == Connection::Ssh {
        findings.extend(site.ssh.key.as_ref().map(|key| private_key(&site.name, &resolve(inventory, key))));
        let known = site.ssh.known_hosts.as_ref();
        findings.extend(known.map(|path| known_hosts(&site.name, &resolve(inventory, path))));
    }
    findings.push(kubeconfig(site, inventory));
    findings.extend(credentials(site, inventory));
    findings
}

/// A file that can be opened.
fn opened(path: &Path) -> Result<Metadata, String> {
    let metadata = File::open(path).and_then(|file| file.metadata()).map_err(|error| error.to_string())?;
    if metadata.is_file() { Ok(metadata) } else { Err("is not a file".to_owned()) }
}

/// OpenSSH refuses a private key that others can read, and so should everyone.
fn private_key(site: &str, path: &Path) -> Finding {
    let what = format!("{site}: SSH key {}", path.display());
    match opened(path) {
        Err(why) => Finding::wrong(what, why, "set `ssh.key` of the site to a private key that you can read"),
        Ok(metadata) => match metadata.permissions().mode() & 0o777 {
            mode if mode & 0o077 != 0 => Finding::wrong(
                what,
                format!("others may use it (mode {mode:04o})"),
                format!("chmod 600 {}", path.display()),
            ),
            mode => Finding::good(what, format!("readable, mode {mode:04o}")),
        },
    }
}

fn known_hosts(site: &str, path: &Path) -> Finding {
    let what = format!("{site}: known hosts {}", path.display());
    match opened(path) {
        Ok(_) => Finding::good(what, "readable"),
        Err(why) => {
            Finding::wrong(what, why, "put the host keys of the site's nodes there (ssh-keyscan, then compare)")
        }
    }
}

fn kubeconfig(site: &Site, inventory: &Path) -> Finding {
    let name = &site.name;
    if site.kubernetes.kubeconfig.is_empty() {
        let help = "steps on the cluster itself need `kubernetes: {kubeconfig: ..., context: ...}`";
        return Finding::doubtful(format!("{name}: kubeconfig"), "none is named", help);
    }
    let path = resolve(inventory, &site.kubernetes.kubeconfig);
    let what = format!("{name}: kubeconfig {}", path.display());
    let text = match read(&path) {
        Ok(text) => text,
        Err(error) => return Finding::wrong(what, error.to_string(), "set `kubernetes.kubeconfig` of the site"),
    };
    let tree = match parse(&SourceFile::new(&path, text)) {
        Ok(tree) => tree,
        Err(faults) => return Finding::wrong(what, faults.to_string(), "it has to be YAML"),
    };
    let wanted = site.kubernetes.context.as_str();
    let contexts: Vec<&str> = tree.get("contexts").map(names).unwrap_or_default();
    if wanted.is_empty() {
        let help = format!("set `kubernetes.context` of the site; there are: {}", contexts.join(", "));
        return Finding::wrong(what, "no context is named, and the current one is never used", help);
    }
    if contexts.contains(&wanted) {
        return Finding::good(what, format!("has the context `{wanted}`"));
    }
    Finding::wrong(what, format!("has no context `{wanted}`"), format!("there are: {}", contexts.join(", ")))
}

/// What is wrong with the certificates and the like that the context leads to.
fn credentials(site: &Site, inventory: &Path) -> Vec<Finding> {
    let path = resolve(inventory, &site.kubernetes.kubeconfig);
    let what = format!("{}: kubeconfig {}", site.name, path.display());
    let flaws = cutover_connections::flaws(&path, &site.kubernetes.context);
    flaws.into_iter().map(|flaw| Finding::wrong(what.clone(), flaw.what, flaw.help)).collect()
}

fn names(list: &Node) -> Vec<&str> {
    list.items().iter().filter_map(|item| item.get("name")?.as_str()).collect()
}
