"""The hosts of a database URL."""

from __future__ import annotations

import psycopg2
import pytest
from psycopg2.extensions import parse_dsn

from reviva.database.hosts import Host, hosts_of, joined, resolved


def test_one_host() -> None:
    assert hosts_of(parse_dsn("postgresql://u@db.example:5433/shop")) == [Host("db.example", "", "5433")]


def test_no_host_is_left_to_libpq() -> None:
    hosts = hosts_of(parse_dsn("postgresql:///shop"))
    assert joined(resolved(hosts), 0) == {}


def test_several_hosts_keep_their_ports() -> None:
    hosts = hosts_of(parse_dsn("postgresql://a:1,b:2,c:3/shop"))
    assert joined(hosts, 0) == {"host": "a,b,c", "port": "1,2,3"}
    assert joined(hosts, 2) == {"host": "c,a,b", "port": "3,1,2"}
    assert joined(hosts, 4) == joined(hosts, 1)


def test_one_port_is_that_of_each_host() -> None:
    assert joined(hosts_of({"host": "a,b", "port": "6432"}), 1) == {"host": "b,a", "port": "6432,6432"}


def test_addresses_that_are_given_are_not_looked_up() -> None:
    hosts = hosts_of({"host": "one.invalid,two.invalid", "hostaddr": "127.0.0.1,127.0.0.2"})
    assert resolved(hosts) == hosts


def test_a_name_becomes_its_addresses_and_stays_for_the_certificate() -> None:
    assert Host("localhost", "127.0.0.1", "5432") in resolved([Host("localhost", "", "5432")])


def test_a_socket_folder_is_no_name() -> None:
    assert resolved([Host("/run/postgresql", "", "")]) == [Host("/run/postgresql", "", "")]


def test_an_unknown_name_is_left_out_while_another_is_known() -> None:
    assert resolved([Host("nowhere.invalid", "", ""), Host("127.0.0.1", "", "")]) == [
        Host("127.0.0.1", "127.0.0.1", "")
    ]


def test_no_known_name_at_all_is_as_a_server_that_is_away() -> None:
    with pytest.raises(psycopg2.OperationalError):
        resolved([Host("nowhere.invalid", "", "")])
