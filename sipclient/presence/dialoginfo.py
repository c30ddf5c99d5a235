"""dialog-info documents (RFC 4235 §4)."""

from __future__ import annotations

from typing import Final

from sipclient.errors import MalformedBody
from sipclient.presence.markup import Element
from sipclient.presence.values import DIALOG_STATES, DialogEntry, DialogInfo

MAX_FIELD: Final = 512  # characters of an identifier, a URI or a name

_RENDERING: Final = {"yes": True, "true": True, "no": False, "false": False}


def read_dialog_info(root: Element) -> DialogInfo:
    """The dialogs a document tells. Raises MalformedBody for what RFC 4235 does not know.

    Tolerated: a document without `state` (it is taken as full) or, if full, without `version` (0), and a
    dialog without `id` (Kazoo sends such).
    """
    if root.name != "dialog-info":
        raise MalformedBody(f"the body is a {root.name[:40]} document, not dialog-info")
    kind = root.get("state").lower() or "full"
    if kind not in ("full", "partial"):
        raise MalformedBody(f"dialog-info is full or partial, not {kind[:40]!r}")
    version = root.get("version")
    if not version and kind == "full":
        version = "0"
    if not (version.isascii() and version.isdigit() and len(version) <= 20):
        raise MalformedBody(f"the version of dialog-info is no number: {version[:40]!r}")
    dialogs = tuple([_dialog(element) for element in root.all("dialog")])
    return DialogInfo(root.get("entity")[:MAX_FIELD], int(version), kind == "full", dialogs)


def _dialog(element: Element) -> DialogEntry:
    state = element.child("state")
    word = state.text.lower() if state else ""
    if state is None or word not in DIALOG_STATES:
        raise MalformedBody(f"a dialog's state is none of {', '.join(DIALOG_STATES)}: {word[:40]!r}")
    local = element.child("local")
    remote = element.child("remote")
    rendering = _rendering(local)
    display, remote_uri = _party(remote)
    return DialogEntry(
        id=_field(element, "id"),
        state=word,
        direction=_field(element, "direction").lower(),
        local_uri=_party(local)[1],
        remote_uri=remote_uri,
        remote_display=display,
        rendering=_rendering(remote) if rendering is None else rendering,
        call_id=_field(element, "call-id"),
        local_tag=_field(element, "local-tag"),
        remote_tag=_field(element, "remote-tag"),
        event=_field(state, "event").lower(),
    )


def _field(element: Element, name: str) -> str:
    value = element.get(name)
    if len(value) > MAX_FIELD:  # not cut: two identifiers must not become one
        raise MalformedBody(f"a dialog's {name} is longer than {MAX_FIELD} characters")
    return value


def _party(side: Element | None) -> tuple[str, str]:
    """Display name and URI of one side: its identity's, or else its target's (RFC 4235 §4.1.6), where
    Kamailio puts the name."""
    if side is None:
        return "", ""
    display = uri = ""
    if identity := side.child("identity"):
        display, uri = identity.get("display"), identity.text
    if target := side.child("target"):
        display, uri = display or target.get("display"), uri or target.get("uri")
    return display[:MAX_FIELD], uri[:MAX_FIELD]


def _rendering(side: Element | None) -> bool | None:
    """Whether one side's media is rendered (RFC 4235 §4.1.6.2). FreeSWITCH writes `pvalue` for `pval`."""
    if side is None:
        return None
    for param in side.walk("param"):
        if param.get("pname").lower().lstrip("+") == "sip.rendering":
            return _RENDERING.get((param.get("pval") or param.get("pvalue")).strip('"').lower())
    return None
