"""dialog-info documents, and the table that merges them."""

from __future__ import annotations

import pytest

from sipclient.presence import Applied, DialogEntry, DialogInfo, DialogTable, MalformedBody, State, parse
from sipclient.presence.dialogs import MAX_DIALOGS, MAX_ENDED

READY, RINGING, PHONE, HOLD, OFFLINE, UNKNOWN = State
APPLIED, STALE, GAP = Applied


def document(attributes: str, inside: str = "") -> DialogInfo:
    body = f'<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" {attributes}>{inside}</dialog-info>'
    value = parse("application/dialog-info+xml", body.encode())
    assert isinstance(value, DialogInfo)
    return value


FULL = 'version="3" state="full" entity="sip:1001@pbx"'

WHOLE = """<dialog id="a1" call-id="c1" local-tag="lt" remote-tag="rt" direction="Initiator">
<state event="Remote-Bye" code="200">Terminated</state><duration>274</duration>
<local><identity display="Alice">sip:alice@pbx</identity><target uri="sip:alice@192.0.2.1">
<param pname="+sip.rendering" pval="no"/><param pname="isfocus"/></target></local>
<remote><identity display="Bob &amp; Co">sip:bob@pbx</identity><target uri="sip:bob@192.0.2.2"/></remote></dialog>"""


def test_every_field_of_a_dialog() -> None:
    info = document(FULL, WHOLE)
    assert (info.entity, info.version, info.full) == ("sip:1001@pbx", 3, True)
    assert info.dialogs == (
        DialogEntry(
            id="a1",
            state="terminated",
            direction="initiator",
            local_uri="sip:alice@pbx",
            remote_uri="sip:bob@pbx",
            remote_display="Bob & Co",
            rendering=False,
            call_id="c1",
            local_tag="lt",
            remote_tag="rt",
            event="remote-bye",
        ),
    )


@pytest.mark.parametrize(
    ("attributes", "version", "full"),
    [
        ('version="0" state="full"', 0, True),
        ('version=" 7 " state="Partial"', 7, False),
        ('version="00000000012" state="full"', 12, True),
        ('version="4294967296" state="full"', 4294967296, True),
        ('state="full"', 0, True),
        ('version="5"', 5, True),
    ],
)
def test_version_and_kind(attributes: str, version: int, full: bool) -> None:
    info = document(attributes)
    assert (info.version, info.full, info.dialogs, info.entity) == (version, full, (), "")


@pytest.mark.parametrize(
    ("attributes", "inside", "why"),
    [
        ('version="x" state="full"', "", "version"),
        ('version="-1" state="full"', "", "version"),
        ('version="²" state="full"', "", "version"),
        (f'version="{"9" * 5000}" state="full"', "", "version"),
        ('state="partial"', "", "version"),
        ('version="1" state="some"', "", "full or partial"),
        (FULL, '<dialog id="a"/>', "state is none of"),
        (FULL, '<dialog id="a"><state/></dialog>', "state is none of"),
        (FULL, '<dialog id="a"><state>held</state></dialog>', "'held'"),
        (FULL, f'<dialog id="{"a" * 600}"><state>early</state></dialog>', "id is longer"),
        (FULL, f'<dialog id="a" call-id="{"a" * 600}"><state>early</state></dialog>', "call-id is longer"),
    ],
)
def test_what_is_refused(attributes: str, inside: str, why: str) -> None:
    with pytest.raises(MalformedBody, match=why):
        document(attributes, inside)


def test_another_document_is_no_dialog_info() -> None:
    with pytest.raises(MalformedBody, match="a presence document, not dialog-info"):
        parse("application/dialog-info+xml", b"<presence/>")


