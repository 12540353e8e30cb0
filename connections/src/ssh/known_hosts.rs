//! Files of known hosts, read as OpenSSH reads them (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT): patterns and exclusions, hashed
//! names, `@revoked` and `@cert-authority`. A line that is not understood is passed over, as there. Nothing is written.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use russh::keys::PublicKey;
use sha1::Sha1;

use super::pattern;

/// The role of the key in a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marker {
    /// The host's own key.
    Host,
    /// A key that signs certificates of hosts.
    Authority,
    /// A key that is never accepted.
    Revoked,
}

/// A line that is about a host.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) file: PathBuf,
    pub(super) line: usize,
    pub(super) marker: Marker,
    pub(super) key: PublicKey,
}

/// The verdict on a key that a host shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is the host's.
    Known,
    /// It is revoked.
    Revoked,
    /// The host has other keys on file.
    Changed,
    /// There is no key on file for the host.
    New,
}

/// All lines of these files that are about a name. A file that is missing has none.
pub(super) fn about(files: &[PathBuf], name: &str) -> Vec<Entry> {
    files.iter().flat_map(|file| in_file(file, name)).collect()
}

fn in_file(file: &Path, name: &str) -> Vec<Entry> {
    let text = std::fs::read(file).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let entry = |(number, line): (usize, &str)| {
        let (marker, key) = parse(line, name)?;
        Some(Entry { file: file.to_owned(), line: number + 1, marker, key })
    };
    text.lines().enumerate().filter_map(entry).collect()
}

/// The key in a line, if the line is about this name.
fn parse(line: &str, name: &str) -> Option<(Marker, PublicKey)> {
    let mut words = line.split([' ', '\t']).filter(|word| !word.is_empty());
    let (marker, names) = match words.next()? {
        comment if comment.starts_with('#') => return None,
        "@cert-authority" => (Marker::Authority, words.next()?),
        "@revoked" => (Marker::Revoked, words.next()?),
        unknown if unknown.starts_with('@') => return None,
        names => (Marker::Host, names),
    };
    let name = name.to_lowercase();
    let about = match names.strip_prefix("|1|") {
        Some(hashed) => hashes_to(&name, hashed),
        None => pattern::list(names.to_lowercase().split(','), &name),
    };
    let (kind, key) = (words.next()?, words.next()?);
    about.then(|| PublicKey::from_openssh(&format!("{kind} {key}")).ok()).flatten().map(|key| (marker, key))
}

/// Whether a name has this salted hash: `SALT|HASH`, both in base64.
fn hashes_to(name: &str, hashed: &str) -> bool {
    let parts = hashed.split_once('|');
    let decoded = parts.and_then(|(salt, hash)| Some((STANDARD.decode(salt).ok()?, STANDARD.decode(hash).ok()?)));
    let Some((salt, hash)) = decoded else { return false };
    Hmac::<Sha1>::new_from_slice(&salt).is_ok_and(|mac| mac.chain_update(name).verify_slice(&hash).is_ok())
}

/// Judges a key by these lines. One that is revoked is so wherever else it stands.
pub(super) fn judge(entries: &[Entry], key: &PublicKey) -> Verdict {
    if revoked(entries, key).is_some() {
        return Verdict::Revoked;
    }
    let mut own = entries.iter().filter(|entry| entry.marker == Marker::Host).peekable();
    match (own.peek().is_some(), own.any(|entry| same(&entry.key, key))) {
        (_, true) => Verdict::Known,
        (true, false) => Verdict::Changed,
        (false, false) => Verdict::New,
    }
}

/// The line that revokes a key.
pub(super) fn revoked<'a>(entries: &'a [Entry], key: &PublicKey) -> Option<&'a Entry> {
    entries.iter().find(|entry| entry.marker == Marker::Revoked && same(&entry.key, key))
}

/// Whether two keys are one, whatever their comments.
pub(super) fn same(one: &PublicKey, other: &PublicKey) -> bool {
    one.key_data() == other.key_data()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA6rWI3G1sz07DnfFlrouTcysQlj2P+jpNSOEWD9OJ3X";

    /// The verdict on `KEY` of a host by this text, in a word.
    fn verdict(text: &str, name: &str) -> &'static str {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("known_hosts");
        std::fs::write(&file, text).unwrap();
        let entries = about(&[folder.path().join("missing"), file], name);
        match judge(&entries, &PublicKey::from_openssh(KEY).unwrap()) {
            Verdict::Known => "known",
            Verdict::Revoked => "revoked",
            Verdict::Changed => "changed",
            Verdict::New => "new",
        }
    }

    #[test]
    fn lines_are_read_as_openssh_reads_them() {
        let cases = [
            (format!("host {KEY} a comment\n"), "known"),
            (format!("  HOST\t{KEY}\n"), "known"),
            (format!("other,h?st {KEY}\n"), "known"),
            (format!("*,!host {KEY}\n"), "new"),
            (format!("#host {KEY}\n\nhost {OTHER}\n"), "changed"),
            (format!("host {OTHER}\nhost {KEY}\n"), "known"),
            (format!("host {KEY}\n@revoked * {KEY}\n"), "revoked"),
            (format!("@revoked h* {KEY}\nhost {KEY}\n"), "revoked"),
            (format!("@revoked other {KEY}\nhost {KEY}\n"), "known"),
            (format!("@revoked * {OTHER}\nhost {KEY}\n"), "known"),
            (format!("@cert-authority * {KEY}\n"), "new"),
            (format!("@unknown host {KEY}\n"), "new"),
            (format!("[host]:2207 {KEY}\n"), "new"),
            ("host ssh-ed25519 nonsense\nhost\n@revoked\n".to_owned(), "new"),
        ];
        for (text, expected) in cases {
            assert_eq!(verdict(&text, "host"), expected, "{text}");
        }
    }

    #[test]
    fn a_hashed_name_is_that_name_alone() {
        // ssh-keygen -H of `[127.0.0.1]:2207`.
        let mac =
            Hmac::<Sha1>::new_from_slice(b"a salt of twenty..").unwrap().chain_update("[127.0.0.1]:2207").finalize();
        let hash = STANDARD.encode(mac.into_bytes());
        let line = format!("|1|{}|{hash} {KEY}\n", STANDARD.encode("a salt of twenty.."));
        assert_eq!(verdict(&line, "[127.0.0.1]:2207"), "known");
        assert_eq!(verdict(&line, "127.0.0.1"), "new");
    }
}
