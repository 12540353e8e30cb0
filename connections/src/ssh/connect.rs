//! Connecting and logging in, under one deadline, with a fault of its own for every kind of refusal.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_ssh2_tokio::{Client, Config, Error, ServerCheckMethod, ToSocketAddrsWithHostname};
use cutover_engine::world::TransportFault;
use futures_util::future::BoxFuture;

use super::host::Host;
use super::host_key::{Onlooker, readable};
use super::link::Link;

/// A host's address, resolved. The library's own look-up would block the runtime.
struct Resolved(String, Vec<SocketAddr>);

impl ToSocketAddrsWithHostname for Resolved {
    fn to_socket_addrs(&self) -> io::Result<Vec<SocketAddr>> {
        Ok(self.1.clone())
    }

    fn hostname(&self) -> String {
        self.0.clone()
    }
}

/// Connects to a host and logs in, through its jump host if it has one. The jump host's connection is shared unless `alone`.
/// Boxed, because it recurses for the jump host.
pub(super) fn connect(host: Arc<Host>, alone: bool) -> BoxFuture<'static, Result<Link, TransportFault>> {
    Box::pin(async move {
        let through = match &host.jump {
            None => None,
            Some(jump) => {
                let link = if alone { connect(Arc::clone(jump), true).await.map(Arc::new) } else { jump.link().await };
                Some(link.map_err(|fault| through_jump(jump, fault))?)
            }
        };
        let login = login(&host, through.as_deref());
        match tokio::time::timeout(host.deadline, login).await {
            Ok(client) => Ok(Link::new(client?, through)),
            Err(_) => Err(TransportFault::Unreachable(format!(
                "{} did not answer or finish the login within {:?}",
                host.known, host.deadline
            ))),
        }
    })
}

async fn login(host: &Host, through: Option<&Link>) -> Result<Client, TransportFault> {
    readable(&host.known.file).map_err(TransportFault::HostKey)?;
    let method = host.login.prepared().await?;
    let connecting = async {
        let (address, port) = (host.known.address.as_str(), host.known.port);
        let found = tokio::net::lookup_host((address, port)).await.map_err(Error::AddressInvalid)?;
        let resolved = Resolved(address.to_owned(), found.collect());
        let check = ServerCheckMethod::with_known_hosts_file(&host.known.file.to_string_lossy());
        let (user, config) = (&host.login.user, config(host));
        match through {
            None => Client::connect_with_config(resolved, user, method, check, config).await,
            Some(via) => Client::connect_via_with_config(&via.client, resolved, user, method, check, config).await,
        }
    };
    match connecting.await {
        Ok(client) => Ok(client),
        Err(error) => Err(refusal(host, through, error).await),
    }
}

/// Settings of a connection: small packets go at once, a dead peer is noticed after 15 to 20 s, and the cipher that common
/// processors have instructions for comes first.
fn config(host: &Host) -> Config {
    let mut config = Config {
        nodelay: true,
        keepalive_interval: Some(Duration::from_secs(5)),
        keepalive_max: 3,
        ..Config::default()
    };
    config.preferred.key = host.known.algorithms().into();
    let mut ciphers = config.preferred.cipher.to_vec();
    ciphers.sort_by_key(|cipher| *cipher != russh::cipher::AES_256_GCM);
    config.preferred.cipher = ciphers.into();
    config
}

/// Turns a refusal into a fault.
async fn refusal(host: &Host, through: Option<&Link>, error: Error) -> TransportFault {
    let (known, user) = (&host.known, &host.login.user);
    match error {
        Error::ServerCheckFailed | Error::SshError(russh::Error::UnknownKey) => {
            TransportFault::HostKey(known.refusal(look(host, through).await.as_ref()))
        }
        Error::KeyAuthFailed
        | Error::PasswordWrong
        | Error::AgentAuthenticationFailed
        | Error::AgentNoIdentities
        | Error::AgentAuthError(_)
        | Error::KeyInvalid(_) => {
            TransportFault::Auth(format!("{user}@{known}: {error}; {}", host.login.advice()))
        }
        Error::AgentConnectionFailed | Error::AgentRequestIdentitiesFailed => TransportFault::Auth(
            "no agent answers at SSH_AUTH_SOCK: set `ssh.key` in the inventory, or start an agent and `ssh-add` the key"
                .to_owned(),
        ),
        Error::AddressInvalid(error) => {
            TransportFault::Unreachable(format!("cannot resolve `{}`: {error}", known.address))
        }
        Error::SshError(error) => TransportFault::Unreachable(format!("{known}: {error}")),
        error => TransportFault::Unreachable(format!("{known}: {error}")),
    }
}

/// Fetches the key that a host shows, for the message.
async fn look(host: &Host, through: Option<&Link>) -> Option<russh::keys::PublicKey> {
    let (onlooker, config) = (Onlooker::default(), Arc::new(config(host)));
    let address = tokio::net::lookup_host((host.known.address.as_str(), host.known.port)).await.ok()?.next()?;
    // Either way this ends in an error: the onlooker disconnects after the key exchange.
    match through {
        None => drop(russh::client::connect(config, address, onlooker.clone()).await),
        Some(via) => {
            let stream = via.client.open_direct_tcpip_channel(address, None).await.ok()?.into_stream();
            drop(russh::client::connect_stream(config, stream, onlooker.clone()).await);
        }
    }
    onlooker.seen()
}

fn through_jump(jump: &Host, fault: TransportFault) -> TransportFault {
    let say = |why: String| format!("jump host {}: {why}", jump.known);
    match fault {
        TransportFault::Auth(why) => TransportFault::Auth(say(why)),
        TransportFault::HostKey(why) => TransportFault::HostKey(say(why)),
        TransportFault::Unreachable(why) | TransportFault::TimedOut(why) | TransportFault::Lost(why) => {
            TransportFault::Unreachable(say(why))
        }
        fault @ (TransportFault::Cancelled | TransportFault::Unsimulated(_)) => fault,
    }
}
