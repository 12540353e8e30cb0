//! The real world of an inventory: which transport leads to which place.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cutover_engine::clock::Clock;
use cutover_engine::inventory::{Connection, Inventory, Site};
use cutover_engine::world::{Answer, Place, Request, Transport, TransportFault, World};
use futures_util::future::BoxFuture;
use secrecy::SecretString;

use crate::container::Container;
use crate::endings::Endings;
use crate::kubernetes::Cluster;
use crate::local::Local;
use crate::paths::Paths;
use crate::pod::Pod;
use crate::ssh::{self, Host, Login, Method, Shell};
use crate::wrapper::LIMIT;

/// Real hosts and clusters.
pub struct RealWorld {
    inventory: Arc<Inventory>,
    paths: Paths,
    limit: Duration,
    hosts: Mutex<HashMap<(String, String), Arc<Host>>>,
    jumps: Mutex<HashMap<(String, String), Arc<Host>>>,
    logins: Mutex<HashMap<String, Arc<Login>>>,
    clusters: Mutex<HashMap<String, Arc<Cluster>>>,
    endings: Endings,
}

impl RealWorld {
    /// The world that an inventory describes. Nothing is connected yet. `home` is the user's home directory, for `~/` in paths
    /// and for `~/.ssh/known_hosts`.
    pub fn new(inventory: Arc<Inventory>, home: PathBuf) -> Self {
        let paths = Paths::new(home, &inventory.source.path);
        Self {
            inventory,
            paths,
            limit: LIMIT,
            hosts: Mutex::default(),
            jumps: Mutex::default(),
            logins: Mutex::default(),
            clusters: Mutex::default(),
            endings: Endings::default(),
        }
    }

    /// Sets how long any command may run, 6 hours by default. Hosts enforce it themselves, also when this process is gone.
    #[must_use]
    pub fn command_limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Processes on this machine.
    fn local(&self) -> Local {
        Local::new(self.limit, self.endings.clone()).without(&self.inventory.secret_variables)
    }

    fn site(&self, name: &str) -> Result<&Site, TransportFault> {
        self.inventory
            .sites
            .get(name)
            .ok_or_else(|| TransportFault::Unreachable(format!("the inventory has no site `{name}`")))
    }

    /// The cluster of a site; made once.
    fn cluster(&self, site: &str) -> Result<Arc<Cluster>, TransportFault> {
        let settings = &self.site(site)?.kubernetes;
        let mut clusters = self.clusters.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || {
            Arc::new(Cluster::new(
                site,
                settings.clone(),
                self.paths.resolve(&settings.kubeconfig),
                self.endings.clone(),
            ))
        };
        Ok(Arc::clone(clusters.entry(site.to_owned()).or_insert_with(make)))
    }

