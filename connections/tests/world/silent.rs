//! Machines that do not answer at all, as dead ones: a socket whose queue of connections is full drops what comes in.

use std::time::Duration;

use cutover_engine::world::{TransportFault, World as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::kubernetes::{get, kubeconfig, world};
use crate::ssh::sshd::{Sshd, node};

/// A port that is silent until this is dropped.
struct Silent {
    _listener: TcpListener,
    _queued: Vec<TcpStream>,
    port: u16,
}

impl Silent {
    /// `port` may be 0.
    async fn on(port: u16) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(([127, 0, 0, 1], port).into()).unwrap();
        let listener = socket.listen(0).unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut queued = Vec::new();
        let connect = || tokio::time::timeout(Duration::from_millis(300), TcpStream::connect(("127.0.0.1", port)));
        while let Ok(stream) = connect().await {
            queued.push(stream.unwrap());
        }
        Self { _listener: listener, _queued: queued, port }
    }
}

fn unreachable<T>(result: Result<T, TransportFault>) -> String {
    match result {
        Err(TransportFault::Unreachable(why)) => why,
        Err(fault) => panic!("{fault}"),
        Ok(_) => panic!("it answered"),
    }
}

#[tokio::test]
async fn a_host_that_was_silent_is_waited_for_less_until_it_answers() {
    let Some(mut sshd) = Sshd::start() else { return };
    let world = sshd.world("connect_timeout: 3s");
    sshd.stop();
    let silent = Silent::on(sshd.port).await;
    let whole = unreachable(node(&world).await);
    assert!(whole.contains("did not answer or finish the login within 3s"), "{whole}");
    // For as long as that took it is remembered.
    tokio::time::sleep(Duration::from_millis(3200)).await;
    let less = unreachable(node(&world).await);
    assert!(less.contains("did not answer before, and not within 2s now"), "{less}");
    drop(silent);
    tokio::time::sleep(Duration::from_millis(2200)).await;
    sshd.restart("");
    assert!(node(&world).await.is_ok(), "it is back");
}

#[tokio::test]
async fn an_api_server_that_was_silent_is_waited_for_less_until_it_answers() {
    let silent = Silent::on(0).await;
    let folder = kubeconfig(&format!("http://127.0.0.1:{}", silent.port), "");
    let world = world(folder.path(), "kubeconfig: kube.conf, context: lab");
    unreachable(world.request(&get("/version")).await);
    // The first time takes 10 s.
    let again = tokio::time::timeout(Duration::from_secs(5), world.request(&get("/version"))).await;
    unreachable(again.expect("it is given up sooner"));
}
