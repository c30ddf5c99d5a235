"""sdp-transform as an independent reader: it must see in every row, and in all we write, what we see.

Where it is known to be wrong it is asked otherwise, and a test of its own holds each fault, so that a better
version of it is noticed:

1. text that looks like a number becomes one: `ice-ufrag:0123` is 123, `33e0` is 33.0;
2. `a=candidate` loses its extensions but generation, network-id and network-cost;
3. of an attribute that stands twice only the last remains (fingerprints, ice-options);
4. `m=audio 49170/2` loses its kind, port and formats;
5. of `a=ice-options` only the first word is read;
6. a fingerprint or suite that makes no sense is taken as it stands: nothing is validated.
"""

from __future__ import annotations

from typing import Any

import pytest
import sdp_transform

from sipclient.sdp import Answer, MediaDescription, SessionDescription, make_offer, negotiate, parse
from sipclient.sdp.ice import ice_of, read_candidate
from sipclient.sdp.sdes import keys_of
from tests.sdp.able import SETS
from tests.sdp.rows import Row, rows

_DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")


def same(theirs: Any, ours: str | int | None) -> bool:
    """Whether the oracle's value is ours, allowing for fault 1."""
    if theirs is None or ours is None:
        return theirs is None and ours is None
    if isinstance(theirs, str):
        return theirs == str(ours)
    return float(theirs) == float(ours)  # a number: was it one?


def agree(text: str, description: SessionDescription) -> None:
    """Raise AssertionError where the two read the text differently."""
    oracle = sdp_transform.parse(text)
    origin = description.origin
    if origin is not None:
        told = oracle["origin"]
        assert same(told["username"], origin.username) and same(told["sessionId"], origin.session_id)
        assert same(told["sessionVersion"], origin.version) and told["address"] == origin.address
    connection = description.session.own_connection
    if connection is not None:
        told = oracle["connection"]
        assert (f"IP{told['version']}", told["ip"].partition("/")[0]) == (connection.family, connection.address)
    groups = [tuple(str(group["mids"]).split()) for group in oracle.get("groups", []) if group["type"] == "BUNDLE"]
    assert groups == list(description.bundles)
    assert len(oracle["media"]) == len(description.media)
    for told, media in zip(oracle["media"], description.media, strict=True):
        _media(told, media)


def _media(told: dict[str, Any], media: MediaDescription) -> None:
    assert (told["type"], told["port"], told["protocol"].upper()) == (media.kind, media.port, media.proto)
    assert same(told.get("payloads", ""), " ".join(media.formats))
    if media.kind == "audio":
        maps = {one["payload"]: one for one in told["rtp"]}
        for payload in media.payloads:
            if payload.number in maps:  # it knows of no static payload types
                one = maps[payload.number]
                assert (one["codec"], one["rate"]) == (payload.name, payload.clock)
                assert one.get("encoding", 1) == payload.channels
        fmtp = {one["payload"]: str(one["config"]) for one in reversed(told["fmtp"])}
        assert all(fmtp.get(payload.number, "") == payload.fmtp for payload in media.payloads)
    own = media.own_direction
    assert told.get("direction") == (own.value if own else None)
    for name, attribute in (("mid", "mid"), ("iceUfrag", "ice-ufrag"), ("icePwd", "ice-pwd"), ("setup", "setup")):
        found = media.first(attribute)
        assert same(told.get(name), found.value if found else None)
    for name in ("ptime", "maxptime"):
        assert told.get(name) == media.number(name)
    assert ("rtcpMux" in told) == (media.first("rtcp-mux") is not None)
    rtcp = media.rtcp
    if rtcp is not None:
        assert told["rtcp"]["port"] == rtcp.port and told["rtcp"].get("address", "") == rtcp.address
    _protected(told, media)


