"""The NOTIFYs of real PBXs (Asterisk 22, FreeSWITCH 1.10), read one after another."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from sipclient.presence import (
    Applied,
    DialogInfo,
    DialogTable,
    MessageWaiting,
    Presence,
    State,
    merge,
    parse,
)

DATA = Path(__file__).parent / "data"
READY, RINGING, PHONE, HOLD, OFFLINE, UNKNOWN = State


class Notify(msgspec.Struct):
    event: str
    watched: str
    call_id: str
    content_type: str
    body: bytes


def notifies(name: str) -> Iterator[Notify]:
    for raw in re.split(rb"\r?\n=======\r?\n", (DATA / name).read_bytes()):
        head, *rest = re.split(rb"\r?\n\r?\n", raw.lstrip(), maxsplit=1)
        body = rest[0] if rest else b""
        fields = dict(re.findall(r"^([\w-]+): *(.*?)\r?$", head.decode(), re.MULTILINE))
        watched = re.search(r"sip:([^@;>]+)", fields["From"])
        assert watched is not None
        yield Notify(fields.get("Event", ""), watched[1], fields["Call-ID"], fields.get("Content-Type", ""), body)


@pytest.mark.parametrize(
    ("name", "states"),
    [
        ("asterisk-notify-pidf.txt", [READY, RINGING, PHONE, READY, RINGING, READY, OFFLINE]),
        # xpidf, and what Asterisk calls CPIM, cannot tell ringing from on the phone.
        ("asterisk-notify-xpidf.txt", [READY, PHONE, PHONE, READY, PHONE, READY, OFFLINE]),
        ("asterisk-notify-cpim.txt", [READY, PHONE, PHONE, READY, PHONE, READY, OFFLINE]),
        (
            "asterisk-notify-hold.txt",
            [READY, RINGING, PHONE, RINGING, HOLD, PHONE, OFFLINE, READY],
        ),
        (
            "freeswitch-notify-call.txt",
            [OFFLINE, READY, RINGING, PHONE, READY, RINGING, READY, OFFLINE],
        ),
        ("freeswitch-notify-queue.txt", [READY, OFFLINE, OFFLINE]),
    ],
)
def test_presence(name: str, states: list[State]) -> None:
    read = [parse(notify.content_type, notify.body) for notify in notifies(name) if notify.event == "presence"]
    assert all(isinstance(value, Presence) for value in read)
    assert [value.state for value in read if isinstance(value, Presence)] == states
    assert {value.entity.partition("@")[0] for value in read if isinstance(value, Presence)} <= {
        "sip:1001",
        "sip:1002",
        "sip:1050",
    }


@pytest.mark.parametrize(
    ("name", "watched", "states"),
    [
        (
            "asterisk-notify-dialog.txt",
            "1001",
            [READY, RINGING, PHONE, READY, RINGING, READY, READY, READY, READY, READY],
        ),
        ("asterisk-notify-hold.txt", "1050", [READY, RINGING, PHONE, RINGING, HOLD, PHONE, READY, READY]),
        ("freeswitch-notify-call.txt", "1002", [READY, READY, READY, RINGING, PHONE, READY, RINGING, READY, READY]),
        ("freeswitch-notify-call.txt", "nobody", [READY]),
        ("freeswitch-notify-queue.txt", "agent1", [READY, RINGING, PHONE, READY, RINGING, PHONE, READY]),
        ("freeswitch-notify-queue.txt", "7000", [READY, PHONE, READY]),
        ("freeswitch-notify-queue.txt", "park+queue", [READY]),
    ],
)
def test_dialogs(name: str, watched: str, states: list[State]) -> None:
    table = DialogTable()
    told = []
    for notify in notifies(name):
        if notify.event == "dialog" and notify.watched == watched:
            info = parse(notify.content_type, notify.body)
            assert isinstance(info, DialogInfo)
            assert info.full
            assert table.apply(info) is Applied.APPLIED
            told.append(table.state)
    assert told == states


def test_the_two_packages_merged_tell_no_false_ready() -> None:
    """The extension drops off while on the phone: Asterisk's dialog says terminated, its presence offline."""
    table, presence = DialogTable(), UNKNOWN
    told: list[State] = []
    for notify in notifies("asterisk-notify-hold.txt"):
        if notify.watched != "1050":
            continue
        value = parse(notify.content_type, notify.body)
        if isinstance(value, DialogInfo):
            table.apply(value)
        elif isinstance(value, Presence):
            presence = value.state
        state = merge(presence, table.state)
        if not told or told[-1] is not state:
            told.append(state)
    assert told == [UNKNOWN, READY, RINGING, PHONE, RINGING, HOLD, PHONE, OFFLINE, READY]


def test_the_parties_of_a_ringing_call() -> None:
    bodies = list(notifies("asterisk-notify-dialog.txt"))
    info = parse(bodies[1].content_type, bodies[1].body)
    assert isinstance(info, DialogInfo)
    (entry,) = info.dialogs
    assert (entry.id, entry.state, entry.direction) == ("1001", "early", "recipient")
    assert entry.remote_display == "Bob Lab"
    assert entry.remote_uri == "sip:1002@127.0.0.1"
    assert entry.local_uri == "sip:1001@127.0.0.1"
    table = DialogTable()
    table.apply(info)
    assert table.foremost == entry
    assert table.note == "Bob Lab"


def test_message_summaries() -> None:
    read = [parse(notify.content_type, notify.body) for notify in notifies("asterisk-notify-mwi.txt")]
    assert all(isinstance(value, MessageWaiting) for value in read)
    counts = [(value.waiting, value.new, value.old) for value in read if isinstance(value, MessageWaiting)]
    assert counts[:3] == [(False, 0, 0), (True, 3, 1), (False, 0, 4)]
    assert {value.account for value in read if isinstance(value, MessageWaiting)} == {"sip:*97@127.0.0.1:15060"}


def test_an_unsolicited_notify_for_the_telephone_has_no_body() -> None:
    (notify,) = notifies("asterisk-notify-unsolicited.txt")
    assert (notify.event, notify.body.strip(), notify.content_type) == ("check-sync", b"", "")
