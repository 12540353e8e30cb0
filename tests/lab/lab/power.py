"""Power and network of hosts and sites, for tests of what happens without them."""

import sys

from . import stand_in
from .hosts import boot, find, is_up, power_off
from .process import run
from .settings import SITES


def main(argv: list[str]) -> None:
    """Does what the command line says."""
    match argv:
        case ["off", name]:
            power_off(find(name))
            stand_in.power(find(name), "off")
        case ["on", name]:
            host = find(name)
            if is_up(host):
                sys.exit(f"{name} is up")
            stand_in.power(host, "on")
            boot(host)
        case ["cut", site] if site in [site.name for site in SITES]:
            run("ip", "link", "set", site, "down")
            stand_in.link("cut")
        case ["join", site] if site in [site.name for site in SITES]:
            restore(site)
        case _:
            sys.exit("give `off` or `on` and SITE/HOST, or `cut` or `join` and SITE")


def restore(name: str) -> None:
    """Brings a site's bridge up again; its routes to pods went with it."""
    site = next(site for site in SITES if site.name == name)
    lines = [f"link set {name} up", *(f"route replace {host.pods} via {host.address}" for host in site.workers)]
    run("ip", "-batch", "-", stdin="\n".join(lines) + "\n")
    stand_in.link("heal")
