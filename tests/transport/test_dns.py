"""RFC 3263 against a name server of the test's own: which questions are asked, and which targets come, in order."""

from __future__ import annotations

import random
import socket
import time
from typing import Any

import dns.asyncresolver
import dns.resolver
import pytest

from sipclient.protocol.events import Resolve, Resolved, Target
from sipclient.transport import Resolver
from sipclient.transport.dns import pinned

ZONE: dict[str, list[str] | None] = {
    "example.com. NAPTR": [
        '20 10 "s" "SIP+D2T" "" _sip._tcp.example.com.',
        '10 10 "s" "SIP+D2U" "" _sip._udp.example.com.',
        '30 10 "s" "SIPS+D2T" "" _sips._tcp.example.com.',
        '5 10 "s" "E2U+web" "" _web._tcp.example.com.',
    ],
    "_sip._udp.example.com. SRV": ["20 0 5060 backup.example.com.", "10 0 5070 main.example.com."],
    "_sip._tcp.example.com. SRV": ["10 0 5060 main.example.com."],
    "_sips._tcp.example.com. SRV": ["10 0 5061 main.example.com."],
    "main.example.com. A": ["192.0.2.1"],
    "main.example.com. AAAA": ["2001:db8::1"],
    "backup.example.com. A": ["192.0.2.2"],
    "secure.example. NAPTR": [
        '10 10 "s" "SIPS+D2T" "" _sips._tcp.secure.example.',
        '20 10 "s" "SIP+D2U" "" _sip._udp.secure.example.',
    ],
    "_sips._tcp.secure.example. SRV": ["10 0 5061 main.example.com."],
    "_sip._udp.secure.example. SRV": ["10 0 5060 main.example.com."],
    "srv.example. A": ["192.0.2.9"],
    "_sip._tcp.srv.example. SRV": ["10 0 5062 main.example.com."],
    "plain.example. A": ["192.0.2.10"],
    "plain.example. AAAA": ["2001:db8::10"],
    "none.example. A": ["192.0.2.11"],
    "_sip._udp.none.example. SRV": ["0 0 0 ."],
    "empty.example. TXT": ["x"],
    "_sip._udp.literal.example. SRV": ["0 0 5060 192.0.2.44."],
}


@pytest.mark.parametrize(
    ("server", "targets"),
    [
        # NAPTR says UDP first, then TCP; SRV says which host first; a host's addresses follow each other.
        (
            "sip:robot@example.com",
            [
                "udp:192.0.2.1:5070/example.com",
                "udp:2001:db8::1:5070/example.com",
                "udp:192.0.2.2:5060/example.com",
                "tcp:192.0.2.1:5060/example.com",
                "tcp:2001:db8::1:5060/example.com",
                "tls:192.0.2.1:5061/example.com",
                "tls:2001:db8::1:5061/example.com",
            ],
        ),
        # The certificate must speak for the domain, not for the host that SRV names (RFC 5922 §7.3).
        ("sips:robot@example.com", ["tls:192.0.2.1:5061/example.com", "tls:2001:db8::1:5061/example.com"]),
        ("tls:example.com", ["tls:192.0.2.1:5061/example.com", "tls:2001:db8::1:5061/example.com"]),
        ("sip:example.com;transport=tcp", ["tcp:192.0.2.1:5060/example.com", "tcp:2001:db8::1:5060/example.com"]),
        # TLS preferred: nothing in the clear behind it.
        ("sip:secure.example", ["tls:192.0.2.1:5061/secure.example", "tls:2001:db8::1:5061/secure.example"]),
        # No NAPTR: the services are asked for one by one.
        ("sip:srv.example", ["tcp:192.0.2.1:5062/srv.example", "tcp:2001:db8::1:5062/srv.example"]),
        ("udp:srv.example", ["udp:192.0.2.9:5060/srv.example"]),
        # Neither NAPTR nor SRV: addresses and the default port.
        ("sip:plain.example", ["udp:192.0.2.10:5060/plain.example", "udp:2001:db8::10:5060/plain.example"]),
        ("sips:plain.example", ["tls:192.0.2.10:5061/plain.example", "tls:2001:db8::10:5061/plain.example"]),
        ("plain.example", ["udp:192.0.2.10:5060/plain.example", "udp:2001:db8::10:5060/plain.example"]),
        # "." says: no such service here, and only that service (RFC 2782).
        ("tcp:none.example", ["tcp:192.0.2.11:5060/none.example"]),
        # A port: addresses only.
        ("sip:example.com:5999;maddr=srv.example", ["udp:192.0.2.9:5999/example.com"]),
        ("tls:main.example.com:5999", ["tls:192.0.2.1:5999/main.example.com", "tls:2001:db8::1:5999/main.example.com"]),
        # Wrong, but seen: an address where SRV wants a name.
        ("udp:literal.example", ["udp:192.0.2.44:5060/literal.example"]),
        # A WebSocket URI names a host and a port, as HTTP's do.
        ("wss://plain.example/ws", ["wss:192.0.2.10:443/plain.example", "wss:2001:db8::10:443/plain.example"]),
    ],
)  # fmt: skip
async def test_targets_in_order(make_names: Any, server: str, targets: list[str]) -> None:
    names = await make_names(ZONE)
    assert await names.resolve(server) == (targets, "")


