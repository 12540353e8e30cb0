"""The inventory of a running lab, as `cutover -i` takes it, and how a machine is reached."""

import subprocess

from .image import SSH_PORT


def ssh(lab, machine, shared=True):
    """The command that reaches a machine from inside the lab's network. `shared`: all commands take one connection, which
    outlives them: a handshake costs an emulated processor a second."""
    options = [
        f"UserKnownHostsFile={lab.directory}/known_hosts",
        "GlobalKnownHostsFile=/dev/null",
        "BatchMode=yes",
        "ConnectTimeout=20",
        "ServerAliveInterval=2",
        "ServerAliveCountMax=8",
        "LogLevel=ERROR",
        f"ControlPath={machine.connection if shared else 'none'}",
        "ControlMaster=auto",
        "ControlPersist=yes",
    ]
    words = [word for option in options for word in ("-o", option)]
    return ["ssh", "-F", "none", "-i", f"{lab.directory}/id_ed25519", "-p", str(SSH_PORT), *words, f"root@{machine.address}"]


def hang_up(connection):
    """Ends a shared connection, if there is one: it would not outlive its machine, but take some seconds to see that."""
    if connection.exists():
        argv = ["ssh", "-F", "none", "-o", f"ControlPath={connection}", "-O", "exit", "machine"]
        subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True)


def write(lab):
    """Writes known_hosts, the inventory, and the same with the roles swapped: for the way back."""
    for name, roles in (("inventory", "active: primary, passive: standby"), ("swapped", "active: standby, passive: primary")):
        (lab.directory / f"{name}.yml").write_text(text(lab, roles))
    key = (lab.directory / "host_key.pub").read_text().split()[:2]
    known = [f"[{machine.address}]:{SSH_PORT} {' '.join(key)}" for machine in lab.machines()]
    (lab.directory / "known_hosts").write_text("\n".join(known) + "\n")


def text(lab, roles):
    """The inventory."""
    lines = ["# The machines of the DRBD lab. Their addresses are those of the lab's own network: see `tests/lab/run drbd exec`.", "sites:"]
    for site, machines in lab.sites().items():
        lines += [f"  {site}:"]
        lines += [f"    ssh: {{user: root, port: {SSH_PORT}, key: id_ed25519, known_hosts: known_hosts, connect_timeout: 20s}}"]
        lines += ["    nodes:", *(f"      {machine.node}: {{address: {machine.address}}}" for machine in machines)]
    lines += [f"roles: {{{roles}}}", "pairs:"]
    for pair in range(lab.pairs):
        lines += [f"  - resource: etcd{pair}", "    port: 7790", "    device: /dev/drbd0", "    members:"]
        for node_id, machines in enumerate(lab.sites().values(), start=1):
            it = machines[pair]
            fields = f"node: {it.node}, node_id: {node_id}, address: {it.replication}, disk: {it.disk}"
            lines += [f"      {it.site}: {{{fields}}}"]
    return "\n".join(lines) + "\n"
