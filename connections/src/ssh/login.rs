//! Credentials for a host: a private key, a password, or the keys of files and of the agent. Files are read and decrypted once.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_ssh2_tokio::AuthMethod;
use cutover_engine::world::TransportFault;
use russh::keys::ssh_key::LineEnding;
use russh::keys::{PrivateKey, PublicKey};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::OnceCell;

/// How to log in.
#[derive(Debug)]
pub(crate) enum Method {
    /// With the private key in a file.
    Key {
        /// The file.
        path: PathBuf,
        /// Its passphrase.
        passphrase: Option<SecretString>,
    },
    /// With a password.
    Password(SecretString),
    /// With the first key that the host accepts: those of the agent at `SSH_AUTH_SOCK`, the ones that the files name first,
    /// then those of the files that the agent does not have.
    Offers {
        /// Files of keys. One that holds a public key names a key of the agent.
        files: Vec<PathBuf>,
        /// The passphrase of the files.
        passphrase: Option<SecretString>,
        /// Whether keys of the agent that no file names stay out of it (`IdentitiesOnly`).
        only: bool,
    },
}

impl Method {
    /// With any key of the agent.
    pub(crate) fn agent(passphrase: Option<SecretString>) -> Self {
        Self::Offers { files: Vec::new(), passphrase, only: false }
    }

    /// With the key in a file, or with the agent's if the file holds its public half.
    pub(crate) fn file(path: PathBuf, passphrase: Option<SecretString>) -> Self {
        match public(&path) {
            Some(_) => Self::Offers { files: vec![path], passphrase, only: true },
            None => Self::Key { path, passphrase },
        }
    }
}

/// Credentials, read.
#[derive(Debug, Clone)]
pub(super) enum Prepared {
    /// A private key, also as the client library takes it.
    Key(AuthMethod, Arc<PrivateKey>),
    /// A password.
    Password(SecretString),
    /// Keys of files, and whether only these are to be offered.
    Offers(Arc<[Identity]>, bool),
}

/// A key that a file names.
#[derive(Debug)]
pub(super) struct Identity {
    /// The public half.
    pub(super) public: PublicKey,
    /// The private half, if the file has it and it can be decrypted.
    pub(super) private: Option<Arc<PrivateKey>>,
}

/// A user and how to log in.
#[derive(Debug)]
pub(crate) struct Login {
    /// The login name.
    pub(crate) user: String,
    method: Method,
    prepared: OnceCell<Prepared>,
}

impl Login {
    /// A login.
    pub(crate) fn new(user: String, method: Method) -> Self {
        Self { user, method, prepared: OnceCell::new() }
    }

    /// The credentials. Decrypting a key is slow by design, so it is done once, off the runtime.
    pub(super) async fn prepared(&self) -> Result<Prepared, TransportFault> {
        let blocking = |work: Box<dyn FnOnce() -> Result<Prepared, String> + Send>| async {
            tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(error.to_string()))
        };
        let prepare = || async {
            match &self.method {
                Method::Password(password) => Ok(Prepared::Password(password.clone())),
                Method::Key { path, passphrase } => {
                    let (path, passphrase) = (path.clone(), passphrase.clone());
                    blocking(Box::new(move || for_client(&path, passphrase.as_ref()))).await
                }
                Method::Offers { files, passphrase, only } => {
                    let (files, passphrase, only) = (files.clone(), passphrase.clone(), *only);
                    let read = move || {
                        let found = files.iter().filter_map(|file| identity(file, passphrase.as_ref()));
                        Ok(Prepared::Offers(found.collect(), only))
                    };
                    blocking(Box::new(read)).await
                }
            }
        };
        self.prepared.get_or_try_init(prepare).await.cloned().map_err(TransportFault::Auth)
    }

    /// A hint for a refused login.
    pub(crate) fn advice(&self) -> String {
        match &self.method {
            Method::Key { path, .. } => {
                format!("is the public half of {} in the user's ~/.ssh/authorized_keys there?", path.display())
            }
            Method::Password(_) => {
                "is the password right, and does the host's sshd_config have PasswordAuthentication or \
                 KbdInteractiveAuthentication?"
                    .to_owned()
            }
            Method::Offers { .. } => {
                "`ssh-add -l` lists the keys that the agent has; `ssh.key: FILE.pub` in the inventory chooses one"
                    .to_owned()
            }
        }
    }
}

/// The key of a file, decrypted.
fn private(path: &Path, passphrase: Option<&SecretString>) -> Result<PrivateKey, String> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| format!("cannot read the key {shown}: {error}"))?;
    russh::keys::decode_secret_key(&text, passphrase.map(|secret| secret.expose_secret())).map_err(|error| {
        match (passphrase, error) {
            (None, russh::keys::Error::KeyIsEncrypted) => format!(
                "the key {shown} is encrypted: name its secret in `ssh.passphrase`, or `ssh-add` it and write `ssh.key: {shown}.pub`"
            ),
            (Some(_), error) => format!("cannot decrypt the key {shown}, is the passphrase right? {error}"),
            (None, error) => format!("cannot use the key {shown}: {error}"),
        }
    })
}

fn for_client(path: &Path, passphrase: Option<&SecretString>) -> Result<Prepared, String> {
    let key = private(path, passphrase)?;
    let plain = key.to_openssh(LineEnding::LF);
    let plain = plain.map_err(|error| format!("cannot use the key {}: {error}", path.display()))?;
    Ok(Prepared::Key(AuthMethod::with_key(&plain, None), Arc::new(key)))
}

/// The public key in a file.
fn public(path: &Path) -> Option<PublicKey> {
    PublicKey::from_openssh(std::fs::read_to_string(path).ok()?.trim()).ok()
}

/// The key that a file names: it holds either half, or its public half is beside it.
fn identity(path: &Path, passphrase: Option<&SecretString>) -> Option<Identity> {
    if let Some(public) = public(path) {
        return Some(Identity { public, private: None });
    }
    let private = private(path, passphrase).ok();
    let mut beside = path.as_os_str().to_owned();
    beside.push(".pub");
    let half = match &private {
        Some(private) => private.public_key().clone(),
        None => public(Path::new(&beside))?,
    };
    Some(Identity { public: half, private: private.map(Arc::new) })
}