def _protected(told: dict[str, Any], media: MediaDescription) -> None:
    fingerprints = media.all("fingerprint")
    if fingerprints:  # the last: fault 3
        assert f"{told['fingerprint']['type']} {told['fingerprint']['hash']}" == fingerprints[-1].value
    for crypto, key in zip(told.get("crypto", []), media.all("crypto"), strict=True):
        assert key.value.split()[:3] == [str(crypto["id"]), crypto["suite"], str(crypto["config"])]
    found = [candidate for line in media.all("candidate") if (candidate := read_candidate(line.value))]
    seen = [one for one in told.get("candidates", []) if "ip" in one]
    assert len(found) == len(seen)
    for ours, theirs in zip(found, seen, strict=True):
        assert same(theirs["foundation"], ours.foundation)
        assert (theirs["component"], theirs["priority"], theirs["port"]) == (ours.component, ours.priority, ours.port)
        assert (theirs["protocol"].lower(), theirs["ip"], theirs["type"]) == (ours.transport, ours.host, ours.kind)
        assert theirs.get("raddr", "") == ours.related_host


ROWS = rows()


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_both_see_the_same_in_what_others_write(row: Row) -> None:
    agree(row.offer, parse(row.offer))


@pytest.mark.parametrize("row", [row for row in ROWS if row.answer], ids=str)
def test_both_see_the_same_in_what_we_answer(row: Row) -> None:
    result = negotiate(parse(row.offer), SETS[row.able])
    assert isinstance(result, Answer)
    agree(str(result.description), result.description)


@pytest.mark.parametrize("able", SETS)
def test_both_see_the_same_in_what_we_offer(able: str) -> None:
    offer = make_offer(SETS[able])
    agree(str(offer), offer)


HEAD = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n"


def both(line: str, m_line: str = "m=audio 9 RTP/AVP 0") -> tuple[dict[str, Any], MediaDescription]:
    text = f"{HEAD}{m_line}\r\n{line}\r\n"
    return sdp_transform.parse(text)["media"][0], parse(text).media[0]


@pytest.mark.parametrize(("written", "read"), [("0123", 123), ("33e0", 33.0), ("1_0", 10), ("nan", None)])
def test_fault_1_text_that_looks_like_a_number(written: str, read: float | None) -> None:
    told, media = both(f"a=ice-ufrag:{written}\r\na=ice-pwd:x")
    assert told["iceUfrag"] != written and (read is None or told["iceUfrag"] == read)
    ice = ice_of(media)
    assert ice is not None and ice.ufrag == written


def test_fault_2_candidates_lose_their_extensions() -> None:
    line = "a=candidate:1 1 tcp 1 192.0.2.1 9 typ host tcptype active generation 0 ufrag x"
    told, media = both(line)
    assert "tcptype" not in told["candidates"][0] and "generation" not in told["candidates"][0]
    candidate = read_candidate(media.value("candidate"))
    assert candidate is not None and f"a=candidate:{candidate}" == line


def test_fault_3_only_the_last_of_two_remains() -> None:
    told, media = both("a=fingerprint:sha-512 AA\r\na=fingerprint:sha-256 BB")
    assert told["fingerprint"] == {"type": "sha-256", "hash": "BB"}
    assert len(media.all("fingerprint")) == 2


def test_fault_4_a_count_of_ports() -> None:
    told, media = both("a=x", "m=audio 49170/2 RTP/AVP 0")
    assert "type" not in told
    assert (media.kind, media.port, media.port_count) == ("audio", 49170, 2)


def test_fault_5_the_second_option_of_ice() -> None:
    told, media = both("a=ice-options:ice2 trickle\r\na=ice-ufrag:x\r\na=ice-pwd:y")
    assert told["iceOptions"] == "ice2"
    ice = ice_of(media)
    assert ice is not None and ice.trickle


def test_fault_6_nothing_is_validated() -> None:
    told, media = both("a=crypto:1 NONSENSE inline:x\r\na=fingerprint:md5 x")
    assert told["crypto"][0]["suite"] == "NONSENSE" and told["fingerprint"]["type"] == "md5"
    assert keys_of(media)[0] == []
