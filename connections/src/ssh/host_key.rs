//! Verifies a host's key: strict known_hosts, to which nothing is ever added automatically.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use russh::Preferred;
use russh::client::Handler;
use russh::keys::{Algorithm, HashAlg, PublicKey};

use super::known_hosts::{self, Entry, Marker, Verdict, judge, revoked};

/// A host as known_hosts names it.
#[derive(Debug, Clone)]
pub(super) struct KnownHost {
    /// The address.
    pub(super) address: String,
    /// The TCP port.
    pub(super) port: u16,
    /// The name that its keys are on file under, whatever its address and port (`HostKeyAlias`).
    pub(super) alias: Option<String>,
    /// The known_hosts files; the first is the user's own.
    pub(super) files: Vec<PathBuf>,
}

/// What the files have about a host.
#[derive(Debug)]
pub(super) struct OnFile {
    /// About its address with its port, or its alias.
    exact: Vec<Entry>,
    /// About its address alone. This counts for a port other than 22 if nothing is on file with the port, as in OpenSSH.
    plain: Vec<Entry>,
}

impl KnownHost {
    /// Reads the files.
    pub(super) fn read(&self) -> OnFile {
        let plain = match &self.alias {
            None if self.port != 22 => known_hosts::about(&self.files, &self.address),
            _ => Vec::new(),
        };
        OnFile { exact: known_hosts::about(&self.files, &self.name()), plain }
    }

    /// The name that keys are looked for under.
    fn name(&self) -> String {
        match &self.alias {
            Some(alias) => alias.clone(),
            None if self.port == 22 => self.address.clone(),
            None => format!("[{}]:{}", self.address, self.port),
        }
    }

    /// The name that a certificate has to be valid for.
    pub(super) fn principal(&self) -> &str {
        self.alias.as_deref().unwrap_or(&self.address)
    }

    /// Reports why the host is refused, and what to type. `certificate` is what is wrong with the certificate that it shows.
    pub(super) fn refusal(&self, on_file: &OnFile, presented: Option<&PublicKey>, certificate: Option<&str>) -> String {
        let Self { address, port, files, .. } = self;
        let name = self.name();
        let file = files.first().map_or_else(String::new, |file| file.display().to_string());
        let shown = |key: &PublicKey| format!("{} {}", key.algorithm(), key.fingerprint(HashAlg::Sha256));
        let presented_as = presented.map_or_else(|| "a key that could not be seen".to_owned(), shown);
        if let Some(entry) = presented.and_then(|key| on_file.revoked(key)) {
            return format!(
                "the key of {name} is revoked: it shows {presented_as}, which {} line {} revokes; whoever has this key may pass for the \
                 host: do not go on before it has a new one",
                entry.file.display(),
                entry.line
            );
        }
        let check = "compare it with `ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub` on the host's own console, then";
        if let Some(why) = certificate {
            return format!(
                "{name} is not known: it shows {presented_as}, which is not in {file}, and {why}; have the certificate issued anew, or {check}: \
                 ssh-keyscan -p {port} {address} >> {file}"
            );
        }
        let same = |entry: &&Entry| {
            entry.marker == Marker::Host && presented.is_some_and(|seen| seen.algorithm() == entry.key.algorithm())
        };
        match on_file.exact.iter().find(same) {
            Some(known) => format!(
                "the key of {name} has changed: it shows {presented_as}, but {} line {} has {}; it was reinstalled, \
                 or is another host; {check}: ssh-keygen -R '{name}' -f {file} && ssh-keyscan -p {port} {address} >> {file}",
                known.file.display(),
                known.line,
                shown(&known.key)
            ),
            None => format!(
                "{name} is not known: it shows {presented_as}, which is not in {file}; {check}: \
                 ssh-keyscan -p {port} {address} >> {file}"
            ),
        }
    }
}

impl OnFile {
    /// The lines that say which keys are the host's.
    fn counting(&self) -> &[Entry] {
        if self.exact.iter().any(|entry| entry.marker == Marker::Host) { &self.exact } else { &self.plain }
    }

    /// Whether a key is the host's.
    pub(super) fn accepts(&self, key: &PublicKey) -> bool {
        match judge(&self.exact, key) {
            Verdict::Known => true,
            Verdict::New => matches!(judge(&self.plain, key), Verdict::Known),
            Verdict::Revoked | Verdict::Changed => false,
        }
    }

    /// The line that revokes a key.
    fn revoked(&self, key: &PublicKey) -> Option<&Entry> {
        revoked(&self.exact, key).or_else(|| revoked(&self.plain, key))
    }

    /// The host's own keys on file that are acceptable, in the order in which the client library prefers them.
    pub(super) fn keys(&self) -> Vec<&PublicKey> {
        let own = self.counting().iter().filter(|entry| entry.marker == Marker::Host);
        let mut keys: Vec<&PublicKey> = own.map(|entry| &entry.key).filter(|key| self.accepts(key)).collect();
        let place = |key: &PublicKey| Preferred::DEFAULT.key.iter().position(|one| alike(one, &key.algorithm()));
        keys.sort_by_key(|key| place(key).unwrap_or(usize::MAX));
        keys
    }

    /// The lines to verify a certificate against; nothing if no authority is named.
    pub(super) fn authorities(&self) -> Option<&[Entry]> {
        let lines = [&self.exact, &self.plain];
        lines.into_iter().find(|lines| lines.iter().any(|entry| entry.marker == Marker::Authority)).map(Vec::as_slice)
    }

    /// The host key algorithms to offer: first those on file. A host has several keys and shows the one that is asked for first;
    /// asked for another one, a known host would look unknown.
    pub(super) fn algorithms(&self) -> Vec<Algorithm> {
        let known: Vec<Algorithm> = self.keys().into_iter().map(PublicKey::algorithm).collect();
        let mut offered = Preferred::DEFAULT.key.to_vec();
        offered.sort_by_key(|algorithm| !known.iter().any(|known| alike(known, algorithm)));
        offered
    }
}

/// The algorithms with which a host can show this key.
pub(super) fn algorithms_of(key: &PublicKey) -> Vec<Algorithm> {
    Preferred::DEFAULT.key.iter().filter(|one| alike(one, &key.algorithm())).cloned().collect()
}

/// Whether two algorithms are for one kind of key.
fn alike(one: &Algorithm, other: &Algorithm) -> bool {
    one == other || matches!((one, other), (Algorithm::Rsa { .. }, Algorithm::Rsa { .. }))
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

/// Fails if a known_hosts file cannot be read, which has another remedy than a host that is not in it.
pub(super) fn readable(files: &[PathBuf]) -> Result<(), String> {
    let unreadable = |file: &PathBuf| match std::fs::metadata(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Some(format!("cannot read the known-hosts file {}: {error}", file.display()))
        }
        _ => None,
    };
    files.iter().find_map(unreadable).map_or(Ok(()), Err)
}
