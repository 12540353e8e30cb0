//! A kubeconfig file: one context with the cluster and the user that it names, read as kubectl reads them, and what is wrong with them as
//! far as that shows without the cluster. No other cluster, user or proxy of the file has any effect.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Uri;
use jiff::Timestamp;
use kube::config::{AuthInfo, Cluster, Kubeconfig};
use secrecy::{ExposeSecret as _, SecretString};

use crate::silence::chain;
use crate::x509::certificates;

/// Something wrong in a kubeconfig.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// What is wrong, and where in the file.
    pub what: String,
    /// What to do.
    pub help: String,
    /// Whether no connection can be made with it, whatever the cluster says.
    pub certain: bool,
}

/// A context with all that belongs to it.
pub(crate) struct Selected {
    /// The file without its other contexts, clusters and users.
    pub(crate) file: Kubeconfig,
    /// The cluster's proxy. Neither another cluster's counts nor one of the environment (HTTPS_PROXY): a change window takes nothing by accident.
    pub(crate) proxy: Option<Uri>,
    /// The file with the user's token and what is in it.
    pub(crate) token: Option<(String, SecretString)>,
}

/// Why a context of a file cannot be used.
#[derive(Debug)]
pub(crate) enum Unusable {
    /// There is no such file.
    Missing(String),
    /// It has no such context.
    Context(String),
    /// Something in it is wrong.
    Content(String),
}

/// Everything that is wrong with a context of a file. That there is no such file or context is for others to say.
pub fn flaws(path: &Path, context: &str) -> Vec<Flaw> {
    match select(path, context) {
        Ok(selected) => found(&selected.file),
        Err(Unusable::Missing(_) | Unusable::Context(_)) => Vec::new(),
        Err(Unusable::Content(what)) => {
            vec![Flaw {
                what,
                help: "kubectl has to be able to use it (`kubectl config view`)".to_owned(),
                certain: true,
            }]
        }
    }
}

/// Reads a context of a file.
pub(crate) fn select(path: &Path, context: &str) -> Result<Selected, Unusable> {
    let shown = path.display();
    if path.exists() {
        plain_file(path).map_err(|why| Unusable::Content(format!("cannot use the kubeconfig {shown}: {why}")))?;
    }
    let mut file = Kubeconfig::read_from(path).map_err(|error| {
        let why = format!("cannot use the kubeconfig {shown}: {}", chain(&error));
        if path.exists() { Unusable::Content(why) } else { Unusable::Missing(why) }
    })?;
    let known: Vec<&str> = file.contexts.iter().map(|context| context.name.as_str()).collect();
    let Some(named) = file.contexts.iter().find(|one| one.name == context).cloned() else {
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        return Err(Unusable::Context(format!("the kubeconfig {shown} has no context `{context}`; it has: {known}")));
    };
    let (cluster, user) = named.context.as_ref().map(|one| (one.cluster.clone(), one.user.clone())).unwrap_or_default();
    file.contexts = vec![named];
    file.clusters.retain(|one| one.name == cluster);
    file.auth_infos.retain(|one| Some(&one.name) == user.as_ref());
    let mut token = None;
    if let Some(user) = file.auth_infos.first_mut().and_then(|one| one.auth_info.as_mut()) {
        // An editor or `echo` has put a line end behind the token, which no header may have.
        let bare = |text: &str| SecretString::from(text.trim().to_owned());
        if let Some(written) = user.token.take() {
            user.token = Some(bare(written.expose_secret()));
        } else if let Some(from) = user.token_file.take() {
            let text = read(&from);
            let text = text.map_err(|why| Unusable::Content(format!("cannot read the token file {from}: {why}")))?;
            user.token = Some(bare(&text));
            token = Some((from, bare(&text)));
        }
    }
    let proxied = file.clusters.first().and_then(|one| one.cluster.as_ref()?.proxy_url.as_deref());
    let proxy = proxied.and_then(|written| proxy(written).ok());
    Ok(Selected { file, proxy, token })
}

/// What is wrong with a file that has one context alone.
pub(crate) fn found(file: &Kubeconfig) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    for (name, cluster) in file.clusters.iter().filter_map(|one| Some((&one.name, one.cluster.as_ref()?))) {
        let Cluster { certificate_authority, certificate_authority_data, proxy_url, .. } = cluster;
        let place = format!("clusters[{name}].certificate-authority");
        certificate(&place, certificate_authority.as_deref(), certificate_authority_data.as_deref(), &mut flaws);
        if let Some(Err(why)) = proxy_url.as_deref().filter(|proxy| !proxy.is_empty()).map(proxy) {
            flaws.push(Flaw {
                what: format!("clusters[{name}].proxy-url {why}"),
                help: "kubectl takes `http://HOST:PORT`, `https://HOST:PORT` and `socks5://HOST:PORT`".to_owned(),
                certain: true,
            });
        }
    }
    for (name, user) in file.auth_infos.iter().filter_map(|one| Some((&one.name, one.auth_info.as_ref()?))) {
        let AuthInfo { client_certificate, client_certificate_data, client_key, client_key_data, .. } = user;
        let place = format!("users[{name}].client-certificate");
        certificate(&place, client_certificate.as_deref(), client_certificate_data.as_deref(), &mut flaws);
        if client_certificate.is_some() || client_certificate_data.is_some() {
            let data = client_key_data.as_ref().map(|data| data.expose_secret());
            flaws.extend(key(&format!("users[{name}].client-key"), client_key.as_deref(), data));
        }
    }
    flaws
}

