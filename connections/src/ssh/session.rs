//! A connection that is logged in, whichever way: by `async-ssh2-tokio`, or by russh itself where the login needs several tries.

use std::net::SocketAddr;
use std::sync::Arc;

use async_ssh2_tokio::Client;
use russh::Channel;
use russh::client::{Handle, Handler, Msg};
use russh::keys::PublicKey;

use super::known_hosts::same;

/// A connection that is logged in. Clones share it.
#[derive(Clone)]
pub(super) enum Session {
    /// Logged in with a key of a file.
    Client(Client),
    /// Logged in with one of several keys, or by questions and answers.
    Handle(Arc<Handle<Pinned>>),
}

impl Session {
    /// Opens a channel for a command.
    pub(super) async fn open(&self) -> Result<Channel<Msg>, String> {
        match self {
            Self::Client(client) => client.get_channel().await.map_err(|error| error.to_string()),
            Self::Handle(handle) => handle.channel_open_session().await.map_err(|error| error.to_string()),
        }
    }

    /// Opens a channel to another address, as a jump host does.
    pub(super) async fn tunnel(&self, to: SocketAddr) -> Result<Channel<Msg>, String> {
        match self {
            Self::Client(client) => client.open_direct_tcpip_channel(to, None).await.map_err(|error| error.to_string()),
            Self::Handle(handle) => {
                let (host, port) = (to.ip().to_string(), u32::from(to.port()));
                let opened = handle.channel_open_direct_tcpip(host, port, "127.0.0.1", 22).await;
                opened.map_err(|error| error.to_string())
            }
        }
    }

    /// Whether the connection has ended.
    pub(super) fn is_closed(&self) -> bool {
        match self {
            Self::Client(client) => client.is_closed(),
            Self::Handle(handle) => handle.is_closed(),
        }
    }

    /// Takes leave of the host.
    pub(super) async fn disconnect(&self) {
        match self {
            Self::Client(client) => drop(client.disconnect().await),
            Self::Handle(handle) => drop(handle.disconnect(russh::Disconnect::ByApplication, "", "English").await),
        }
    }
}

/// Accepts one host key alone.
pub(super) struct Pinned(pub(super) PublicKey);

impl Handler for Pinned {
    type Error = russh::Error;

    async fn check_server_key(&mut self, key: &PublicKey) -> Result<bool, Self::Error> {
        Ok(same(&self.0, key))
    }
}
