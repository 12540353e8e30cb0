//! Connecting to a host, through its jump host if it has one, under one deadline: which key it has to show, and the login.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_ssh2_tokio::{Client, Config, Error, ServerCheckMethod, ToSocketAddrsWithHostname};
use cutover_engine::world::TransportFault;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use russh::client::{self, Handle, Handler};
use russh::keys::{Algorithm, PublicKey};
use russh::{AlgorithmKind, keys};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::host::Host;
use super::host_key::{Onlooker, algorithms_of, readable};
use super::link::Link;
use super::login::{Identity, Prepared};
use super::offers::{self, Refused};
use super::session::{Pinned, Session};
use super::{certificate, questions};
use crate::hearing::AGAIN;

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
        let session =
            tokio::time::timeout(host.deadline, login(&host, through.as_deref())).await.unwrap_or_else(|_| {
                Err(TransportFault::Unreachable(format!(
                    "{} did not answer or finish the login within {:?}",
                    host.known, host.deadline
                )))
            });
        host.hearing.answered(!matches!(session, Err(TransportFault::Unreachable(_))));
        Ok(Link::new(session?, through))
    })
}

/// Finds out which key the host has to show, and logs in where it shows that one.
async fn login(host: &Host, through: Option<&Link>) -> Result<Session, TransportFault> {
    let known = &host.known;
    readable(&known.files).map_err(TransportFault::HostKey)?;
    let (on_file, method) = (known.read(), host.login.prepared().await?);
    let found = tokio::net::lookup_host((known.address.as_str(), known.port)).await;
    let found = found.map_err(|error| unreachable(host, &Error::AddressInvalid(error)))?;
    let to = Towards { host, through, addresses: found.collect(), method };
    if host.hearing.was_silent() {
        to.knock().await?;
    }
    if let Some(key) = on_file.keys().first() {
        match to.log_in(key).await {
            Err(Refusal::OtherKey) => {}
            Err(Refusal::Fault(fault)) => return Err(fault),
            Ok(session) => return Ok(session),
        }
    }
    let presented = to.look(on_file.algorithms()).await?;
    let accepted = presented.as_ref().filter(|key| on_file.accepts(key)).cloned();
    let key = match (accepted, on_file.authorities()) {
        (Some(key), _) => Ok(key),
        (None, Some(lines)) => {
            let shown = to.certificate().await;
            shown.and_then(|shown| certificate::vouched(&shown, lines, known.principal())).map_err(Some)
        }
        (None, None) => Err(None),
    };
    let key =
        key.map_err(|why| TransportFault::HostKey(known.refusal(&on_file, presented.as_ref(), why.as_deref())))?;
    to.log_in(&key).await.map_err(|refusal| match refusal {
        Refusal::Fault(fault) => fault,
        Refusal::OtherKey => TransportFault::HostKey(format!("{known} does not show the key that it is known by")),
    })
}

/// Why a login failed.
enum Refusal {
    /// The host does not show the key that was expected.
    OtherKey,
    /// Anything else.
    Fault(TransportFault),
}

/// A stream to a host: a socket, or a channel of the jump host.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// The way to a host.
struct Towards<'a> {
    host: &'a Host,
    through: Option<&'a Link>,
    addresses: Vec<SocketAddr>,
    method: Prepared,
}