/// The largest file that a kubeconfig is or names, in bytes.
const LARGEST: u64 = 8 << 20;

/// Refuses what has no end: a device or a pipe, and what nobody's configuration is as large as.
fn plain_file(path: &Path) -> Result<(), String> {
    let found = std::fs::metadata(path).map_err(|error| error.to_string())?;
    match found.is_file() && found.len() <= LARGEST {
        true => Ok(()),
        false => Err(format!("it is not a file of at most {} MiB", LARGEST >> 20)),
    }
}

fn read(path: &str) -> Result<String, String> {
    plain_file(Path::new(path))?;
    std::fs::read_to_string(path).map_err(|error| error.to_string())
}

/// Looks at the key of a client certificate; its text is not repeated.
fn key(place: &str, file: Option<&str>, data: Option<&str>) -> Option<Flaw> {
    let decoded = |data: &str| STANDARD.decode(data.trim()).ok().and_then(|pem| String::from_utf8(pem).ok());
    let (place, pem) = match (data.filter(|data| !data.is_empty()), file) {
        (Some(data), _) => (format!("{place}-data"), decoded(data)),
        (None, Some(file)) => (format!("{place} ({file})"), read(file).ok()),
        (None, None) => (place.to_owned(), None),
    };
    let pem = pem.unwrap_or_default();
    let (what, help) = if pem.contains("ENCRYPTED") {
        ("is encrypted, and nobody can be asked for its passphrase", "have it written without one (`openssl pkey`)")
    } else if pem.contains("PRIVATE KEY-----") {
        return None;
    } else {
        ("has no key that can be read", "it has to be a key in PEM, which begins with -----BEGIN PRIVATE KEY-----")
    };
    Some(Flaw { what: format!("{place} {what}"), help: help.to_owned(), certain: true })
}

/// The address of a proxy, of a kind that kubectl knows. Its text is not repeated: it may have a password in it.
fn proxy(written: &str) -> Result<Uri, String> {
    let address: Uri = written.parse().map_err(|error| format!("is not an address: {error}"))?;
    match address.scheme_str() {
        Some("http" | "https" | "socks5") if address.host().is_some() => Ok(address),
        Some(other) => Err(format!("is of the kind `{other}`")),
        None => Err("has no kind before `://`".to_owned()),
    }
}

/// Looks at the certificates of a file or, before that, of data in the kubeconfig.
fn certificate(place: &str, file: Option<&str>, data: Option<&str>, flaws: &mut Vec<Flaw>) {
    let decoded = |data: &str| STANDARD.decode(data.trim()).ok().and_then(|pem| String::from_utf8(pem).ok());
    let (place, pem) = match (data.filter(|data| !data.is_empty()), file) {
        (Some(data), _) => (format!("{place}-data"), decoded(data)),
        (None, Some(file)) => (format!("{place} ({file})"), read(file).ok()),
        (None, None) => return,
    };
    let found = certificates(&pem.unwrap_or_default());
    if found.is_empty() {
        let help = "it has to be a certificate in PEM, which begins with -----BEGIN CERTIFICATE-----".to_owned();
        return flaws.push(Flaw { what: format!("{place} has no certificate that can be read"), help, certain: true });
    }
    // Of a user's chain the first is its own. Of several authorities one may be old, and another count.
    let own = place.starts_with("users[");
    let now = Timestamp::now();
    let count = if own { 1 } else { found.len() };
    let all = |wrong: &dyn Fn(&crate::x509::Certificate) -> bool| found[..count].iter().all(wrong);
    let first = found[0];
    let anew = "have it issued anew";
    if all(&|one| one.version < 3) {
        flaws.push(Flaw {
            what: format!(
                "{place} is a certificate of X.509 version {}, which is refused here although kubectl accepts it",
                first.version
            ),
            help: format!(
                "{anew}, with extensions (`openssl x509 -req ... -extfile FILE`): that makes it one of version 3"
            ),
            certain: true,
        });
    }
    if all(&|one| one.until < now) {
        let what = format!("{place} expired at {}", first.until);
        flaws.push(Flaw { what, help: format!("{anew}, or put the clock of this machine right"), certain: false });
    }
    if all(&|one| one.from > now) {
        let what = format!("{place} is not valid before {}", first.from);
        flaws.push(Flaw { what, help: "is the clock of this machine right?".to_owned(), certain: false });
    }
}
