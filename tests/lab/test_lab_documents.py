"""The lab's presence documents: byte for byte those of the captures, and read back by our own readers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from sipclient.lab.documents import DIALOG_INFO, PIDF, SUMMARY, dialog_info, pidf, summary
from sipclient.lab.values import Dialect, Dialog, View
from sipclient.presence import DialogInfo, DialogTable, MessageWaiting, Presence, State, parse

DATA = Path(__file__).parents[1] / "presence" / "data"
READY, RINGING, PHONE, HOLD, OFFLINE, _ = State
STATES = (READY, RINGING, PHONE, HOLD, OFFLINE)
BUSY = (RINGING, PHONE, HOLD)
BOB = Dialog("1001-1", RINGING, False, "1002", "Bob Lab")


def captured(name: str, extension: str) -> set[str]:
    """Every body about an extension, without the port in its addresses and with version 0."""
    found = set()
    for raw in (DATA / name).read_text().replace("\r\n", "\n").split("\n=======\n"):
        head, _, body = raw.strip().partition("\n\n")
        if f"<sip:{extension}@" in head:
            found.add(re.sub(r'version="\d+" state', 'version="0" state', body.replace(":15060", "")).strip())
    return found


def view(state: State, *dialogs: Dialog, name: str = "Alice Lab", extension: str = "1001") -> View:
    return View(extension, name, state, dialogs)


@pytest.mark.parametrize(
    ("file", "extension", "state"),
    [
        ("asterisk-notify-pidf.txt", "1001", READY),
        ("asterisk-notify-pidf.txt", "1001", RINGING),
        ("asterisk-notify-pidf.txt", "1001", PHONE),
        ("asterisk-notify-pidf.txt", "1001", OFFLINE),
        ("asterisk-notify-hold.txt", "1050", HOLD),
    ],
)
def test_pidf_is_asterisks(file: str, extension: str, state: State) -> None:
    body = pidf(Dialect.ASTERISK, view(state, extension=extension), "127.0.0.1", "sip:robot@127.0.0.1")
    assert body.decode().strip() in captured(file, extension)


@pytest.mark.parametrize(
    ("file", "extension", "shown"),
    [
        ("asterisk-notify-dialog.txt", "1001", view(READY)),
        ("asterisk-notify-dialog.txt", "1001", view(RINGING, BOB)),
        ("asterisk-notify-dialog.txt", "1001", view(PHONE)),
        ("asterisk-notify-dialog.txt", "1001", view(OFFLINE)),
        ("asterisk-notify-hold.txt", "1050", view(HOLD, extension="1050")),
    ],
)
def test_dialog_info_is_asterisks(file: str, extension: str, shown: View) -> None:
    body = dialog_info(Dialect.ASTERISK, shown, "127.0.0.1", 0)
    assert body.decode().strip() in captured(file, extension)


def normal(text: str) -> str:
    """An XML text with what differs from call to call left out."""
    text = re.sub(r'id="[0-9a-f]{8}-[0-9a-f-]+"', 'id="call"', text).replace('"', "'").replace("**", "")
    text = re.sub(r"encoding='[^']*'| encoding='[^']*'", "", re.sub(r"version='\d+' state", "version='0' state", text))
    return re.sub(r"\s+", "", text).replace("<?xmlversion='1.0'?>", "")


@pytest.mark.parametrize(
    ("state", "told"),
    [(RINGING, {}), (PHONE, {}), (None, {"call": Dialog("call", PHONE, False, "1001")}), (READY, {})],
)
def test_freeswitchs_forms(state: State | None, told: Mapping[str, Dialog]) -> None:
    """One dialog in each document, `terminated` when it ends, none when idle. Its remote target is left aside."""
    dialogs = (Dialog("call", state, False, "1001", "Phone 1001"),) if state in BUSY else ()
    shown = View("1002", "1002", state or READY, dialogs)
    strange = re.compile(r"<targeturi='sip:100[12]@127.0.0.1'/>")
    bodies = {strange.sub("", normal(each)) for each in captured("freeswitch-notify-call.txt", "1002")}
    ours = normal(dialog_info(Dialect.FREESWITCH, shown, "127.0.0.1", 0, told).decode())
    assert strange.sub("", ours) in bodies
    document = normal(pidf(Dialect.FREESWITCH, shown, "127.0.0.1", "").decode())
    assert document in bodies


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("called", [True, False])
def test_our_readers_read_the_state_back(dialect: Dialect, state: State, called: bool) -> None:
    dialogs = (Dialog("1", state, not called, "1002", 'B "<&> ob'),) if state in BUSY else ()
    shown = view(state, *dialogs, name="A & <B>")
    presence = parse(PIDF, pidf(dialect, shown, "pbx.test", "sip:robot@pbx.test"))
    info = parse(DIALOG_INFO, dialog_info(dialect, shown, "pbx.test", 3))
    assert isinstance(presence, Presence) and isinstance(info, DialogInfo)
    if dialect is Dialect.KAMAILIO:  # its presence knows nothing of calls
        assert presence.state == (OFFLINE if state is OFFLINE else READY)
    else:
        assert presence.state == state
    table = DialogTable()
    table.apply(info)
    assert table.state == (state if state in BUSY else READY)
    assert info.full


def test_kamailio_tells_what_changed_and_what_ended() -> None:
    one, two = (Dialog(id, PHONE, True, "7") for id in ("1", "2"))
    held = Dialog("1", HOLD, True, "7")
    table = DialogTable()
    told: dict[str, Dialog] | None = None
    expected = [((one, two), 2, PHONE), ((held, two), 1, PHONE), ((held,), 1, HOLD), ((), 1, READY), ((one,), 1, PHONE)]
    for version, (dialogs, count, state) in enumerate(expected):
        info = parse(DIALOG_INFO, dialog_info(Dialect.KAMAILIO, view(PHONE, *dialogs), "pbx", version, told))
        assert isinstance(info, DialogInfo)
        assert info.full == (version == 0)
        assert len(info.dialogs) == count
        table.apply(info)
        assert table.state == state
        told = {dialog.id: dialog for dialog in dialogs}


@pytest.mark.parametrize("dialect", Dialect)
def test_whatever_a_caller_calls_itself_stays_text(dialect: Dialect) -> None:
    nasty = "\x00\x1b]]>\"'&<state>terminated</state>\ud800\uffff"
    shown = view(RINGING, Dialog("x", RINGING, False, nasty, nasty), name=nasty)
    info = parse(DIALOG_INFO, dialog_info(dialect, shown, "pbx", 0))
    assert isinstance(info, DialogInfo)
    assert [dialog.state for dialog in info.dialogs] == ["early"]
    assert isinstance(parse(PIDF, pidf(dialect, shown, "pbx", nasty)), Presence)


@pytest.mark.parametrize(("new", "old"), [(0, 0), (3, 1)])
def test_a_message_summary(new: int, old: int) -> None:
    document = parse(SUMMARY, summary("1001", "pbx", new, old))
    assert isinstance(document, MessageWaiting)
    assert (document.waiting, document.new, document.old) == (bool(new), new, old)
