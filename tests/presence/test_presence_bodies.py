"""Content types, multipart bodies, charsets, message summaries, and what to Accept."""

from __future__ import annotations

import pytest

from sipclient.presence import (
    PACKAGES,
    DialogInfo,
    MalformedBody,
    MessageClass,
    MessageWaiting,
    Presence,
    State,
    accept_for,
    parse,
)

OPEN = b"<presence><note>%s</note></presence>"


def note_of(content_type: str, body: bytes) -> str:
    value = parse(content_type, body)
    assert isinstance(value, Presence)
    return value.note


# --- content types ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content_type",
    [
        "application/pidf+xml",
        "Application/PIDF+XML",
        " application/pidf+xml ; charset=utf-8",
        'application/pidf+xml;charset="UTF-8"',
        "application/pidf+xml;;;=;x",
        "application/xpidf+xml",
        "application/cpim-pidf+xml;priority=1",
    ],
)
def test_content_types_of_presence(content_type: str) -> None:
    assert note_of(content_type, OPEN % b"Ready") == "Ready"


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        ";",
        "text/plain",
        "application/sdp",
        "application/rlmi+xml",
        "application/pidf-diff+xml",
        "multipart/form-data",
    ],
)
def test_other_types_are_not_understood(content_type: str) -> None:
    with pytest.raises(MalformedBody, match="not understood"):
        parse(content_type, OPEN % b"Ready")


def test_an_endless_content_type_is_refused() -> None:
    with pytest.raises(MalformedBody, match="Content-Type is longer"):
        parse("application/pidf+xml" + ";a=b" * 1000, OPEN)


# --- charsets -----------------------------------------------------------------------------------------


def declared(encoding: str, note: str, codec: str | None = None) -> bytes:
    return f'<?xml version="1.0" encoding="{encoding}"?><presence><note>{note}</note></presence>'.encode(
        codec or encoding
    )


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/pidf+xml", declared("UTF-8", "Zoë €", "utf-8")),
        ("application/pidf+xml", b"\xef\xbb\xbf" + declared("UTF-8", "Zoë €")),
        ("application/pidf+xml", declared("UTF-16", "Zoë €", "utf-16")),
        ("application/pidf+xml", b"\xfe\xff" + declared("UTF-16", "Zoë €", "utf-16-be")),
        ("application/pidf+xml;charset=utf-16", declared("utf-16le", "Zoë €")),
        ("application/pidf+xml;charset=utf-16", declared("utf-16be", "Zoë €")),
        ("application/pidf+xml", declared("windows-1252", "Zoë €")),
        ("application/pidf+xml", declared("ISO-8859-15", "Zoë €")),
        # The parameter goes before the declaration, the byte order mark before the parameter.
        ('application/pidf+xml;charset="Windows-1252"', declared("ISO-8859-15", "Zoë €", "cp1252")),
        ("application/pidf+xml;charset=iso-8859-1", declared("iso-8859-1", "Zoë €", "utf-8-sig")),
        # FreeSWITCH declares ISO-8859-1 and sends UTF-8; others the reverse.
        ("application/pidf+xml", declared("ISO-8859-1", "Zoë €", "utf-8")),
        ("application/pidf+xml", declared("UTF-8", "Zoë €", "cp1252")),
        ("application/pidf+xml", b"<presence><note>Zo\xeb \x80</note></presence>"),
    ],
)
def test_charsets(content_type: str, body: bytes) -> None:
    assert note_of(content_type, body) == "Zoë €"


@pytest.mark.parametrize("charset", ["ISO-8859-1", "x-unknown", "idna", "utf-7", "zip", "ebcdic-cp-us"])
def test_what_names_no_charset_known_here_reads_as_latin_1(charset: str) -> None:
    body = f'<?xml version="1.0" encoding="{charset}"?><presence><note>Zo'.encode() + b"\xeb</note></presence>"
    assert note_of("application/pidf+xml", body) == "Zoë"


def test_broken_utf_16_is_refused() -> None:
    for body in (b"\xff\xfe<\0p", b"\xfe\xff\xd8\0\0<", b"<\0\0\xd8<\0", b"\0<\xd8\0\0<"):
        with pytest.raises(MalformedBody):
            parse("application/pidf+xml", body)