@pytest.mark.parametrize(
    ("server", "target"),
    [
        ("udp:192.0.2.10:5060", "udp:192.0.2.10:5060/192.0.2.10"),
        ("tls:[2001:DB8::1]", "tls:2001:db8::1:5061/2001:db8::1"),
        ("sip:robot@192.0.2.10", "udp:192.0.2.10:5060/192.0.2.10"),
        ("sips:192.0.2.10", "tls:192.0.2.10:5061/192.0.2.10"),
    ],
)
async def test_an_address_asks_nobody(make_names: Any, server: str, target: str) -> None:
    names = await make_names({})
    assert await names.resolve(server) == ([target], "")
    assert names.server.asked == []


async def test_localhost_asks_nobody(make_names: Any) -> None:
    names = await make_names({})
    targets, _ = await names.resolve("udp:localhost:5080")
    assert targets == ["udp:127.0.0.1:5080/localhost", "udp:::1:5080/localhost"]
    assert names.server.asked == []


async def test_the_hosts_file_wins_and_asks_nobody(make_names: Any) -> None:
    names = await make_names(ZONE, hosts="192.0.2.77  Example.com  pbx # main\n\nnonsense example.com\n")
    assert await names.resolve("sip:example.com") == (["udp:192.0.2.77:5060/example.com"], "")
    assert await names.resolve("tls:pbx") == (["tls:192.0.2.77:5061/pbx"], "")
    assert names.server.asked == []


def test_pinned_names() -> None:
    text = "127.0.0.1 localhost loop\n::1 localhost\n# 192.0.2.1 gone\n192.0.2.2 x#y\n2001:DB8::1 v6\n"
    assert pinned(text, "localhost") == ("127.0.0.1", "::1")
    assert pinned(text, "x") == ("192.0.2.2",)
    assert pinned(text, "v6") == ("2001:db8::1",)
    assert pinned(text, "gone") == pinned(text, "y") == ()


async def test_a_bound_family_leaves_the_other_out(make_names: Any) -> None:
    names = await make_names(ZONE)
    six = await names.resolve("udp:plain.example", family=socket.AF_INET6)
    assert six == (["udp:2001:db8::10:5060/plain.example"], "")
    targets, reason = await names.resolve("udp:srv.example", family=socket.AF_INET6)
    assert (targets, reason) == ([], "srv.example has no address of the family that `local` binds")


@pytest.mark.parametrize(
    ("zone", "server", "reason"),
    [
        ({}, "udp:nowhere.example", "the name nowhere.example does not exist"),
        ({"empty.example. TXT": ["x"]}, "udp:empty.example", "empty.example has no address"),
        (ZONE, "udp:none.example", "none.example says that it does not offer SIP over udp"),
        ({"x": []}, "udp:", "'udp:': '' is not a host name or address"),
        ({"a" * 64 + ".example": []}, "udp:" + "a" * 64 + ".example", "is not a host name or address"),
    ],
)
async def test_why_there_is_no_target(make_names: Any, zone: Any, server: str, reason: str) -> None:
    names = await make_names(zone)
    targets, words = await names.resolve(server)
    assert targets == []
    assert reason in words


async def test_name_servers_that_all_sleep_cost_no_more_than_the_limit(make_names: Any) -> None:
    names = await make_names({}, patience=0.2)
    names.server.zone = _Asleep()
    targets, words = await names.resolve("sip:slow.example")
    assert (targets, words) == ([], "no name server answered for slow.example")


class _Asleep(dict[str, None]):
    """A zone in which every question goes unanswered."""

    def get(self, key: str, default: object = None) -> None:
        return None


async def test_a_name_that_dns_cannot_carry(make_names: Any) -> None:
    names = await make_names({})
    targets, words = await names.resolve("udp:" + "ü" * 60 + ".example:5060")
    assert targets == []
    assert "cannot be looked up" in words


async def test_a_machine_without_resolv_conf(monkeypatch: pytest.MonkeyPatch) -> None:
    real = dns.asyncresolver.Resolver

    def without(configure: bool = True) -> Any:
        if configure:
            raise dns.resolver.NoResolverConfiguration
        return real(configure=False)

    monkeypatch.setattr(dns.asyncresolver, "Resolver", without)
    targets, reason = await Resolver(ask_system=False).resolve("udp:192.0.2.1")
    assert (targets, reason) == ((Target("udp", "192.0.2.1", 5060, "192.0.2.1"),), "")


