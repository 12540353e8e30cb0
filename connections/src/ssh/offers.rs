//! Logging in with one of several keys: each is offered in turn, over as few connections as the host's limit of tries allows.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use russh::client::{AuthResult, Handle};
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::{HashAlg, PrivateKey, PrivateKeyWithHashAlg};
use tokio::net::UnixStream;

use super::known_hosts::same;
use super::login::Identity;
use super::session::Pinned;

/// How many connections are opened for one login. A host punishes those that fail (PerSourcePenalties in sshd_config(5)).
const CONNECTIONS: usize = 3;

/// Opens a connection to the host.
pub(super) type Connect<'a> = dyn Fn() -> BoxFuture<'a, Result<Handle<Pinned>, russh::Error>> + Send + Sync + 'a;

/// A key to offer.
enum Offer {
    /// Of the agent, which signs.
    Agent(Box<AgentIdentity>),
    /// Of a file.
    Own(Arc<PrivateKey>),
}

/// Why no key opened the host.
pub(super) enum Refused {
    /// A reason for the operator.
    Auth(String),
    /// There is nothing to offer, for this reason.
    Nothing(String),
    /// No connection.
    Connecting(russh::Error),
}

impl From<russh::Error> for Refused {
    fn from(error: russh::Error) -> Self {
        Self::Connecting(error)
    }
}

/// The agent with the keys that it has.
pub(super) struct Agent {
    client: AgentClient<UnixStream>,
    identities: Vec<AgentIdentity>,
}

/// Asks the agent at `SSH_AUTH_SOCK` for its keys; nothing if there is no agent.
pub(super) async fn agent() -> Result<Option<Agent>, Refused> {
    let Ok(mut client) = AgentClient::connect_env().await else { return Ok(None) };
    match client.request_identities().await {
        Ok(identities) => Ok(Some(Agent { client, identities })),
        Err(error) => Err(Refused::Nothing(format!("the agent at SSH_AUTH_SOCK does not list its keys: {error}"))),
    }
}

/// Logs in. `connect` opens another connection to the same host; `agent` is not asked if it is not there, and only for keys that
/// files name if that is asked for.
pub(super) async fn log_in(
    connect: &Connect<'_>,
    user: &str,
    files: &[Identity],
    agent: Option<(Option<Agent>, bool)>,
) -> Result<Handle<Pinned>, Refused> {
    let (agent, only) = agent.unwrap_or((None, true));
    let offers = offers(files, agent.as_ref(), only)?;
    let mut agent = agent.map(|agent| agent.client);
    let (mut handle, mut opened, mut closed, count) = (connect().await?, 1, false, offers.len());
    for (number, offer) in offers.into_iter().enumerate() {
        if closed || handle.is_closed() {
            if opened == CONNECTIONS {
                return Err(Refused::Auth(format!(
                    "the host ended {opened} connections after {number} of {count} keys (MaxAuthTries in its sshd_config): name the right \
                     one, `ssh.key: FILE.pub` in the inventory or `IdentitiesOnly` with `IdentityFile` in ~/.ssh/config"
                )));
            }
            (handle, opened) = (connect().await?, opened + 1);
        }
        let hash = hash(&handle, &offer).await;
        let result = match (offer, &mut agent) {
            (Offer::Own(key), _) => {
                handle.authenticate_publickey(user, PrivateKeyWithHashAlg::new(key, hash)).await.ok()
            }
            (Offer::Agent(identity), Some(agent)) => match *identity {
                AgentIdentity::PublicKey { key, .. } => {
                    handle.authenticate_publickey_with(user, key, hash, agent).await.ok()
                }
                AgentIdentity::Certificate { certificate, .. } => {
                    handle.authenticate_certificate_with(user, certificate, hash, agent).await.ok()
                }
            },
            (Offer::Agent(_), None) => None,
        };
        closed = match result {
            Some(AuthResult::Success) => return Ok(handle),
            Some(AuthResult::Failure { partial_success: true, remaining_methods }) => {
                let more: Vec<&str> = remaining_methods.iter().map(Into::into).collect();
                return Err(Refused::Auth(format!(
                    "the host accepts a key and asks for more ({}; AuthenticationMethods in its sshd_config), which is not done here",
                    more.join(", ")
                )));
            }
            // Without methods there was no answer: the host has ended the connection.
            Some(AuthResult::Failure { remaining_methods, .. }) => remaining_methods.is_empty(),
            None => handle.is_closed(),
        };
    }
    Err(Refused::Auth(format!("none of {count} keys is accepted")))
}

/// The keys to offer, in OpenSSH's order: those of the agent that files name, the agent's others, those of files alone.
fn offers(files: &[Identity], agent: Option<&Agent>, only: bool) -> Result<Vec<Offer>, Refused> {
    let identities = agent.map_or(&[][..], |agent| agent.identities.as_slice());
    let place = |identity: &AgentIdentity| files.iter().position(|file| same(&file.public, &identity.public_key()));
    let alone = |file: &&Identity| !identities.iter().any(|identity| same(&file.public, &identity.public_key()));
    let alone: Vec<Offer> =
        files.iter().filter(alone).filter_map(|file| file.private.clone().map(Offer::Own)).collect();
    let mut held: Vec<(usize, AgentIdentity)> =
        identities.iter().map(|one| (place(one).unwrap_or(usize::MAX), one.clone())).collect();
    held.retain(|(place, _)| !only || *place < usize::MAX);
    held.sort_by_key(|(place, _)| *place);
    let offers: Vec<Offer> = held.into_iter().map(|(_, one)| Offer::Agent(Box::new(one))).chain(alone).collect();
    if offers.is_empty() {
        let why = match (agent, files.is_empty()) {
            (None, true) => {
                "no agent answers at SSH_AUTH_SOCK: set `ssh.key` in the inventory, or start an agent and `ssh-add` the key"
            }
            (Some(_), true) => "the agent has no keys: `ssh-add` one, or set `ssh.key` in the inventory",
            (_, false) => {
                "none of the named keys can be used: the agent at SSH_AUTH_SOCK does not have them (`ssh-add`), and no file has a private key \
                 that can be decrypted"
            }
        };
        return Err(Refused::Nothing(why.to_owned()));
    }
    Ok(offers)
}

/// The hash for an RSA signature that the host knows. Others have none, and asking may take a moment.
async fn hash(handle: &Handle<Pinned>, offer: &Offer) -> Option<HashAlg> {
    let rsa = match offer {
        Offer::Agent(identity) => identity.public_key().algorithm().is_rsa(),
        Offer::Own(key) => key.algorithm().is_rsa(),
    };
    match rsa {
        true => handle.best_supported_rsa_hash().await.ok().flatten().flatten(),
        false => None,
    }
}