@pytest.mark.parametrize(
    ("sides", "rendering"),
    [
        ("", None),
        ("<local/>", None),
        ('<local><target><param pname="+sip.rendering" pval="yes"/></target></local>', True),
        ('<local><target><param pname="+SIP.Rendering" pvalue="NO"/></target></local>', False),
        ('<local><target><param pname="sip.rendering" pval="&quot;no&quot;"/></target></local>', False),
        ('<local><target><param pname="+sip.rendering" pval="unknown"/></target></local>', None),
        ('<local><target><param pname="+sip.rendering"/></target></local>', None),
        ('<local><target><param pname="+sip.byeless" pval="no"/></target></local>', None),
        ('<remote><target><param pname="+sip.rendering" pval="no"/></target></remote>', False),
        (
            '<local><target><param pname="+sip.rendering" pval="yes"/></target></local>'
            '<remote><target><param pname="+sip.rendering" pval="no"/></target></remote>',
            True,
        ),
    ],
)
def test_rendering(sides: str, rendering: bool | None) -> None:
    (entry,) = document(FULL, f'<dialog id="a"><state>confirmed</state>{sides}</dialog>').dialogs
    assert entry.rendering is rendering


@pytest.mark.parametrize(
    ("remote", "uri", "display"),
    [
        ("", "", ""),
        ("<remote/>", "", ""),
        ('<remote><target uri="sip:b@x" display="Bob"/></remote>', "sip:b@x", "Bob"),
        ("<remote><identity>sip:b@x</identity></remote>", "sip:b@x", ""),
        ('<remote><identity>sip:b@x</identity><target uri="sip:c@x" display="Bob"/></remote>', "sip:b@x", "Bob"),
        (f"<remote><identity>{'u' * 9000}</identity></remote>", "u" * 512, ""),
    ],
)
def test_the_other_party(remote: str, uri: str, display: str) -> None:
    (entry,) = document(FULL, f'<dialog id="a"><state>early</state>{remote}</dialog>').dialogs
    assert (entry.remote_uri, entry.remote_display) == (uri, display)


# --- the table ----------------------------------------------------------------------------------------


def entry(text: str) -> DialogEntry:
    """`id:state`, with `@call-id` and `!` for a dialog that is not rendered."""
    held = text.endswith("!")
    name, state = text.rstrip("!").split(":")
    dialog_id, _, call_id = name.partition("@")
    return DialogEntry(dialog_id, state, call_id=call_id, rendering=False if held else None)


def full(version: int, *entries: str) -> DialogInfo:
    return DialogInfo("sip:1001@pbx", version, True, tuple(map(entry, entries)))


def partial(version: int, *entries: str) -> DialogInfo:
    return DialogInfo("sip:1001@pbx", version, False, tuple(map(entry, entries)))


@pytest.mark.parametrize(
    ("entries", "state"),
    [
        ((), READY),
        (("a:terminated",), READY),
        (("a:trying",), RINGING),
        (("a:proceeding",), RINGING),
        (("a:early",), RINGING),
        (("a:confirmed",), PHONE),
        (("a:confirmed!",), HOLD),
        (("a:early!",), HOLD),  # FreeSWITCH's default for a held dialog
        (("a:terminated", "b:early"), RINGING),
        (("a:confirmed!", "b:confirmed"), PHONE),
        (("a:confirmed!", "b:confirmed!"), HOLD),
        (("a:confirmed!", "b:early"), HOLD),
        (("a:early", "b:confirmed"), PHONE),
    ],
)
def test_the_state_of_a_table(entries: tuple[str, ...], state: State) -> None:
    table = DialogTable()
    assert table.apply(full(0, *entries)) is APPLIED
    assert table.state is state
    assert (table.foremost is None) == (state is READY)


def test_before_the_first_document_nothing_is_known() -> None:
    table = DialogTable()
    assert (table.state, table.foremost, table.note, table.version, table.complete) == (UNKNOWN, None, "", None, False)