async def test_a_dead_name_server_is_said_in_words(make_names: Any) -> None:
    names = await make_names({f"dead.example. {kind}": None for kind in ("A", "AAAA")}, patience=0.4)
    targets, words = await names.resolve("udp:dead.example:5060")
    assert (targets, words) == ([], "no name server answered for dead.example")


async def test_a_name_server_that_knows_addresses_but_no_srv(make_names: Any) -> None:
    zone: dict[str, list[str] | None] = {"half.example. A": ["192.0.2.5"], "_sip._udp.half.example. SRV": None}
    names = await make_names(zone, patience=0.8)
    assert await names.resolve("udp:half.example") == (["udp:192.0.2.5:5060/half.example"], "")


async def test_weights_are_drawn_from_the_injected_source(make_names: Any) -> None:
    zone: dict[str, list[str] | None] = {
        "_sip._udp.w.example. SRV": ["1 10 5060 a.w.example.", "1 30 5060 b.w.example."]
    }
    zone |= {"a.w.example. A": ["192.0.2.1"], "b.w.example. A": ["192.0.2.2"]}
    orders = set()
    for seed in range(8):
        targets, _ = await (await make_names(zone, seed=seed)).resolve("udp:w.example")
        first = "192.0.2.1" if random.Random(seed).randint(0, 40) <= 10 else "192.0.2.2"
        assert targets[0] == f"udp:{first}:5060/w.example"
        assert len(targets) == 2
        orders.add(first)
    assert len(orders) == 2


async def test_answers_are_kept_for_their_time(make_names: Any) -> None:
    names = await make_names(ZONE, ttl=60)
    first = await names.resolve("sip:example.com")
    asked = len(names.server.asked)
    assert await names.resolve("sip:example.com") == first
    assert len(names.server.asked) == asked


async def test_answers_without_time_are_not_kept(make_names: Any) -> None:
    names = await make_names({"plain.example. A": ["192.0.2.10"]}, ttl=0)
    for count in (1, 2):
        await names.resolve("udp:plain.example:5060")
        assert names.server.asked.count("plain.example. A") == count


async def test_no_answer_is_believed_longer_than_the_limit(make_names: Any) -> None:
    names = await make_names({"plain.example. A": ["192.0.2.10"]}, ttl=86400 * 30)
    await names.resolve("udp:plain.example:5060")
    cache = names._resolver._asking.cache
    kept = [node.value.expiration for node in cache.data.values()]
    assert kept
    assert max(kept) <= time.time() + 3600


async def test_a_thousand_records_are_cut(make_names: Any) -> None:
    zone: dict[str, list[str] | None] = {
        "_sip._udp.big.example. SRV": [f"{n} 0 5060 h{n % 3}.big.example." for n in range(60)],
        **{f"h{n}.big.example. A": [f"192.0.2.{n * 20 + k}" for k in range(20)] for n in range(3)},
    }
    targets, _ = await (await make_names(zone)).resolve("udp:big.example")
    assert len(targets) == 32


async def test_the_network_answers_resolve(make_network: Any, make_names: Any) -> None:
    names = await make_names(ZONE)
    network, inbox = make_network(resolver=names._resolver)
    network.perform(Resolve(7, "tcp:none.example", "a"))
    network.perform(Resolve(8, "udp:nowhere.example", "a"))
    answers = {answer.request: answer for answer in await inbox.until(Resolved, 2)}
    assert answers[7] == Resolved(7, (Target("tcp", "192.0.2.11", 5060, "none.example"),))
    assert answers[8] == Resolved(8, (), "the name nowhere.example does not exist")


async def test_the_system_is_asked_last(monkeypatch: pytest.MonkeyPatch) -> None:
    asking = dns.asyncresolver.Resolver(configure=False)
    asking.nameservers = []
    real = socket.getaddrinfo

    def system(host: str, *arguments: Any, **options: Any) -> Any:
        if host != "printer.local":
            return real(host, *arguments, **options)
        return [(0, 0, 0, "", (address, 0)) for address in ("2001:db8::5", "192.0.2.5", "192.0.2.5")]

    monkeypatch.setattr(socket, "getaddrinfo", system)
    targets, reason = await Resolver(asking, hosts_file="/dev/null").resolve("udp:printer.local:5060")
    assert ([target.host for target in targets], reason) == (["192.0.2.5", "2001:db8::5"], "")


async def test_without_any_name_server() -> None:
    asking = dns.asyncresolver.Resolver(configure=False)
    asking.nameservers = []
    resolver = Resolver(asking, hosts_file="/nonexistent", ask_system=False)
    targets, reason = await resolver.resolve("udp:pbx.example.com:5060")
    assert targets == ()
    assert "pbx.example.com" in reason