@pytest.mark.parametrize("blank", [b"", b"\r\n", b" \n\t", b"\0"])
def test_blanks_and_nuls_around_a_document(blank: bytes) -> None:
    assert note_of("application/pidf+xml", blank + declared("UTF-8", "Ready") + blank) == "Ready"


# --- multipart ----------------------------------------------------------------------------------------

RLMI = b"""<?xml version="1.0"?><list xmlns="urn:ietf:params:xml:ns:rlmi" uri="sip:list@x" version="1"
fullState="true"><resource uri="sip:1001@x"><instance id="i" state="active" cid="p1@x"/></resource></list>"""


def multipart(*parts: bytes, boundary: bytes = b"50UBfW7LSCVLtggUPe5z", end: bytes = b"\r\n") -> bytes:
    return b"".join(b"--" + boundary + end + part + end for part in parts) + b"--" + boundary + b"--" + end


def part(content_type: bytes, content: bytes, more: bytes = b"") -> bytes:
    return b"Content-Type: " + content_type + b"\r\n" + more + b"\r\n" + content


PIDF_PART = part(b"application/pidf+xml;charset=utf-8", OPEN % b"Ready", b"Content-ID: <p1@x>\r\n")
RELATED = 'multipart/related;type="application/rlmi+xml";start="<r@x>";boundary="50UBfW7LSCVLtggUPe5z"'


@pytest.mark.parametrize(
    "body",
    [
        multipart(part(b"application/rlmi+xml", RLMI), PIDF_PART),
        multipart(PIDF_PART, part(b"application/pidf+xml", OPEN % b"Busy")),
        b"preamble\r\n" + multipart(PIDF_PART) + b"epilogue",
        multipart(PIDF_PART).replace(b"\r\n", b"\n"),
        multipart(PIDF_PART).replace(b"5z\r\n", b"5z \t\r\n"),
        multipart(PIDF_PART).removesuffix(b"--50UBfW7LSCVLtggUPe5z--\r\n"),
        multipart(b"content-type:\r\n application/pidf+xml\r\n\r\n" + OPEN % b"Ready"),
        multipart(b"\r\nno headers", b"Content-Type: text/plain", PIDF_PART),
        multipart(
            part(b"application/pidf+xml", b"PHByZXNlbmNlLz4=", b"Content-Transfer-Encoding: base64\r\n"), PIDF_PART
        ),
        multipart(part(b"application/pidf+xml", OPEN % b"Ready", b"Content-Transfer-Encoding: 8BIT\r\n")),
        multipart(
            part(b"multipart/alternative;boundary=in", multipart(part(b"text/plain", b"x"), PIDF_PART, boundary=b"in"))
        ),
        multipart(
            part(b"multipart/mixed;boundary=in", multipart(part(b"text/plain", b"x"), boundary=b"in")), PIDF_PART
        ),
    ],
)
def test_the_first_part_that_is_understood(body: bytes) -> None:
    for kind in ("related", "mixed", "alternative"):
        assert note_of(RELATED.replace("related", kind, 1), body) == "Ready"


@pytest.mark.parametrize(
    ("content_type", "body", "why"),
    [
        (RELATED, multipart(part(b"application/rlmi+xml", RLMI)), "not understood"),
        (RELATED, multipart(), "not understood"),
        (RELATED, multipart(part(b"application/pidf+xml", b"<presence"), PIDF_PART), "no XML"),
        (RELATED, b"", "does not contain its boundary"),
        (RELATED, b"--50UBfW7LSCVLtggUPe5zz\r\n", "does not contain its boundary"),
        (RELATED, b"--50UBfW7LSCVLtggUPe5z\r\n\r\n" * 100, "more than 64 parts"),
        ("multipart/mixed", multipart(PIDF_PART), "no boundary"),
        ("multipart/mixed;boundary=é", multipart(PIDF_PART), "no boundary"),
        (f"multipart/mixed;boundary={'b' * 71}", multipart(PIDF_PART, boundary=b"b" * 71), "no boundary"),
    ],
)
def test_multipart_bodies_that_say_nothing(content_type: str, body: bytes, why: str) -> None:
    with pytest.raises(MalformedBody, match=why):
        parse(content_type, body)


def test_a_boundary_of_any_characters() -> None:
    boundary = b"a'()+_,-./:=? \\z"
    quoted = boundary.decode().replace("\\", "\\\\")
    assert note_of(f'multipart/mixed; boundary="{quoted}"', multipart(PIDF_PART, boundary=boundary)) == "Ready"