impl Towards<'_> {
    /// Whether a host answers at all that was silent before. What it takes to log in is not known yet, so that has its whole time.
    async fn knock(&self) -> Result<(), TransportFault> {
        match tokio::time::timeout(AGAIN, self.stream()).await {
            Ok(opened) => opened.map(drop).map_err(|error| unreachable(self.host, &Error::SshError(error))),
            Err(_) => Err(TransportFault::Unreachable(format!(
                "{} did not answer before, and not within {AGAIN:?} now",
                self.host.known
            ))),
        }
    }

    /// Connects, insists on a host key, and logs in.
    async fn log_in(&self, key: &PublicKey) -> Result<Session, Refusal> {
        let (host, user) = (self.host, self.host.login.user.as_str());
        let refused = |refused: Refused| match refused {
            Refused::Connecting(error) => refusal(host, Error::SshError(error)),
            Refused::Nothing(why) => Refusal::Fault(TransportFault::Auth(format!("{user}@{}: {why}", host.known))),
            Refused::Auth(why) => {
                Refusal::Fault(TransportFault::Auth(format!("{user}@{}: {why}; {}", host.known, host.login.advice())))
            }
        };
        let connect = || self.connect(Pinned(key.clone()), algorithms_of(key)).boxed();
        let handle = match &self.method {
            Prepared::Key(method, _) if self.through.is_none() => {
                let resolved = Resolved(host.known.address.clone(), self.addresses.clone());
                let check = ServerCheckMethod::with_public_key(&keys::PublicKeyBase64::public_key_base64(key));
                let config = config(algorithms_of(key));
                let client = Client::connect_with_config(resolved, user, method.clone(), check, config).await;
                return client.map(Session::Client).map_err(|error| refusal(host, error));
            }
            // The library leads through jump hosts that it has logged in to itself, and through no other.
            Prepared::Key(_, key) => {
                let own = Identity { public: key.public_key().clone(), private: Some(Arc::clone(key)) };
                offers::log_in(&connect, user, &[own], None).await.map_err(refused)?
            }
            Prepared::Password(password) => {
                let connected = connect().await;
                let mut handle = connected.map_err(|error| refusal(host, Error::SshError(error)))?;
                questions::log_in(&mut handle, user, password).await.map_err(refused)?;
                handle
            }
            Prepared::Offers(files, only) => {
                let agent = offers::agent().await.map_err(refused)?;
                offers::log_in(&connect, user, files, Some((agent, *only))).await.map_err(refused)?
            }
        };
        Ok(Session::Handle(Arc::new(handle)))
    }

    /// Connects, and exchanges keys.
    async fn connect<H>(&self, handler: H, keys: Vec<Algorithm>) -> Result<Handle<H>, russh::Error>
    where
        H: Handler<Error = russh::Error> + Send + 'static,
    {
        let stream = self.stream().await?;
        client::connect_stream(Arc::new(config(keys)), stream, handler).await
    }

    /// Fetches the key that the host shows. It disconnects after the key exchange.
    async fn look(&self, keys: Vec<Algorithm>) -> Result<Option<PublicKey>, TransportFault> {
        let onlooker = Onlooker::default();
        match self.connect(onlooker.clone(), keys).await {
            Err(error) if onlooker.seen().is_none() => Err(unreachable(self.host, &Error::SshError(error))),
            _ => Ok(onlooker.seen()),
        }
    }

    /// Fetches the certificate that the host shows.
    async fn certificate(&self) -> Result<keys::Certificate, String> {
        certificate::fetch(self.stream().await.map_err(|error| error.to_string())?).await
    }

    /// A stream to the first of its addresses that answers.
    async fn stream(&self) -> Result<Box<dyn Stream>, russh::Error> {
        let mut last = io::Error::other("the name has no address");
        for address in &self.addresses {
            let opened: io::Result<Box<dyn Stream>> = match self.through {
                None => TcpStream::connect(address).await.and_then(|stream| {
                    stream.set_nodelay(true)?;
                    Ok(Box::new(stream) as Box<dyn Stream>)
                }),
                Some(link) => {
                    let channel = link.session.tunnel(*address).await.map_err(io::Error::other);
                    channel.map(|channel| Box::new(channel.into_stream()) as Box<dyn Stream>)
                }
            };
            match opened {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(russh::Error::IO(last))
    }
}

/// Settings of a connection: small packets go at once, a dead peer is noticed after 15 to 20 s, and the cipher that common
/// processors have instructions for comes first. `keys` are the algorithms for the host's key.
fn config(keys: Vec<Algorithm>) -> Config {
    let mut config = Config {
        nodelay: true,
        keepalive_interval: Some(Duration::from_secs(5)),
        keepalive_max: 3,
        ..Config::default()
    };
    config.preferred.key = keys.into();
    let mut ciphers = config.preferred.cipher.to_vec();
    ciphers.sort_by_key(|cipher| *cipher != russh::cipher::AES_256_GCM);
    config.preferred.cipher = ciphers.into();
    config
}

/// Turns a refusal into its reason.
fn refusal(host: &Host, error: Error) -> Refusal {
    match error {
        Error::ServerCheckFailed
        | Error::SshError(russh::Error::UnknownKey | russh::Error::NoCommonAlgo { kind: AlgorithmKind::Key, .. }) => {
            Refusal::OtherKey
        }
        Error::KeyAuthFailed | Error::KeyInvalid(_) => {
            let (known, login) = (&host.known, &host.login);
            Refusal::Fault(TransportFault::Auth(format!("{}@{known}: {error}; {}", login.user, login.advice())))
        }
        error => Refusal::Fault(unreachable(host, &error)),
    }
}

fn unreachable(host: &Host, error: &Error) -> TransportFault {
    let why = match error {
        Error::AddressInvalid(error) => format!("cannot resolve `{}`: {error}", host.known.address),
        Error::SshError(error) => format!("{}: {error}", host.known),
        error => format!("{}: {error}", host.known),
    };
    match was_cut(error) {
        true => TransportFault::Busy { why, after: Duration::ZERO },
        false => TransportFault::Unreachable(why),
    }
}

/// Whether the host was there and cut the connection, as sshd does with more than `MaxStartups` at once.
fn was_cut(error: &Error) -> bool {
    match error {
        Error::SshError(russh::Error::IO(error)) | Error::IoError(error) => crate::is_cut(error.kind()),
        Error::SshError(russh::Error::HUP | russh::Error::Disconnect) => true,
        _ => false,
    }
}

fn through_jump(jump: &Host, fault: TransportFault) -> TransportFault {
    let say = |why: String| format!("jump host {}: {why}", jump.known);
    match fault {
        TransportFault::Auth(why) => TransportFault::Auth(say(why)),
        TransportFault::Forbidden(why) => TransportFault::Forbidden(say(why)),
        TransportFault::HostKey(why) => TransportFault::HostKey(say(why)),
        TransportFault::Unreachable(why) | TransportFault::TimedOut(why) | TransportFault::Lost(why) => {
            TransportFault::Unreachable(say(why))
        }
        TransportFault::Busy { why, after } => TransportFault::Busy { why: say(why), after },
        fault @ (TransportFault::Cancelled | TransportFault::Unsimulated(_)) => fault,
    }
}
