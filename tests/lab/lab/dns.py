"""The names of a site: answers for services and for the pods behind them, from the endpoints in the API server.

Every service resolves to its pods, also one with a cluster address: the lab has no kube-proxy, and nothing would listen
there. Only IPv4; other kinds of records are empty, other names do not exist.
"""

import socket
import struct
import threading
from contextlib import suppress
from pathlib import Path

from .api import Api, Mirror
from .settings import DNS_DOMAIN

DOMAIN = ("svc", *DNS_DOMAIN.split("."))
TTL = 1
A, NO_ERROR, NO_SUCH_NAME = 1, 0, 3


class Names:
    """What the names of services and pods resolve to."""

    def __init__(self, api: Api):
        self.endpoints = Mirror(api, "/api/v1/endpoints", threading.Event())

    def resolve(self, labels: list[str]) -> list[str] | None:
        """The addresses of `[pod.]service.namespace.svc.cluster.local`; None if there is no such name."""
        labels = [label.lower() for label in labels]
        if tuple(labels[-3:]) != DOMAIN or len(labels) not in (5, 6):
            return None
        *pod, service, namespace = labels[:-3]
        found = self.endpoints.objects.get((namespace, service))
        if found is None:
            return None
        # A headless service may publish members that are not ready: the API server lists them among the ready then.
        addresses = [one for subset in found.get("subsets") or [] for one in subset.get("addresses") or []]
        if pod:
            addresses = [one for one in addresses if one.get("hostname") == pod[0]]
        return [one["ip"] for one in addresses] if addresses or not pod else None


def question(query: bytes) -> tuple[list[str], int, int]:
    """The name and the kind that a query asks for, and where the question ends."""
    labels, at = [], 12
    while length := query[at]:
        labels.append(query[at + 1 : at + 1 + length].decode("ascii", "replace"))
        at += 1 + length
    kind, _ = struct.unpack_from("!HH", query, at + 1)
    return labels, kind, at + 5


def answer(query: bytes, names: Names) -> bytes:
    """The reply to a query."""
    labels, kind, end = question(query)
    addresses = names.resolve(labels)
    code = NO_SUCH_NAME if addresses is None else NO_ERROR
    records = [socket.inet_aton(one) for one in addresses or []] if kind == A else []
    # A response, authoritative, recursion as desired and available.
    (flags,) = struct.unpack_from("!H", query, 2)
    header = query[:2] + struct.pack("!HHHHH", 0x8480 | flags & 0x0100 | code, 1, len(records), 0, 0)
    return header + query[12:end] + b"".join(struct.pack("!HHHIH", 0xC00C, A, 1, TTL, 4) + one for one in records)


def main() -> None:
    names = Names(Api.of(Path("/etc/kubernetes")))
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("0.0.0.0", 53))
    while True:
        query, sender = server.recvfrom(512)
        with suppress(IndexError, struct.error):  # it was not a query
            server.sendto(answer(query, names), sender)


if __name__ == "__main__":
    main()