def test_multipart_nests_only_so_deep() -> None:
    body, boundary = PIDF_PART, ""
    for depth in range(1, 6):
        boundary = f"b{depth}"
        body = multipart(body, boundary=boundary.encode())
        if depth < 5:
            assert note_of(f"multipart/mixed;boundary={boundary}", body) == "Ready"
            body = part(f"multipart/mixed;boundary={boundary}".encode(), body)
    with pytest.raises(MalformedBody, match="multipart deeper than"):
        parse(f"multipart/mixed;boundary={boundary}", body)


# --- message summaries --------------------------------------------------------------------------------


def summary(text: str) -> MessageWaiting:
    value = parse("application/simple-message-summary", text.replace("\n", "\r\n").encode())
    assert isinstance(value, MessageWaiting)
    return value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Messages-Waiting: no", MessageWaiting("", False)),
        ("messages-waiting:YES\n", MessageWaiting("", True)),
        ("Message-Waiting: yes\n", MessageWaiting("", True)),
        (
            "Messages-Waiting: yes\nMessage-Account: sip:alice@vmail.example.com\nVoice-Message: 3/1 (2/0)\n",
            MessageWaiting(
                "sip:alice@vmail.example.com", True, 3, 1, 2, 0, (MessageClass("voice-message", 3, 1, 2, 0),)
            ),
        ),
        (
            "Messages-Waiting: yes\nVoice-Message: 2/8\n",
            MessageWaiting("", True, 2, 8, 0, 0, (MessageClass("voice-message", 2, 8),)),
        ),
        (
            "Messages-Waiting: yes\nFax-Message: 1/0 (0/0)\nVoicemail: 4 / 2 ( 1 / 0 )\nX-Other: 1\n",
            MessageWaiting(
                "", True, 4, 2, 1, 0, (MessageClass("fax-message", 1, 0), MessageClass("voice-message", 4, 2, 1, 0))
            ),
        ),
        (
            "Messages-Waiting: yes\nFax-Message: 1/2\nText-Message: 3/4 (1/1)\n",
            MessageWaiting(
                "", True, 4, 6, 1, 1, (MessageClass("fax-message", 1, 2), MessageClass("text-message", 3, 4, 1, 1))
            ),
        ),
        # Headers of single messages follow an empty line.
        ("Messages-Waiting: yes\n\nTo: <alice@x>\nVoice-Message: nonsense\nno colon\n", MessageWaiting("", True)),
    ],
)
def test_message_summaries(text: str, expected: MessageWaiting) -> None:
    assert summary(text) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "does not say"),
        ("Voice-Message: 3/1\n", "does not say"),
        ("Messages-Waiting: perhaps\n", "yes or no"),
        ("Messages-Waiting\n", "no colon"),
        ("Messages-Waiting: yes\nVoice-Message: many\n", "no counts"),
        ("Messages-Waiting: yes\nVoice-Message: 1/2 (3)\n", "no counts"),
        ("Messages-Waiting: yes\nVoice-Message: 99999999999/1\n", "no counts"),
        ("Messages-Waiting: yes\nVoice-Message: ١/٢\n", "no counts"),
        ("X: y\n" * 64 + "Messages-Waiting: yes\n", "does not say"),
    ],
)
def test_summaries_that_are_refused(text: str, why: str) -> None:
    with pytest.raises(MalformedBody, match=why):
        summary(text)


# --- packages -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("package", "accept"),
    [
        ("presence", "application/pidf+xml"),
        ("dialog", "application/dialog-info+xml"),
        ("message-summary", "application/simple-message-summary"),
        ("refer", ""),
    ],
)
def test_accept(package: str, accept: str) -> None:
    assert accept_for(package) == accept


def test_every_type_of_every_package_is_read() -> None:
    bodies = {
        "presence": (b"<presence/>", Presence("", State.UNKNOWN)),
        "dialog": (b'<dialog-info version="1" state="full"/>', DialogInfo("", 1, True)),
        "message-summary": (b"Messages-Waiting: no", MessageWaiting("", False)),
    }
    assert set(bodies) == set(PACKAGES)
    for package, types in PACKAGES.items():
        for content_type in types:
            assert parse(content_type, bodies[package][0]) == bodies[package][1]
