"""Keys and certificates: the clusters' authority, and a certificate for each API server. And the keys for SSH."""

import secrets
from pathlib import Path

from .process import run
from .settings import HOSTS, SITES, SSH_PORT, STATE, Host

KEYS = STATE / "keys"
SSH_KEY = STATE / "ssh" / "id_ed25519"
KNOWN_HOSTS = STATE / "ssh" / "known_hosts"


def make() -> None:
    """Makes all of them."""
    KEYS.mkdir(mode=0o700)
    SSH_KEY.parent.mkdir(mode=0o700)
    ec = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30")
    run("openssl", "req", "-x509", *ec, "-subj", "/CN=lab", "-keyout", KEYS / "ca.key", "-out", KEYS / "ca.crt")
    for site in SITES:
        names = (
            f"subjectAltName=IP:{site.master.address},IP:127.0.0.1,"
            f"IP:{site.services.replace('.0/24', '.1')},DNS:kubernetes.default.svc"
        )
        run(
            "openssl",
            "req",
            "-x509",
            *ec,
            "-CA",
            KEYS / "ca.crt",
            "-CAkey",
            KEYS / "ca.key",
            "-subj",
            f"/CN={site.name}",
            "-addext",
            names,
            "-addext",
            "basicConstraints=critical,CA:FALSE",
            "-keyout",
            KEYS / f"{site.name}.key",
            "-out",
            KEYS / f"{site.name}.crt",
        )
        # kube-apiserver reads the older form of keys only.
        run(
            "openssl", "ecparam", "-genkey", "-noout", "-name", "prime256v1", "-out", KEYS / f"{site.name}-accounts.key"
        )
        (KEYS / f"{site.name}.token").write_text(secrets.token_hex(16))
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", SSH_KEY)
    known = ""
    for host in HOSTS:
        key = host_key(host)
        key.parent.mkdir(parents=True, exist_ok=True)
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", host.id, "-f", key)
        kind, text, _ = key.with_suffix(".pub").read_text().split()
        known += f"[{host.address}]:{SSH_PORT} {kind} {text}\n"
    KNOWN_HOSTS.write_text(known)


def host_key(host: Host) -> Path:
    """The host's own key for SSH."""
    return host.directory / "ssh_host_ed25519_key"
