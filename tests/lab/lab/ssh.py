"""The SSH server of a host."""

from .certificates import SSH_KEY, host_key
from .settings import SSH_PORT, Host

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

#: There is no systemd: offline, systemctl enables and disables units as it does elsewhere, and starts none.
CONFIG = """\
Port {port}
ListenAddress {address}
HostKey /etc/ssh/ssh_host_ed25519_key
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
AuthorizedKeysFile /etc/ssh/authorized_keys
UsePAM no
UseDNS no
MaxStartups 100
MaxSessions 100
SetEnv PATH={path} SYSTEMD_OFFLINE=1
Subsystem sftp internal-sftp
"""


def files(host: Host) -> dict[str, str]:
    """What it needs below the host's root."""
    return {
        "etc/ssh/sshd_config": CONFIG.format(port=SSH_PORT, address=host.address, path=PATH),
        "etc/ssh/ssh_host_ed25519_key": host_key(host).read_text(),
        "etc/ssh/authorized_keys": SSH_KEY.with_suffix(".pub").read_text(),
    }


def services() -> list[dict]:
    """What runs."""
    return [{"name": "sshd", "argv": ["/usr/sbin/sshd", "-D", "-e"]}]
