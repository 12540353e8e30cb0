//! Credentials for a host: a private key, a password, or the agent's keys. The key is read and decrypted once.

use std::path::{Path, PathBuf};

use async_ssh2_tokio::AuthMethod;
use cutover_engine::world::TransportFault;
use russh::keys::ssh_key::LineEnding;
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
    /// With the keys of the agent at `SSH_AUTH_SOCK`.
    Agent,
}

/// A user and how to log in.
#[derive(Debug)]
pub(crate) struct Login {
    /// The login name.
    pub(crate) user: String,
    method: Method,
    prepared: OnceCell<AuthMethod>,
}

impl Login {
    /// A login.
    pub(crate) fn new(user: String, method: Method) -> Self {
        Self { user, method, prepared: OnceCell::new() }
    }

    /// The credentials for the client library. Decrypting a key is slow by design, so it is done once, off the runtime.
    pub(crate) async fn prepared(&self) -> Result<AuthMethod, TransportFault> {
        let prepare = || async {
            match &self.method {
                Method::Agent => Ok(AuthMethod::with_agent()),
                Method::Password(password) => Ok(AuthMethod::with_password(password.expose_secret())),
                Method::Key { path, passphrase } => {
                    let (path, passphrase) = (path.clone(), passphrase.clone());
                    let read = move || key(&path, passphrase.as_ref());
                    tokio::task::spawn_blocking(read).await.unwrap_or_else(|error| Err(error.to_string()))
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
                "is the password right, and does the host's sshd_config have PasswordAuthentication?".to_owned()
            }
            Method::Agent => "`ssh-add -l` lists the keys that the agent has offered".to_owned(),
        }
    }
}

fn key(path: &Path, passphrase: Option<&SecretString>) -> Result<AuthMethod, String> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| format!("cannot read the key {shown}: {error}"))?;
    let key = russh::keys::decode_secret_key(&text, passphrase.map(|secret| secret.expose_secret())).map_err(
        |error| match (passphrase, error) {
            (None, russh::keys::Error::KeyIsEncrypted) => {
                format!("the key {shown} is encrypted: name its secret in `ssh.passphrase`, or use the agent")
            }
            (Some(_), error) => format!("cannot decrypt the key {shown}, is the passphrase right? {error}"),
            (None, error) => format!("cannot use the key {shown}: {error}"),
        },
    )?;
    let plain = key.to_openssh(LineEnding::LF).map_err(|error| format!("cannot use the key {shown}: {error}"))?;
    Ok(AuthMethod::with_key(&plain, None))
}
