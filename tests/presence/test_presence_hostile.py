"""Bodies made to hurt: refused within 100 ms and 16 MiB, with MalformedBody and nothing else."""

from __future__ import annotations

import re
import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sipclient.presence import (
    PACKAGES,
    DialogInfo,
    DialogTable,
    MalformedBody,
    MessageWaiting,
    Presence,
    parse,
)

LAUGHS = b"".join(b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 10))
QUADRATIC = (
    b'<!DOCTYPE p [<!ENTITY a "' + b"a" * 100_000 + b'">]><presence><note>' + b"&a;" * 20_000 + b"</note></presence>"
)


def presence(inside: bytes, doctype: bytes = b"") -> bytes:
    return b'<?xml version="1.0"?>' + doctype + b"<presence><note>" + inside + b"</note></presence>"


HOSTILE = {
    "billion laughs": presence(b"&l9;", b'<!DOCTYPE p [<!ENTITY l0 "ha">' + LAUGHS + b"]>"),
    "quadratic blow-up": QUADRATIC,
    "an entity that is never used": presence(b"Ready", b'<!DOCTYPE p [<!ENTITY a "a">]>'),
    "a parameter entity": presence(b"Ready", b'<!DOCTYPE p [<!ENTITY % a SYSTEM "http://example.com/a.dtd"> %a;]>'),
    "an external entity": presence(b"&a;", b'<!DOCTYPE p [<!ENTITY a SYSTEM "file:///etc/passwd">]>'),
    "an entity of an external DTD": presence(b"&a;", b'<!DOCTYPE p SYSTEM "http://example.com/p.dtd">'),
    "an entity nobody declared": presence(b"&nbsp;"),
    "an entity in an attribute": b'<!DOCTYPE p SYSTEM "p.dtd"><presence entity="&a;"/>',
    "an entity in an attribute, without a DTD": b'<presence entity="&a;"/>',
    "an entity that only looks like one of XML": presence(b"&amplified;", b'<!DOCTYPE p SYSTEM "p.dtd">'),
    "default attributes": presence(b"Ready", b'<!DOCTYPE p [<!ATTLIST note a CDATA "a">]>'),
    "an empty internal subset": presence(b"Ready", b"<!DOCTYPE p []>"),
    "a notation": presence(b"Ready", b'<!DOCTYPE p [<!NOTATION n SYSTEM "n">]>'),
    "depth": b"<presence>" + b"<a>" * 60_000,
    "depth, closed": b"<a>" * 33 + b"</a>" * 33,
    "breadth": b"<presence>" + b"<a/>" * 60_000 + b"</presence>",
    "attributes": b"<presence " + b" ".join(b'a%d=""' % n for n in range(25_000)) + b"/>",
    "attributes twice": b"<presence " + b'a="" ' * 40_000 + b"/>",
    "namespaces": b"<presence " + b" ".join(b'xmlns:a%d="u"' % n for n in range(15_000)) + b"/>",
    "size": presence(b"n" * 300_000),
    "a comment of a mebibyte": presence(b"<!--" + b"-a" * 524_288 + b"-->"),
    "an open comment": b"<presence><!--" + b"- -" * 80_000,
    "an open CDATA section": b"<presence><note><![CDATA[" + b"]]" * 120_000,
    "an open instruction": b"<presence><?a " + b"?" * 250_000,
    "an open tag": b"<presence " + b"a" * 250_000,
    "an open value": b'<presence a="' + b"&amp;" * 50_000,
    "an open declaration": b"<?xml " + b" " * 250_000,
    "an open declaration's encoding": b"<?xml encoding" + b" " * 250_000 + b"=",
    "another encoding of entities": presence(b"&a;", b'<!DOCTYPE p [<!ENTITY a "a">]>').decode().encode("utf-16"),
    "nothing": b"",
    "blanks": b" \r\n" * 80_000,
    "NULs": b"\0" * 250_000,
    "two roots": b"<presence/><presence/>",
    "text only": b"Ready",
    "a control character": presence(b"\x01"),
    "a NUL inside": presence(b"\0"),
    "half a surrogate pair": presence(b"&#xD800;"),
    "UTF-32": b"\xff\xfe\0\0" + presence(b"Ready").decode().encode("utf-32-le"),
}

BOUNDED = {  # what is no crime, but must cost no more than one
    "text in pieces": presence(b"&amp;" * 50_000),
    "line ends": presence(b"\r\n" * 120_000),
    "character references": presence(b"&#65;" * 50_000),
    "a large comment": presence(b"Ready<!--" + b"a" * 250_000 + b"-->"),
    "many comments": presence(b"<!---->" * 35_000),
    "many instructions": presence(b"<?a?>" * 50_000),
    "many CDATA sections": presence(b"<![CDATA[a]]>" * 20_000),
    "notes": b"<presence>" + b"<note>Ring me later, please, or not at all, perhaps</note>" * 4_000 + b"</presence>",
    "activities": b"<presence><person><activities>" + b"<a-b_c/>" * 4_000 + b"</activities></person></presence>",
    "activities in activities": b"<presence>" + (b"<activities>" * 30 + b"</activities>" * 30) * 130 + b"</presence>",
    "a doctype and the entities of XML": presence(b"&amp;&#65;&#x41;" * 1000, b'<!DOCTYPE p SYSTEM "p.dtd">'),
    "a long doctype": presence(
        b"Ready", b'<!DOCTYPE presence PUBLIC "-//X" "http://192.0.2.1/' + b"x" * 100_000 + b'">'
    ),
}


