"""Presence documents of many makes, and the rule that decides: note, then activities, then status."""

from __future__ import annotations

import pytest

from sipclient.presence import MalformedBody, Presence, State, parse
from sipclient.presence.words import state_of

READY, RINGING, PHONE, HOLD, OFFLINE, UNKNOWN = State

PIDF = """<?xml version="1.0" encoding="UTF-8"?>
<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"
 xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:1001@pbx.example.com">{}</presence>"""


def pidf(inside: str) -> Presence:
    value = parse("application/pidf+xml", PIDF.format(inside).encode())
    assert isinstance(value, Presence)
    assert value.entity == "sip:1001@pbx.example.com"
    return value


def tuple_(basic: str, inside: str = "") -> str:
    return f'<tuple id="t"><status><basic>{basic}</basic></status>{inside}</tuple>'


def person(activity: str = "", note: str = "") -> str:
    activities = f"<rpid:activities><rpid:{activity}/></rpid:activities>" if activity else ""
    return f"<dm:person id='p'>{activities}{f'<dm:note>{note}</dm:note>' if note else ''}</dm:person>"


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("Ready", READY),
        ("Available", READY),
        ("ONLINE", READY),
        ("Not in use", READY),
        ("NOT_INUSE", READY),
        ("Registered", READY),
        ("Ringing", RINGING),
        ("Ring 1001", RINGING),
        ("Ring", RINGING),
        ("Call 7000", RINGING),
        ("Ringing: Bob", RINGING),
        ("On the phone", PHONE),
        ("On The Phone", PHONE),
        ("on-the-phone", PHONE),
        ("on the phone with Bob", PHONE),
        ("  On  the\tphone. ", PHONE),
        ("Talk 1001", PHONE),
        ("Talk +49301234", PHONE),
        ("In a call", PHONE),
        ("Busy", PHONE),
        ("INUSE", PHONE),
        ("On hold", HOLD),
        ("Hold 1001", HOLD),
        ("hold", HOLD),
        ("ON_HOLD", HOLD),
        ("Unavailable", OFFLINE),
        ("Unregistered", OFFLINE),
        ("Closed", OFFLINE),
        ("Offline", OFFLINE),
        ("DND", OFFLINE),
        ("Do Not Disturb", OFFLINE),
        ("Away", None),
        ("Out to lunch", None),
        ("Ring me", None),
        ("Ring me later", None),
        ("Hold on a minute", None),
        ("Talking points for Monday", None),
        ("Available from five", None),
        ("ringingly", None),
        ("", None),
        ("x" * 10_000, None),
    ],
)
def test_words(text: str, state: State | None) -> None:
    assert state_of(text) is state


@pytest.mark.parametrize(
    ("inside", "state", "note"),
    [
        # The note decides, wherever it stands.
        ("<note>Ringing</note>" + tuple_("open") + person("on-the-phone"), RINGING, "Ringing"),
        (tuple_("open") + person("on-the-phone", "Hold 1002"), HOLD, "Hold 1002"),
        (tuple_("open", "<note>On the phone</note>"), PHONE, "On the phone"),
        (tuple_("open") + "<dm:device id='d'><dm:note>Ringing</dm:note></dm:device>", RINGING, "Ringing"),
        ("<status><note>Talk 1002</note></status>" + tuple_("open"), PHONE, "Talk 1002"),
        ("<note>On the phone</note>" + tuple_("closed"), PHONE, "On the phone"),
        ("<note>Ready</note>" + tuple_("open") + person("on-the-phone"), READY, "Ready"),
        ("<note>Unavailable</note>" + tuple_("open"), OFFLINE, "Unavailable"),
        # A note nobody knows leaves it to the activities, and those to the status.
        ("<note>Back at nine</note>" + tuple_("open") + person("on-the-phone"), PHONE, "Back at nine"),
        (tuple_("open") + person("busy", "Gone fishing"), PHONE, "Gone fishing"),
        (tuple_("open") + person("away", "Gone fishing"), READY, "Gone fishing"),
        (tuple_("closed") + person("away"), OFFLINE, ""),
        (tuple_("open"), READY, ""),
        (tuple_("OPEN"), READY, ""),
        (tuple_("closed"), OFFLINE, ""),
        ("<note/>" + tuple_("closed"), OFFLINE, ""),
        # Nothing said is nothing known (RFC 3863 allows a document without tuples).
        ("", UNKNOWN, ""),
        (tuple_("perhaps"), UNKNOWN, ""),
        ("<dm:person/>", UNKNOWN, ""),
        # Ready is not believed of a telephone that is off.
        ("<note>Available</note>" + tuple_("closed"), OFFLINE, "Available"),
        ("<note>Idle</note>" + tuple_("open") + person("unavailable"), OFFLINE, "Idle"),
        # Several ways to reach somebody: one open is open, one busy is busy.
        (tuple_("closed") + tuple_("open"), READY, ""),
        (tuple_("closed") + tuple_("closed"), OFFLINE, ""),
        (tuple_("open", "<note>Ready</note>") + tuple_("open", "<note>Talk 5</note>"), PHONE, "Talk 5"),
        (tuple_("open", "<note>Ready</note>") + tuple_("closed", "<note>Offline</note>"), READY, "Ready"),
        (person("on-the-phone") + person("away") + tuple_("open"), PHONE, ""),
        # A word about the person goes before one about a device, unless that is busy.
        (tuple_("open", "<note>Online</note>") + person(note="Do not disturb"), OFFLINE, "Do not disturb"),
        (tuple_("open", "<note>Talk 5</note>") + person(note="Available"), PHONE, "Talk 5"),
        # Cisco's own activities, and those of the drafts before RFC 4480.
        (tuple_("open") + person("alerting"), RINGING, ""),
        (tuple_("open") + person("dnd"), OFFLINE, ""),
        (tuple_("open") + person("available"), READY, ""),
        (tuple_("open", "<status><activities><activity>on-the-phone</activity></activities></status>"), PHONE, ""),
        (tuple_("open") + person("note"), READY, ""),
    ],
)
def test_the_state_of_a_document(inside: str, state: State, note: str) -> None:
    value = pidf(inside)
    assert (value.state, value.note) == (state, note)


