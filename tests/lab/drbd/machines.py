#!/usr/bin/env python3
"""Pairs of small virtual machines with real DRBD, in a network of their own. This file is the command line only; what
a machine, the image, the network and the inventory are stands in drbdlab/, one noun a file.

For root on Debian 12, with Debian's packages only. No virtualisation support is needed: qemu translates."""

import argparse
import os
import subprocess
import sys

sys.dont_write_bytecode = True

from drbdlab import Problem, image, inventory, lab, network, record, watch  # noqa: E402


def arguments():
    parser = argparse.ArgumentParser(
        prog="tests/lab/run drbd",
        description="Pairs of small virtual machines with real DRBD, in a network of their own.",
        epilog="`scenarios` tests on pairs of its own; `scenarios --help` tells its options. Machines are named as in the inventory: a site (primary, standby) and a node (worker01 ...).",
    )
    parser.add_argument("--dir", help="where a running lab keeps its state (default: $CUTOVER_DRBD_LAB, or in the cache)")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="COMMAND")

    verbs.add_parser("needs", help="say which Debian packages are missing here")
    verbs.add_parser("build", help="build kernel, initramfs and root image, once; later runs find them in the cache")
    up = verbs.add_parser("up", help="start the machines and wait until each takes SSH; first ends what an earlier run left")
    up.add_argument("pairs", nargs="?", type=int, default=1, help="how many pairs, 1 to 9 (default: 1)")
    up.add_argument("--memory", type=int, default=192, help="MiB for each machine (default: 192)")
    verbs.add_parser("down", help="end the machines, remove network and disks")
    verbs.add_parser("status", help="say which machines run, and how their link is")
    one = "the site and the node"
    for verb, help_text in {
        "kill": "kill -9: power off without a warning; disks keep what was written",
        "start": "power on, and wait for SSH",
        "reboot": "reboot and wait for SSH",
        "cut": "drop every packet of the replication network to and from a machine; SSH goes on",
    }.items():
        verb = verbs.add_parser(verb, help=help_text)
        verb.add_argument("site", help=one)
        verb.add_argument("node")
        if verb.prog.endswith("reboot"):
            verb.add_argument("--hard", action="store_true", help="by the reset button")
        if verb.prog.endswith("start"):
            verb.add_argument("--no-wait", action="store_true", help="do not wait for SSH")
    verbs.add_parser("heal", help="undo every `cut`")
    verbs.add_parser("inventory", help="print the path of the inventory of the running lab")
    run = verbs.add_parser("exec", help="run a command of this machine inside the lab's network")
    run.add_argument("command", nargs=argparse.REMAINDER)
    ssh = verbs.add_parser("ssh", help="log in to a machine, or run a command there")
    ssh.add_argument("site")
    ssh.add_argument("node")
    ssh.add_argument("command", nargs=argparse.REMAINDER)
    verbs.add_parser("watch", help="write every change of a role to standard output; ends, with 3, when both ends are Primary")
    recorder = verbs.add_parser("record", help="play the commands of a record of DRBD on a fresh pair, and print what the tools print here")
    recorder.add_argument("record")
    return parser.parse_args()


def main():
    options = arguments()
    if options.verb == "needs":
        missing = image.missing()
        print(f"apt-get install -y --no-install-recommends {' '.join(missing)}" if missing else "nothing is missing")
        return 1 if missing else 0
    if os.geteuid() != 0:
        raise Problem("the lab needs root: for its network and for the root image")
    if options.verb == "build":
        print(image.build())
        return 0
    here = lab.Lab(options.dir)
    match options.verb:
        case "up":
            here.up(options.pairs, options.memory)
            print(here.inventory)
        case "down":
            here.down()
        case "status":
            print(here.status())
        case "kill":
            here.kill(options.site, options.node)
        case "start":
            here.start(options.site, options.node, wait=not options.no_wait)
        case "reboot":
            here.reboot(options.site, options.node, hard=options.hard)
        case "cut":
            here.cut(options.site, options.node)
        case "heal":
            here.heal()
        case "inventory":
            print(here.running().inventory)
        case "exec":
            network.enter(here.running().namespace)
            os.execvp(options.command[0], options.command)
        case "ssh":
            network.enter(here.running().namespace)
            argv = inventory.ssh(here, here.machine(options.site, options.node)) + options.command
            os.execvp(argv[0], argv)
        case "record":
            record.record(here.running(), options.record)
        case "watch":
            return watch.watch(here.running())
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Problem as problem:
        print(f"tests/lab/run drbd: {problem}", file=sys.stderr)
        sys.exit(1)
    except subprocess.CalledProcessError as error:
        words = (error.stderr or "").strip()
        print(f"tests/lab/run drbd: `{' '.join(map(str, error.cmd))}` failed ({error.returncode}){': ' + words if words else ''}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