@pytest.mark.parametrize(
    ("documents", "results", "state"),
    [
        # Partial documents in order.
        ([full(0), partial(1, "a:early"), partial(2, "a:confirmed")], [APPLIED] * 3, PHONE),
        ([full(0, "a:confirmed"), partial(1, "b:early"), partial(2, "a:terminated")], [APPLIED] * 3, RINGING),
        ([full(0, "a:confirmed"), partial(1, "a:terminated"), partial(2)], [APPLIED] * 3, READY),
        ([full(0), partial(1, "a:terminated")], [APPLIED] * 2, READY),
        # Old news.
        ([full(4, "a:early"), partial(4, "a:terminated")], [APPLIED, STALE], RINGING),
        ([full(4, "a:early"), partial(3, "a:terminated")], [APPLIED, STALE], RINGING),
        # A gap: taken in, but nobody is ready until the full state was seen.
        ([full(0), partial(2, "a:early")], [APPLIED, GAP], RINGING),
        ([full(0, "a:confirmed"), partial(2, "a:terminated")], [APPLIED, GAP], UNKNOWN),
        ([full(0, "a:confirmed"), partial(2, "a:terminated"), partial(3)], [APPLIED, GAP, APPLIED], UNKNOWN),
        ([full(0, "a:confirmed"), partial(2, "a:terminated"), full(3)], [APPLIED, GAP, APPLIED], READY),
        ([partial(0, "a:terminated")], [GAP], UNKNOWN),
        ([partial(0, "a:confirmed"), full(1)], [GAP, APPLIED], READY),
        # A full document counts whatever its version, and replaces all.
        ([full(6, "a:confirmed"), full(6, "a:terminated")], [APPLIED] * 2, READY),
        ([full(6, "a:confirmed"), full(6)], [APPLIED] * 2, READY),
        ([full(6, "a:confirmed"), full(0)], [APPLIED] * 2, READY),
        ([full(6, "a:confirmed"), full(0), partial(1, "b:early")], [APPLIED] * 3, RINGING),
        ([full(0, "a@1:confirmed"), full(1, "b@2:early")], [APPLIED] * 2, RINGING),
        ([full(0, "a:confirmed"), full(1, "b:early", "c:early")], [APPLIED] * 2, RINGING),
        # Asterisk uses the extension for an id, again and again.
        ([full(0, "1:confirmed"), full(1, "1:terminated"), full(2, "1:early")], [APPLIED] * 3, RINGING),
        # Kamailio: early news after the end, in a later document or in the same one.
        ([full(0, "a@c:confirmed"), full(1, "a@c:terminated"), full(2, "a@c:early")], [APPLIED] * 3, READY),
        ([full(0, "a@c:terminated"), partial(1, "a@c:proceeding")], [APPLIED] * 2, READY),
        ([full(0, "a@c:terminated", "a@c:early")], [APPLIED], READY),
        ([full(0, "a@c:early", "a@c:terminated")], [APPLIED], READY),
        ([full(0, "a@c:confirmed", "a@c:early")], [APPLIED], PHONE),
        # Kamailio: early news after the answer.
        ([full(0, "a@c:confirmed"), full(1, "a@c:early")], [APPLIED] * 2, PHONE),
        ([full(0, "a@c:confirmed"), partial(1, "a@c:early")], [APPLIED] * 2, PHONE),
        ([full(0, "a@c:confirmed"), full(1, "a@c:early"), full(2, "a@c:terminated")], [APPLIED] * 3, READY),
        ([full(0, "a@c:confirmed"), full(1, "a@d:early")], [APPLIED] * 2, RINGING),  # another call
        ([full(0, "a@c:confirmed"), full(1, "a@c:early!")], [APPLIED] * 2, HOLD),  # FreeSWITCH's word for it
        # An answer is no late news, and after it the ringing of a further try counts again.
        (
            [full(0, "a@c:terminated"), full(1, "a@c:confirmed"), full(2), full(3, "a@c:early")],
            [APPLIED] * 4,
            RINGING,
        ),
        # FreeSWITCH: "full" documents that name one of several dialogs.
        ([full(0, "a:confirmed"), full(1, "b:early")], [APPLIED] * 2, PHONE),
        ([full(0, "a:confirmed"), full(1, "b:early"), full(2, "b:terminated")], [APPLIED, APPLIED, GAP], PHONE),
        (
            [full(0, "a:confirmed"), full(1, "b:terminated"), full(2, "a:confirmed"), full(3, "a:terminated")],
            [APPLIED, GAP, APPLIED, APPLIED],
            READY,
        ),
        # ... and the answer to the refresh says that there is nothing else.
        ([full(0, "a:confirmed"), full(1, "b:terminated"), full(2, "b:terminated")], [APPLIED, GAP, APPLIED], READY),
        ([full(0, "a:confirmed"), full(1, "b:terminated"), full(2)], [APPLIED, GAP, APPLIED], READY),
        (
            [full(0, "a:confirmed"), full(1, "b:terminated"), full(2, "c:terminated"), full(3, "b:terminated")],
            [APPLIED, GAP, GAP, APPLIED],
            READY,
        ),
    ],
)
def test_documents_one_after_another(documents: list[DialogInfo], results: list[Applied], state: State) -> None:
    table = DialogTable()
    assert [table.apply(info) for info in documents] == results
    assert table.state is state


