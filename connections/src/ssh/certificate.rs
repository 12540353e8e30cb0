//! The certificate of a host: fetched as `ssh-keyscan -c` does, and verified against the authorities in known_hosts. The client library
//! knows host keys only; since a certificate vouches for a plain key that the host has too, the connection itself insists on that key.

use std::time::{SystemTime, UNIX_EPOCH};

use russh::keys::ssh_key::certificate::CertType;
use russh::keys::ssh_key::public::KeyData;
use russh::keys::{Algorithm, Certificate, HashAlg, PublicKey};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::known_hosts::{Entry, Marker};

/// The kinds of certificates to ask for, the preferred one first.
const KINDS: [&str; 6] = [
    "ssh-ed25519-cert-v01@openssh.com",
    "ecdsa-sha2-nistp256-cert-v01@openssh.com",
    "ecdsa-sha2-nistp384-cert-v01@openssh.com",
    "ecdsa-sha2-nistp521-cert-v01@openssh.com",
    "rsa-sha2-512-cert-v01@openssh.com",
    "rsa-sha2-256-cert-v01@openssh.com",
];

/// Key exchanges (RFC 8731, RFC 5656), and in hex a public value for each: the base points, because nothing is ever encrypted with what
/// would come of it.
const EXCHANGES: [(&str, &str); 3] = [
    ("curve25519-sha256", "0900000000000000000000000000000000000000000000000000000000000000"),
    ("curve25519-sha256@libssh.org", "0900000000000000000000000000000000000000000000000000000000000000"),
    (
        "ecdh-sha2-nistp256",
        "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
    ),
];

/// Names of messages (RFC 4253, 12; RFC 5656, 7.1).
const KEXINIT: u8 = 20;
const EXCHANGE_INIT: u8 = 30;
const EXCHANGE_REPLY: u8 = 31;

/// The largest packet that is read; a key exchange's are far smaller.
const MOST: usize = 256 * 1024;

