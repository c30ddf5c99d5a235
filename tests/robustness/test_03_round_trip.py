"""Robustness 3, round trip: parse, write and parse again gives an equal message, and an equal URI."""

from __future__ import annotations

import random
import re
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from robustness.common import share
from robustness.mutations import mutate, torture

from sipclient.message import MalformedMessage, Message, Request, check, parse, parse_name_addr, parse_uri

CAPTURES = Path(__file__).parent.parent / "presence" / "data"
PROPERTIES = [name for name, value in vars(Message).items() if isinstance(value, property)]


def meaning(message: Message, name: str) -> object:
    """What a typed header says, or that it cannot be read."""
    try:
        return getattr(message, name)
    except MalformedMessage as error:
        return error.reason


def same(data: bytes) -> bool:
    """Whether the bytes are a message; its round trip must lose nothing."""
    try:
        message = parse(data)
    except MalformedMessage:
        return False
    again = parse(bytes(message))
    assert again == message
    assert bytes(again) == bytes(message)
    assert again.body == message.body
    for name in PROPERTIES:
        assert meaning(again, name) == meaning(message, name), name
    if isinstance(message, Request) and isinstance(again, Request):
        assert again.uri_text == message.uri_text
    return True


def test_messages_survive_and_so_does_each_typed_header() -> None:
    rng, seeds = random.Random(5), torture()
    assert sum(map(same, seeds)) > 40
    kept = sum(same(mutate(rng, seeds)) for _ in range(share(6_000, 300_000)))
    assert kept > share(1_000, 50_000)  # or the mutations break too much to show anything


def test_what_survived_once_is_judged_the_same_again() -> None:
    rng, seeds = random.Random(6), torture()
    for _ in range(share(3_000, 100_000)):
        data = mutate(rng, seeds)
        try:
            message = parse(data)
            check(message)
        except MalformedMessage:
            continue
        check(parse(bytes(message)))


_USER = r"[A-Za-z0-9\-_.!~*'()&=+$,;?/%#:]{0,12}"
_URI = st.one_of(
    st.from_regex(rf"sips?:({_USER}@)?[a-z0-9.\-\[\]:]{{1,20}}(:[0-9]{{1,5}})?(;[a-z=%0-9]{{1,8}})*", fullmatch=True),
    st.from_regex(r"tel:\+?[0-9\-.()#*a-f]{1,16}(;[a-z\-]{1,9}(=[a-z0-9+]{1,8})?)*", fullmatch=True),
    st.from_regex(r"[a-z][a-z0-9+.\-]{0,8}:[!-~]{0,20}", fullmatch=True),
    st.text(max_size=40),
)


@settings(max_examples=share(400, 50_000), deadline=None, suppress_health_check=list(HealthCheck))
@given(_URI)
@example("sip:#%41@h")  # found when soaking: a raw # beside an escape
def test_uris_survive(text: str) -> None:
    try:
        uri = parse_uri(text)
    except MalformedMessage:
        return
    again = parse_uri(str(uri))
    assert str(again) == str(uri)
    assert again == uri


@settings(max_examples=share(300, 50_000), deadline=None)
@given(st.text(max_size=20), _URI, st.sampled_from(["", ";tag=1", ';x="a;b"', ";lr;q=0.5"]))
def test_addresses_survive(name: str, uri: str, params: str) -> None:
    try:
        address = parse_name_addr(f"{name} <{uri}>{params}")
    except MalformedMessage:
        return
    assert parse_name_addr(str(address)) == address


def captured() -> list[bytes]:
    """The NOTIFYs of real PBXs, their lines ended as they were on the wire."""
    messages = []
    for path in sorted(CAPTURES.glob("*.txt")):
        for raw in re.split(rb"\r?\n=======\r?\n", path.read_bytes()):
            head, *rest = re.split(rb"\r?\n\r?\n", raw.lstrip(), maxsplit=1)
            lines = [line for line in head.splitlines() if not line.lower().startswith(b"content-length")]
            messages.append(b"\r\n".join(lines) + b"\r\n\r\n" + b"".join(rest))
    return messages


def test_the_notifies_of_real_pbxs_survive() -> None:
    messages = captured()
    assert len(messages) > 20
    assert all(map(same, messages))