def test_dialogs_without_id_are_told_apart() -> None:
    table = DialogTable()
    table.apply(full(0, "@c1:early", "@c2:confirmed"))
    assert len(table.dialogs) == 2
    table.apply(partial(1, "@c2:terminated"))
    assert table.state is RINGING


def test_too_many_dialogs_are_refused_and_change_nothing() -> None:
    table = DialogTable()
    table.apply(full(0, *(f"{number}:early" for number in range(MAX_DIALOGS))))
    with pytest.raises(MalformedBody, match="more than 256"):
        table.apply(partial(1, "one-more:confirmed"))
    assert (table.version, table.state, len(table.dialogs)) == (0, RINGING, MAX_DIALOGS)
    with pytest.raises(MalformedBody):
        table.apply(full(1, *(f"{number}:early" for number in range(MAX_DIALOGS + 1))))
    assert table.apply(partial(1, "0:terminated", "one-more:confirmed")) is APPLIED
    assert (table.state, len(table.dialogs)) == (PHONE, MAX_DIALOGS)


def test_single_dialogs_that_never_end_do_not_pile_up() -> None:
    table = DialogTable()
    for number in range(3 * MAX_DIALOGS):
        assert table.apply(full(number, f"{number}:early")) is APPLIED
        assert len(table.dialogs) <= MAX_DIALOGS


def test_the_memory_of_ended_dialogs_is_bounded() -> None:
    table = DialogTable()
    for number in range(MAX_ENDED + 1):
        table.apply(full(number, f"{number}@c:terminated"))
    table.apply(partial(MAX_ENDED + 1, f"{MAX_ENDED}@c:early"))
    assert table.state is READY
    table.apply(partial(MAX_ENDED + 2, "0@c:early"))  # forgotten
    assert table.state is RINGING


def test_doubts_are_bounded_too() -> None:
    table = DialogTable()
    table.apply(full(0, "a:confirmed"))
    results = [table.apply(full(number, f"{number}:terminated")) for number in range(1, 200)]
    assert results.count(GAP) <= MAX_ENDED
    assert table.state is READY


def test_the_note_is_the_other_partys_name_or_address() -> None:
    table = DialogTable()
    named = DialogEntry("a", "confirmed", remote_uri="sip:b@x", remote_display="Bob")
    table.apply(DialogInfo("", 0, True, (named,)))
    assert table.note == "Bob"
    table.apply(DialogInfo("", 1, True, (DialogEntry("a", "confirmed", remote_uri="sip:b@x"),)))
    assert table.note == "sip:b@x"