def cost(content_type: str, body: bytes) -> tuple[float, int]:
    """Seconds, and bytes at the peak, that the better of two readings takes."""
    seconds = []
    for _ in range(2):
        began = time.process_time()
        read(content_type, body)
        seconds.append(time.process_time() - began)
    tracemalloc.start()
    try:
        read(content_type, body)
        return min(seconds), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def read(content_type: str, body: bytes) -> Presence | DialogInfo | MessageWaiting | None:
    try:
        return parse(content_type, body)
    except MalformedBody:
        return None


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_xml_is_refused(name: str) -> None:
    with pytest.raises(MalformedBody):
        parse("application/pidf+xml", HOSTILE[name])


@pytest.mark.parametrize("name", HOSTILE | BOUNDED)
@pytest.mark.timing
def test_hostile_xml_is_cheap(name: str) -> None:
    seconds, peak = cost("application/pidf+xml", (HOSTILE | BOUNDED)[name])
    assert seconds < 0.1
    assert peak < 16 * 2**20


@pytest.mark.parametrize("name", BOUNDED)
def test_what_is_merely_large_is_read(name: str) -> None:
    assert isinstance(parse("application/pidf+xml", BOUNDED[name]), Presence)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/mixed;boundary=b", b"\r\n--b" * 40_000),
        ("multipart/mixed;boundary=b", b"--b\r\n" + b"\r\n" * 100_000),
        ("multipart/mixed;boundary=b", b"--b" + b" \t" * 100_000),
        ("multipart/mixed;boundary=b", b"--b\r\nContent-Type:" + b"\r\n " * 80_000 + b"\r\n\r\n"),
        ("multipart/mixed;boundary=b", b"--b\r\n" + b"a:b\r\n" * 40_000 + b"\r\n"),
        ("multipart/mixed;boundary=b", b"-" * 250_000),
        ("multipart/mixed;boundary=" + "-" * 70, b"-" * 250_000),
        ("multipart/mixed;boundary=" + "-" * 69 + "a", b"\r\n" + b"-" * 250_000),
        ("multipart/mixed;" + 'a="' * 300, b""),
        ("multipart/mixed;" + "\\" * 1000, b""),
        ('multipart/mixed;boundary="' + "\\a" * 400, b""),
        ("application/simple-message-summary", b"a:" * 120_000),
        ("application/simple-message-summary", b"\n" * 250_000),
        ("application/simple-message-summary", b"X:\n" * 80_000),
        ("application/simple-message-summary", b"Voice-Message:" + b" " * 240_000 + b"x"),
        ("application/simple-message-summary", b"Voice-Message: 1/1" + b" " * 240_000 + b"x"),
        ("application/simple-message-summary", b"Voice-Message: " + b"9" * 240_000),
        (
            "application/dialog-info+xml",
            b'<dialog-info version="0" state="full">'
            + b"<dialog><state>early</state></dialog>" * 2_000
            + b"</dialog-info>",
        ),
        (
            "application/dialog-info+xml",
            b'<dialog-info version="0" state="full"><dialog><state>early</state>'
            + b"<local><target><param/></target></local>" * 1_300
            + b"</dialog></dialog-info>",
        ),
    ],
)
@pytest.mark.timing
def test_other_hostile_bodies_are_cheap(content_type: str, body: bytes) -> None:
    seconds, peak = cost(content_type, body)
    assert seconds < 0.1
    assert peak < 16 * 2**20


# --- any bytes ----------------------------------------------------------------------------------------

TYPES = [kind for kinds in PACKAGES.values() for kind in kinds]
MULTIPART = ["multipart/related;boundary=b", 'multipart/mixed; boundary="b"', "multipart/alternative;boundary=b"]
content_types = st.one_of(
    st.sampled_from(TYPES + MULTIPART),
    st.builds("{};charset={}".format, st.sampled_from(TYPES), st.sampled_from(["utf-8", "utf-16", "x", '"'])),
    st.text(max_size=60),
)
MARKUP = r"""<presence> </presence> <note> </note> <tuple> </tuple> <status> </status> <basic>open</basic>
<dm:person> </dm:person> <rpid:activities><rpid:busy/></rpid:activities> <dialog-info/> <dialog-info>
</dialog-info> <dialog> </dialog> <dialog/> <state>early</state> <state/> <local> </local> <remote>
<identity>x</identity> <target/> <param/> version='1' <!DOCTYPE <![CDATA[ ]]> <!-- --> &amp; &a; &#0; > [ ]>
<?xml?> Ready 2/1 (0/0) Messages-Waiting: yes Voice-Message: --b --b-- Content-Type: application/pidf+xml
multipart/mixed;boundary=b"""
markup = st.sampled_from([*re.split(r"\s", MARKUP), "\r\n", "\n", "\r\n\r\n", " "]).map(str.encode)
bodies = st.one_of(
    st.binary(max_size=400),
    st.lists(st.one_of(markup, st.binary(max_size=8)), max_size=30).map(b"".join),
    st.text(max_size=100).map(lambda text: text.encode("utf-16", "surrogatepass")),
)


@given(content_types, bodies)
@settings(max_examples=400, deadline=None)
def test_any_bytes_give_a_value_or_a_documented_error(content_type: str, body: bytes) -> None:
    value = read(content_type, body)
    assert value is None or isinstance(value, Presence | DialogInfo | MessageWaiting)
    if isinstance(value, DialogInfo):
        table = DialogTable()
        table.apply(value)
        assert table.apply(value) is not None


@given(st.text(max_size=200), st.text(max_size=80))
@settings(max_examples=200, deadline=None)
def test_any_text_survives_being_a_note(note: str, charset: str) -> None:
    escaped = note.encode("ascii", "xmlcharrefreplace").replace(b"<", b"&lt;")
    value = read(f'application/pidf+xml;charset="{charset}"', b"<presence><note>" + escaped + b"</note></presence>")
    assert value is None or isinstance(value, Presence)