/// Fetches the certificate that a host shows; a reason if it has none.
pub(super) async fn fetch(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> Result<Certificate, String> {
    let broken = |error: std::io::Error| format!("the key exchange broke off: {error}");
    stream.write_all(b"SSH-2.0-cutover\r\n").await.map_err(broken)?;
    stream.write_all(&packet(&proposal())).await.map_err(broken)?;
    greeting(&mut stream).await.map_err(broken)?;
    loop {
        let payload = received(&mut stream).await.map_err(broken)?;
        match payload.first() {
            Some(&KEXINIT) => {
                let lists = payload.get(17..).unwrap_or_default();
                let (exchanges, rest) = string(lists).ok_or("the host's proposal is cut off")?;
                let (keys, _) = string(rest).ok_or("the host's proposal is cut off")?;
                let offered =
                    |list: &[u8], name: &str| list.split(|byte| *byte == b',').any(|one| one == name.as_bytes());
                if !KINDS.iter().any(|kind| offered(keys, kind)) {
                    return Err("the host shows no certificate".to_owned());
                }
                let exchange = EXCHANGES.iter().find(|(name, _)| offered(exchanges, name));
                let (_, value) = exchange.ok_or("the host offers no key exchange that is known here")?;
                let value: Vec<u8> = (0..value.len())
                    .step_by(2)
                    .filter_map(|at| u8::from_str_radix(&value[at..at + 2], 16).ok())
                    .collect();
                let mut message = vec![EXCHANGE_INIT];
                message.extend(u32::try_from(value.len()).unwrap_or_default().to_be_bytes());
                message.extend(value);
                stream.write_all(&packet(&message)).await.map_err(broken)?;
            }
            Some(&EXCHANGE_REPLY) => {
                let (certificate, _) = string(&payload[1..]).ok_or("the host's reply is cut off")?;
                return Certificate::from_bytes(certificate)
                    .map_err(|error| format!("the host's certificate cannot be read: {error}"));
            }
            Some(1) => return Err("the host ended the key exchange".to_owned()),
            _ => {}
        }
    }
}

/// The message that proposes algorithms.
fn proposal() -> Vec<u8> {
    let ciphers = "aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,aes256-ctr,aes128-ctr";
    let macs = "hmac-sha2-256-etm@openssh.com,hmac-sha2-256,hmac-sha2-512";
    let exchanges = EXCHANGES.map(|(name, _)| name).join(",");
    let keys = KINDS.join(",");
    let lists = [exchanges.as_str(), keys.as_str(), ciphers, ciphers, macs, macs, "none", "none", "", ""];
    let mut message = vec![KEXINIT];
    // The cookie, which serves nothing here: no key is derived.
    message.extend([0; 16]);
    for list in lists {
        message.extend(u32::try_from(list.len()).unwrap_or_default().to_be_bytes());
        message.extend(list.bytes());
    }
    message.extend([0; 5]);
    message
}

/// A message as an unencrypted packet (RFC 4253, 6): padded to a multiple of eight, by at least four bytes.
fn packet(message: &[u8]) -> Vec<u8> {
    let padding = 4 + (8 - (message.len() + 9) % 8) % 8;
    let length = message.len() + padding + 1;
    let mut packet = u32::try_from(length).unwrap_or_default().to_be_bytes().to_vec();
    packet.push(u8::try_from(padding).unwrap_or_default());
    packet.extend(message);
    packet.resize(length + 4, 0);
    packet
}

/// Reads up to the end of the line with the host's version; other lines may come before it.
async fn greeting(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<()> {
    let (mut line, mut taken) = (Vec::new(), 0);
    loop {
        match stream.read_u8().await? {
            b'\n' if line.starts_with(b"SSH-") => return Ok(()),
            b'\n' => line.clear(),
            byte => line.push(byte),
        }
        taken += 1;
        if taken > MOST {
            return Err(std::io::Error::other("it does not begin as SSH"));
        }
    }
}

/// Reads a packet and returns its message.
async fn received(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Vec<u8>> {
    let length = usize::try_from(stream.read_u32().await?).unwrap_or(usize::MAX);
    let padding = usize::from(stream.read_u8().await?);
    if length > MOST || length < padding + 1 {
        return Err(std::io::Error::other("a packet of an impossible length"));
    }
    let mut message = vec![0; length - 1];
    stream.read_exact(&mut message).await?;
    message.truncate(length - 1 - padding);
    Ok(message)
}

/// A string with its length before it, and what follows.
fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

/// Whether a certificate vouches for a host: signed by an authority that these lines have, for hosts, now, for this name, and without options that
/// are not known (PROTOCOL.certkeys). Returns the key that it vouches for, or what is wrong.
pub(super) fn vouched(certificate: &Certificate, entries: &[Entry], name: &str) -> Result<PublicKey, String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    vouched_at(certificate, entries, name, now)
}

fn vouched_at(certificate: &Certificate, entries: &[Entry], name: &str, now: u64) -> Result<PublicKey, String> {
    let print = |key: &KeyData| key.fingerprint(HashAlg::Sha256);
    let (signer, id) = (certificate.signature_key(), certificate.key_id());
    let names = certificate.valid_principals();
    let signed = entries.iter().any(|entry| entry.marker == Marker::Authority && entry.key.key_data() == signer);
    let revoked =
        |key: &KeyData| entries.iter().find(|entry| entry.marker == Marker::Revoked && entry.key.key_data() == key);
    let by = |what: &str, entry: &Entry| format!("{what} is revoked by {} line {}", entry.file.display(), entry.line);
    let wrong = if let Some(entry) = revoked(signer) {
        by("its authority", entry)
    } else if let Some(entry) = revoked(certificate.public_key()) {
        by("its key", entry)
    } else if !signed {
        format!("it is signed by {}, which is not an authority for this host", print(signer))
    } else if certificate.cert_type() != CertType::Host {
        "it is one of a user".to_owned()
    } else if now < certificate.valid_after() {
        "it is not valid yet; is a clock wrong?".to_owned()
    } else if now >= certificate.valid_before() {
        format!("it expired at {}", moment(certificate.valid_before()))
    } else if !certificate.critical_options().is_empty() {
        "it has critical options, and none is known for hosts".to_owned()
    } else if !names.is_empty() && !names.iter().any(|one| *one == name.to_lowercase()) {
        format!("it is valid for {}, not for {name}", names.join(", "))
    } else if matches!(certificate.signature().algorithm(), Algorithm::Rsa { hash: None } | Algorithm::Dsa) {
        "its signature is of a kind that is not accepted any more (SHA-1)".to_owned()
    } else if certificate.validate_at(now, [&print(signer)]).is_err() {
        "its signature is wrong".to_owned()
    } else {
        return Ok(PublicKey::from(certificate.public_key().clone()));
    };
    Err(format!("its certificate `{id}` does not count: {wrong}"))
}

/// A moment in seconds since 1970, for people.
fn moment(seconds: u64) -> String {
    let at = i64::try_from(seconds).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    at.map_or_else(|| "a time out of range".to_owned(), |at| at.to_string())
}