def test_what_else_a_document_says() -> None:
    value = pidf(tuple_("open") + person("on-the-phone") + person("meeting"))
    assert value.basic == "open"
    assert value.activities == ("on-the-phone", "meeting")
    assert pidf(tuple_("closed")).basic == "closed"
    assert pidf(tuple_("inuse")).basic == "inuse"
    assert pidf("").basic == ""


def test_long_texts_and_long_lists_are_cut() -> None:
    activities = "".join(f"<rpid:a{number}/>" for number in range(100))
    value = pidf(f"<note>{'n' * 5000}</note><dm:person><rpid:activities>{activities}</rpid:activities></dm:person>")
    assert len(value.note) == 256
    assert len(value.activities) == 32


def test_names_need_no_declared_namespace_and_no_case() -> None:
    body = (
        b"<Presence Entity='sip:a@b'><Note>On the phone</Note>"
        b"<q:tuple><q:status><q:basic>open</q:basic></q:status></q:tuple></Presence>"
    )
    value = parse("application/pidf+xml", body)
    assert isinstance(value, Presence)
    assert (value.entity, value.state, value.basic) == ("sip:a@b", PHONE, "open")


def test_the_document_of_a_drafts_pidf() -> None:
    """As Asterisk's former SIP driver wrote it."""
    body = """<?xml version="1.0" encoding="ISO-8859-1"?>
<presence xmlns="urn:ietf:params:xml:ns:pidf"
xmlns:pp="urn:ietf:params:xml:ns:pidf:person" xmlns:es="urn:ietf:params:xml:ns:pidf:rpid:status:rpid-status"
xmlns:ep="urn:ietf:params:xml:ns:pidf:rpid:rpid-person" entity="sip:1001@pbx">
<pp:person><status><ep:activities><ep:busy/></ep:activities></status></pp:person>
<note>{}</note><tuple id="1001"><contact priority="1">sip:1001@pbx</contact>
<status><basic>{}</basic></status></tuple></presence>"""
    for note, basic, state in (("On hold", "open", HOLD), ("On the phone", "closed", PHONE), ("?", "open", PHONE)):
        value = parse("application/pidf+xml", body.format(note, basic).encode())
        assert isinstance(value, Presence)
        assert value.state is state


POLYCOM = """<?xml version="1.0"?>
<!DOCTYPE presence PUBLIC "-//IETF//DTD RFCxxxx XPIDF 1.0//EN" "xpidf.dtd">
<presence><status><note>{note}</note></status><presentity uri="sip:1002@192.0.2.1;method=SUBSCRIBE" />
<atom id="1002"><address uri="sip:1002@192.0.2.1;user=ip" priority="0.800000"><status status="{status}" />
<msnsubstatus substatus="{substatus}" /></address></atom></presence>"""


@pytest.mark.parametrize(
    ("note", "status", "substatus", "state"),
    [
        ("Talk 1001", "inuse", "onthephone", PHONE),
        ("Ring 1001", "inuse", "onthephone", RINGING),
        ("", "inuse", "onthephone", PHONE),
        ("", "open", "online", READY),
        ("", "open", "away", READY),
        ("", "open", "", READY),
        ("", "closed", "offline", OFFLINE),
        ("", "closed", "", OFFLINE),
        ("", "closed", "online", OFFLINE),
        ("", "inuse", "", PHONE),
        ("", "", "", UNKNOWN),
    ],
)
@pytest.mark.parametrize("kind", ["application/xpidf+xml", "application/cpim-pidf+xml"])
def test_xpidf_with_its_doctype(kind: str, note: str, status: str, substatus: str, state: State) -> None:
    value = parse(kind, POLYCOM.format(note=note, status=status, substatus=substatus).encode())
    assert isinstance(value, Presence)
    assert value.entity == "sip:1002@192.0.2.1"
    assert value.state is state
    assert value.basic == (status or "")


def test_cpim_presence_with_tuples() -> None:
    body = b"""<presence><presentity id="pres:bob@example.com"/><tuple id="1"><status><value>inuse</value></status>
</tuple><tuple id="2"><status value="open"/></tuple></presence>"""
    value = parse("application/cpim-pidf+xml", body)
    assert isinstance(value, Presence)
    assert (value.entity, value.state, value.basic) == ("pres:bob@example.com", PHONE, "open")


def test_a_document_without_any_entity() -> None:
    value = parse("application/pidf+xml", b"<presence/>")
    assert value == Presence("", UNKNOWN)


def test_another_document_is_no_presence() -> None:
    with pytest.raises(MalformedBody, match="a dialog-info document, not presence"):
        parse("application/pidf+xml", b"<dialog-info/>")