    /// The host of a node; made once, so that its connection is shared.
    fn host(&self, site: &Site, node: &str, address: &str) -> Result<Arc<Host>, TransportFault> {
        let key = (site.name.clone(), node.to_owned());
        if let Some(host) = self.hosts.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(Arc::clone(host));
        }
        let host =
            Arc::new(if site.ssh.config { self.configured(site, address)? } else { self.described(site, address)? });
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(hosts.entry(key).or_insert(host)))
    }

    /// A host by the settings of the inventory.
    fn described(&self, site: &Site, address: &str) -> Result<Host, TransportFault> {
        let (ssh, login) = (&site.ssh, self.login(site)?);
        let known_hosts = vec![self.paths.resolve(ssh.known_hosts.as_deref().unwrap_or("~/.ssh/known_hosts"))];
        let new = |address: &str, port: u16, login| {
            Host::new(address.to_owned(), port, known_hosts.clone(), login)
                .limits(ssh.connect_timeout.0, self.limit)
                .endings(self.endings.clone())
        };
        let jump = match &ssh.jump {
            None => None,
            Some(written) => {
                let (user, address, port) = jump(written)?;
                let user = user.unwrap_or(&ssh.user).to_owned();
                let method = self.method(site)?;
                let make = || Arc::new(new(address, port.unwrap_or(22), Arc::new(Login::new(user, method))));
                let mut jumps = self.jumps.lock().unwrap_or_else(PoisonError::into_inner);
                Some(Arc::clone(jumps.entry((site.name.clone(), written.clone())).or_insert_with(make)))
            }
        };
        Ok(new(address, ssh.port, login).through(jump).sudo(ssh.r#become))
    }

    /// A host by OpenSSH's configuration, and for the rest by the settings of the inventory. Its jump hosts have theirs.
    fn configured(&self, site: &Site, name: &str) -> Result<Host, TransportFault> {
        let settings = self.configuration(site, name)?;
        let jumps = site.ssh.jump.clone().map_or_else(|| settings.jumps.clone(), |jump| vec![jump]);
        let mut through: Option<Arc<Host>> = None;
        for (number, written) in jumps.iter().enumerate() {
            // Those that lead through the same hosts share their connections.
            let key = (site.name.clone(), jumps[..=number].join(","));
            let known = self.jumps.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
            let host = match known {
                Some(host) => host,
                None => {
                    let (user, name, port) = jump(written)?;
                    let mut settings = self.configuration(site, name)?;
                    settings.user = user.map(str::to_owned).or(settings.user);
                    settings.port = port.or(settings.port).or(Some(22));
                    Arc::new(self.by(site, name, &settings)?.through(through))
                }
            };
            let mut jumps = self.jumps.lock().unwrap_or_else(PoisonError::into_inner);
            through = Some(Arc::clone(jumps.entry(key).or_insert(host)));
        }
        Ok(self.by(site, name, &settings)?.through(through).sudo(site.ssh.r#become))
    }

    fn configuration(&self, site: &Site, name: &str) -> Result<ssh::Settings, TransportFault> {
        ssh::settings(self.paths.home(), Path::new("/etc/ssh"), name)
            .map_err(|why| TransportFault::Unreachable(format!("site `{}`: {why}", site.name)))
    }

    /// A host by these settings, which come before those of the inventory.
    fn by(&self, site: &Site, name: &str, settings: &ssh::Settings) -> Result<Host, TransportFault> {
        let ssh = &site.ssh;
        let method = match self.method(site)? {
            Method::Offers { files, passphrase, .. } if files.is_empty() => {
                Method::Offers { files: settings.identities.clone(), passphrase, only: settings.only }
            }
            method => method,
        };
        let login = Login::new(settings.user.clone().unwrap_or_else(|| ssh.user.clone()), method);
        let known_hosts = match &ssh.known_hosts {
            Some(file) => vec![self.paths.resolve(file)],
            None => settings.known_hosts.clone(),
        };
        let address = settings.address.clone().unwrap_or_else(|| name.to_owned());
        let host = Host::new(address, settings.port.unwrap_or(ssh.port), known_hosts, Arc::new(login));
        let host = host.alias(settings.alias.clone()).limits(ssh.connect_timeout.0, self.limit);
        Ok(host.endings(self.endings.clone()))
    }

    /// The login of a site; made once, so that its key is decrypted once.
    fn login(&self, site: &Site) -> Result<Arc<Login>, TransportFault> {
        let login = Arc::new(Login::new(site.ssh.user.clone(), self.method(site)?));
        let mut logins = self.logins.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(logins.entry(site.name.clone()).or_insert(login)))
    }

    fn method(&self, site: &Site) -> Result<Method, TransportFault> {
        let ssh = &site.ssh;
        let secret = |name: &String| {
            let value = self.inventory.vars.get(name).and_then(|value| value.as_str());
            value
                .map(SecretString::from)
                .ok_or_else(|| TransportFault::Auth(format!("site `{}`: no secret is named `{name}`", site.name)))
        };
        let passphrase = ssh.passphrase.as_ref().map(secret).transpose()?;
        Ok(match (&ssh.key, &ssh.password) {
            (Some(path), _) => Method::file(self.paths.resolve(path), passphrase),
            (None, Some(name)) => Method::Password(secret(name)?),
            (None, None) => Method::agent(passphrase),
        })
    }

    async fn to_node(&self, site: &str, node: &str) -> Result<Arc<dyn Transport>, TransportFault> {
        let site = self.site(site)?;
        let machine = site.nodes.get(node).ok_or_else(|| {
            TransportFault::Unreachable(format!("the inventory has no node `{node}` in site `{}`", site.name))
        })?;
        Ok(match site.connection {
            Connection::Local => Arc::new(self.local()),
            Connection::Container => {
                let var = |vars: &serde_json::Map<String, serde_json::Value>, name: &str| {
                    vars.get(name).and_then(|value| value.as_str()).map(str::to_owned)
                };
                let engine = var(&machine.vars, "container_engine").or_else(|| var(&site.vars, "container_engine"));
                let name = var(&machine.vars, "container").unwrap_or_else(|| node.to_owned());
                let engine = engine.unwrap_or_else(|| "docker".to_owned());
                let container = Container::new(engine, name, self.limit, self.endings.clone());
                Arc::new(container.without(&self.inventory.secret_variables))
            }
            Connection::Ssh => Arc::new(Shell::to(self.host(site, node, &machine.address)?).await?),
        })
    }
}

impl Clock for RealWorld {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::now()
    }
}

impl World for RealWorld {
    fn transport(&self, place: &Place) -> BoxFuture<'_, Result<Arc<dyn Transport>, TransportFault>> {
        let place = place.clone();
        Box::pin(async move {
            match &place {
                Place::Controller => Ok(Arc::new(self.local()) as Arc<dyn Transport>),
                Place::Node { site, node } => self.to_node(site, node).await,
                Place::Pod { site, namespace, pod, container } => {
                    let client = self.cluster(site)?.streams().await?;
                    let pod = Pod::new(client, site, namespace, pod, container.clone());
                    Ok(Arc::new(pod) as Arc<dyn Transport>)
                }
            }
        })
    }

    fn request<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Answer, TransportFault>> {
        Box::pin(async move { self.cluster(&request.site)?.request(request).await })
    }

    fn settle(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.endings.settle())
    }
}

/// Parses `user@host:port`; user and port may be left out, an IPv6 address is in brackets.
fn jump(written: &str) -> Result<(Option<&str>, &str, Option<u16>), TransportFault> {
    let bare = written.strip_prefix("ssh://").unwrap_or(written);
    let (user, rest) = match bare.rsplit_once('@') {
        Some((user, rest)) => (Some(user), rest),
        None => (None, bare),
    };
    let (address, port) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => (address, port.strip_prefix(':')),
        None => rest.split_once(':').map_or((rest, None), |(address, port)| (address, Some(port))),
    };
    match port.map(str::parse).transpose() {
        Ok(port) if !address.is_empty() && user != Some("") => Ok((user, address, port)),
        _ => Err(TransportFault::Unreachable(format!("the jump host `{written}` is not written as `user@host:port`"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_host_may_leave_out_user_and_port() {
        let cases = [
            ("op@bastion:2222", Some((Some("op"), "bastion", Some(2222)))),
            ("bastion", Some((None, "bastion", None))),
            ("[::1]:2200", Some((None, "::1", Some(2200)))),
            ("bastion:ssh", None),
            ("@bastion", None),
            ("", None),
        ];
        for (written, expected) in cases {
            assert_eq!(jump(written).ok(), expected, "{written}");
        }
    }
}
