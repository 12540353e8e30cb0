//! API servers behind a proxy that the kubeconfig names: a proxy of the test's own, which counts who comes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cutover_engine::world::{TransportFault, World as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::kubernetes::{Api, answer, get, kubeconfig, refused, world};

/// A proxy that leads everybody to one port.
struct Proxy {
    port: u16,
    used: Arc<AtomicUsize>,
}

impl Proxy {
    async fn start(socks: bool, to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, used) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&used);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(lead(stream, socks, to));
            }
        });
        Self { port, used }
    }
}

async fn lead(mut stream: TcpStream, socks: bool, to: u16) {
    if socks {
        // A greeting with methods; a request with an address of one of three kinds (RFC 1928).
        let mut head = [0; 2];
        stream.read_exact(&mut head).await.unwrap();
        let mut methods = vec![0; usize::from(head[1])];
        stream.read_exact(&mut methods).await.unwrap();
        stream.write_all(&[5, 0]).await.unwrap();
        let mut request = [0; 4];
        stream.read_exact(&mut request).await.unwrap();
        let length = match request[3] {
            1 => 4,
            3 => usize::from(stream.read_u8().await.unwrap()),
            _ => 16,
        };
        let mut address = vec![0; length + 2];
        stream.read_exact(&mut address).await.unwrap();
        stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
    } else {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        assert!(head.starts_with(b"CONNECT api.example:6443 HTTP/1.1\r\n"), "{}", String::from_utf8_lossy(&head));
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    }
    let mut server = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
    let _ = tokio::io::copy_bidirectional(&mut stream, &mut server).await;
}

const SETTINGS: &str = "kubeconfig: kube.conf, context: lab";

#[tokio::test]
async fn the_proxy_of_the_cluster_leads_to_it_and_no_other_does() {
    let api = Api::start(answer).await;
    for (kind, socks) in [("http", false), ("socks5", true)] {
        let proxy = Proxy::start(socks, api.port).await;
        let address = format!("{kind}://127.0.0.1:{}", proxy.port);
        let folder = kubeconfig("http://api.example:6443", &format!(", proxy-url: '{address}'"));
        let world = world(folder.path(), SETTINGS);
        let got = world.request(&get("/version")).await;
        assert!(got.is_ok(), "{kind}: {got:?}");
        let used = proxy.used.load(Ordering::SeqCst);
        assert!(used > 0, "{kind}");

        let other = format!("}}}}\n- {{name: other, cluster: {{server: 'http://x', proxy-url: '{address}'");
        let folder = kubeconfig(&format!("http://127.0.0.1:{}", api.port), &other);
        assert!(self::world(folder.path(), SETTINGS).request(&get("/version")).await.is_ok());
        assert_eq!(proxy.used.load(Ordering::SeqCst), used, "the proxy of another cluster");
    }
}

#[tokio::test]
async fn a_proxy_that_cannot_be_meant_is_refused_without_its_password() {
    for (proxy, words) in [
        ("ftp://op:hunter2@127.0.0.1:1", "is of the kind `ftp`"),
        ("127.0.0.1:1", "has no kind"),
        ("http://a b", "not an address"),
    ] {
        let folder = kubeconfig("http://api.example:6443", &format!(", proxy-url: '{proxy}'"));
        let fault = refused(&world(folder.path(), SETTINGS)).await;
        let TransportFault::Unreachable(why) = &fault else { panic!("{fault}") };
        assert!(why.contains("clusters[c].proxy-url") && why.contains(words) && !why.contains("hunter2"), "{why}");
        let flaws = cutover_connections::flaws(&folder.path().join("kube.conf"), "lab");
        assert!(flaws.len() == 1 && flaws[0].what.contains(words), "{flaws:?}");
    }
}
