//! Verifies a host's key: strict known_hosts, to which nothing is ever added automatically.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use russh::client::Handler;
use russh::keys::{Algorithm, HashAlg, PublicKey};

/// A host as known_hosts names it.
#[derive(Debug, Clone)]
pub(super) struct KnownHost {
    /// The address.
    pub(super) address: String,
    /// The TCP port.
    pub(super) port: u16,
    /// The known_hosts file.
    pub(super) file: PathBuf,
}

impl KnownHost {
    /// The keys on file for the host, with their lines.
    pub(super) fn keys(&self) -> Vec<(usize, PublicKey)> {
        russh::keys::known_hosts::known_host_keys_path(&self.address, self.port, &self.file).unwrap_or_default()
    }

    /// The host key algorithms to offer: first those on file. A host has several keys and shows the one that is asked for first;
    /// asked for another one, a known host would look unknown.
    pub(super) fn algorithms(&self) -> Vec<Algorithm> {
        let known: Vec<Algorithm> = self.keys().into_iter().map(|(_, key)| key.algorithm()).collect();
        let same =
            |a: &Algorithm, b: &Algorithm| a == b || matches!((a, b), (Algorithm::Rsa { .. }, Algorithm::Rsa { .. }));
        let mut offered = russh::Preferred::DEFAULT.key.to_vec();
        offered.sort_by_key(|algorithm| !known.iter().any(|known| same(known, algorithm)));
        offered
    }

    /// Reports why the host is refused, and what to type.
    pub(super) fn refusal(&self, presented: Option<&PublicKey>) -> String {
        let Self { address, port, file } = self;
        let name = if *port == 22 { address.clone() } else { format!("[{address}]:{port}") };
        let file = file.display();
        let shown = |key: &PublicKey| format!("{} {}", key.algorithm(), key.fingerprint(HashAlg::Sha256));
        let presented_as = presented.map_or_else(|| "a key that could not be seen".to_owned(), shown);
        let check = "compare it with `ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub` on the host's own console, then";
        let same = |(_, key): &&(usize, PublicKey)| presented.is_some_and(|seen| seen.algorithm() == key.algorithm());
        match self.keys().iter().find(same) {
            Some((line, known)) => format!(
                "the key of {name} has changed: it shows {presented_as}, but {file} line {line} has {}; it was reinstalled, \
                 or is another host; {check}: ssh-keygen -R '{name}' -f {file} && ssh-keyscan -p {port} {address} >> {file}",
                shown(known)
            ),
            None => format!(
                "{name} is not known: it shows {presented_as}, which is not in {file}; {check}: \
                 ssh-keyscan -p {port} {address} >> {file}"
            ),
        }
    }
}

impl fmt::Display for KnownHost {
    /// `address:port`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.address, self.port)
    }
}

/// A client that fetches a host's key and disconnects.
#[derive(Clone, Default)]
pub(super) struct Onlooker(Arc<Mutex<Option<PublicKey>>>);

impl Onlooker {
    /// The key it has seen.
    pub(super) fn seen(&self) -> Option<PublicKey> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Handler for Onlooker {
    type Error = russh::Error;

    async fn check_server_key(&mut self, key: &PublicKey) -> Result<bool, Self::Error> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(key.clone());
        Ok(false)
    }
}

/// Fails if there is no known_hosts file at all, which has another remedy than a host that is not in it.
pub(super) fn readable(file: &Path) -> Result<(), String> {
    match std::fs::metadata(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("cannot read the known-hosts file {}: {error}", file.display()))
        }
        _ => Ok(()),
    }
}
