"""The hosts of a libpq URL: in which order they are tried, and their addresses."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from itertools import zip_longest
from typing import Any, NamedTuple

import psycopg2


class Host(NamedTuple):
    """One place where a server may be, in libpq's words; an empty string is libpq's default."""

    host: str
    hostaddr: str
    port: str

    def addresses(self) -> list[Host]:
        """Itself once for each address its name has; a socket's folder and an address stand for themselves."""
        if self.hostaddr or not self.host or self.host.startswith(("/", "@")):
            return [self]
        found = socket.getaddrinfo(self.host, None, type=socket.SOCK_STREAM)
        return [self._replace(hostaddr=str(address[0])) for *_, address in found]


def hosts_of(parameters: Mapping[str, Any]) -> list[Host]:
    """The hosts that the parameters of a connection name, at least one."""
    names, addresses, ports = (str(parameters.get(name, "")).split(",") for name in Host._fields)
    if len(ports) == 1:  # one port is that of every host
        ports *= max(len(names), len(addresses))
    return [Host(*host) for host in zip_longest(names, addresses, ports, fillvalue="")]


def resolved(hosts: list[Host]) -> list[Host]:
    """The same by address, without those whose name is not known. Raises psycopg2.OperationalError when none is.

    libpq would look the names up itself, and stop every greenlet of the process meanwhile.
    """
    known, problem = [], None
    for host in hosts:
        try:
            known += host.addresses()
        except OSError as unknown:
            problem = unknown
    if not known:
        raise psycopg2.OperationalError(f"no address is known of the database's host: {problem}") from problem
    return known


def joined(hosts: list[Host], first: int) -> dict[str, str]:
    """libpq's parameters for trying them one after the other, beginning at number `first`, counted round and round."""
    first %= len(hosts)
    columns = zip(*hosts[first:], *hosts[:first], strict=True)
    return {name: ",".join(column) for name, column in zip(Host._fields, columns, strict=True) if any(column)}
