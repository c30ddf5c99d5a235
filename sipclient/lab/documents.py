"""The presence documents of the lab: in the forms of Asterisk, FreeSWITCH and Kamailio, as they were captured."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from xml.sax.saxutils import escape, quoteattr

from sipclient.lab.values import Dialect, Dialog, View
from sipclient.presence import State

PIDF = "application/pidf+xml"
DIALOG_INFO = "application/dialog-info+xml"
SUMMARY = "application/simple-message-summary"

_NOTES = MappingProxyType(
    {
        State.READY: "Ready",
        State.RINGING: "Ringing",
        State.ON_THE_PHONE: "On the phone",
        State.ON_HOLD: "On hold",
        State.OFFLINE: "Unavailable",
        State.UNKNOWN: "Unavailable",
    }
)
_FREESWITCH_NOTES = MappingProxyType(
    {State.READY: "Available", State.RINGING: "Ring", State.ON_THE_PHONE: "Talk", State.ON_HOLD: "Hold"}
)
_CALLING = frozenset({State.RINGING, State.ON_THE_PHONE, State.ON_HOLD})
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_NS = "urn:ietf:params:xml:ns:pidf"


def pidf(dialect: Dialect, view: View, domain: str, watcher: str) -> bytes:
    """A PIDF document (RFC 3863, with RPID): `watcher` is the address of whoever asks, which Asterisk puts in."""
    return _PIDF[dialect](view, domain, watcher).encode("utf-8", "replace")


def _asterisk_pidf(view: View, domain: str, watcher: str) -> str:
    entity = _attribute(f"sip:{view.extension}@{domain}")
    person = " <dm:person />\n"
    if view.state in _CALLING:  # on the phone is said also while it only rings
        person = " <dm:person>\n  <rpid:activities>\n   <rpid:on-the-phone />\n  </rpid:activities>\n </dm:person>\n"
    return (
        f'{_HEAD}<presence entity={entity} xmlns="{_NS}" xmlns:dm="{_NS}:data-model" xmlns:rpid="{_NS}:rpid">\n'
        f" <note>{_NOTES[view.state]}</note>\n"
        f" <tuple id={_attribute(view.extension)}>\n"
        f"  <status>\n   <basic>{_basic(view)}</basic>\n  </status>\n"
        f'  <contact priority="1">{_text(watcher)}</contact>\n'
        f" </tuple>\n{person}</presence>\n"
    )


def _freeswitch_pidf(view: View, domain: str, watcher: str) -> str:
    note = _FREESWITCH_NOTES.get(view.state, "Unregistered")
    if view.state in _CALLING:
        note = f"{note} {view.dialogs[0].other}".rstrip() if view.dialogs else "On The Phone"
    activities = (
        "  <rpid:activities>\n   <rpid:on-the-phone/>\n  </rpid:activities>\n" if view.state in _CALLING else ""
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?> \n'
        f"<presence xmlns='{_NS}' \nxmlns:dm='{_NS}:data-model' \nxmlns:rpid='{_NS}:rpid' \n"
        f"xmlns:c='{_NS}:cipid' entity={_attribute(f'sip:{view.extension}@{domain}')}>\n"
        f" <tuple id='t6a5ed77e'>\n  <status>\n   <basic>{_basic(view)}</basic>\n  </status>\n </tuple>\n"
        f" <dm:person id='p06360c4a'>\n{activities}  <dm:note>{_text(note)}</dm:note>\n </dm:person>\n</presence>"
    )


def _kamailio_pidf(view: View, domain: str, watcher: str) -> str:
    """Kamailio knows of calls through dialog-info only: presence says whether there is a phone."""
    return (
        f'{_HEAD}<presence xmlns="{_NS}" entity={_attribute(f"sip:{view.extension}@{domain}")}>\n'
        f"  <tuple id={_attribute(view.extension)}>\n    <status>\n"
        f"      <basic>{_basic(view)}</basic>\n    </status>\n  </tuple>\n</presence>\n"
    )


_PIDF: Mapping[Dialect, Callable[[View, str, str], str]] = MappingProxyType(
    {
        Dialect.ASTERISK: _asterisk_pidf,
        Dialect.FREESWITCH: _freeswitch_pidf,
        Dialect.KAMAILIO: _kamailio_pidf,
    }
)


def dialog_info(
    dialect: Dialect, view: View, domain: str, version: int, told: Mapping[str, Dialog] | None = None
) -> bytes:
    """A dialog-info document (RFC 4235). `told` is what the subscriber knows: Kamailio then sends what changed;
    None asks for everything."""
    body, state = "", "full" if told is None or dialect is not Dialect.KAMAILIO else "partial"
    told = told or {}
    if dialect is Dialect.ASTERISK:
        body = _asterisk_dialog(view, domain)
    elif dialect is Dialect.FREESWITCH:
        body = _freeswitch_dialog(view, domain, told)
    else:
        gone = [_ended(each) for id, each in told.items() if all(id != dialog.id for dialog in view.dialogs)]
        news = [_dialog(view, each, domain) for each in view.dialogs if told.get(each.id) != each]
        body = "".join((*gone, *news))
    entity = _attribute(f"sip:{view.extension}@{domain}")
    text = (
        f'{_HEAD}<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="{version}" state="{state}"'
        f" entity={entity}>\n{body}</dialog-info>\n"
    )
    return text.encode("utf-8", "replace")


def _asterisk_dialog(view: View, domain: str) -> str:
    """One dialog, always there, always named like the extension; identities only while it rings."""
    address = f"sip:{view.extension}@{domain}"
    own = _attribute(address)
    head, parties, rendering = f" <dialog id={_attribute(view.extension)}>\n", "", ""
    if view.state is State.RINGING:
        head = f' <dialog id={_attribute(view.extension)} direction="recipient">\n'
        other = next((each for each in view.dialogs if each.state is State.RINGING and each.other), None)
        if other is not None:
            remote = f"sip:{other.other}@{domain}"
            parties = (
                f"  <remote>\n   <identity display={_attribute(other.other_name)}>{_text(remote)}</identity>\n"
                f"   <target uri={_attribute(remote)} />\n  </remote>\n"
                f"  <local>\n   <identity display={_attribute(view.name)}>{_text(address)}</identity>\n"
                f"   <target uri={own} />\n  </local>\n"
            )
    elif view.state is State.ON_HOLD:
        rendering = (
            f"  <local>\n   <target uri={own}>\n"
            '    <param pname="+sip.rendering" pvalue="no" />\n   </target>\n  </local>\n'
        )
    return f"{head}{parties}  <state>{_state_word(view.state)}</state>\n{rendering} </dialog>\n"


def _freeswitch_dialog(view: View, domain: str, told: Mapping[str, Dialog]) -> str:
    """One dialog in each document: the one that changed, or the one that ended; none while it is idle."""
    for dialog in view.dialogs:
        if told.get(dialog.id) != dialog:
            return _dialog(view, dialog, domain)
    for id, each in told.items():
        if all(id != dialog.id for dialog in view.dialogs):
            return _ended(each)
    return _dialog(view, view.dialogs[0], domain) if view.dialogs else ""


def _dialog(view: View, dialog: Dialog, domain: str) -> str:
    direction = _direction(dialog)
    rendering = "no" if dialog.state is State.ON_HOLD else "yes"
    own, remote = f"sip:{view.extension}@{domain}", f"sip:{dialog.other}@{domain}"
    remote = (
        f"<remote>\n<identity display={_attribute(dialog.other_name or dialog.other)}>{_text(remote)}</identity>\n"
        f"<target uri={_attribute(remote)}/>\n</remote>\n"
        if dialog.other
        else ""
    )
    return (
        f'<dialog id={_attribute(dialog.id)} direction="{direction}">\n<state>{_state_word(dialog.state)}</state>\n'
        f"<local>\n<identity display={_attribute(view.name or view.extension)}>{_text(own)}</identity>\n"
        f'<target uri={_attribute(own)}>\n<param pname="+sip.rendering" pvalue="{rendering}"/>\n</target>\n</local>\n'
        f"{remote}</dialog>\n"
    )


def _ended(dialog: Dialog) -> str:
    direction = _direction(dialog)
    return f'<dialog id={_attribute(dialog.id)} direction="{direction}">\n<state>terminated</state>\n</dialog>\n'


def _direction(dialog: Dialog) -> str:
    return "initiator" if dialog.caller else "recipient"


def summary(extension: str, domain: str, new: int, old: int) -> bytes:
    """A message-summary (RFC 3842)."""
    waiting = "yes" if new else "no"
    return (
        f"Messages-Waiting: {waiting}\r\nMessage-Account: sip:{extension}@{domain}\r\n"
        f"Voice-Message: {new}/{old} (0/0)\r\n"
    ).encode()


def _state_word(state: State) -> str:
    if state is State.RINGING:
        return "early"
    return "confirmed" if state in _CALLING else "terminated"


def _basic(view: View) -> str:
    return "closed" if view.state in (State.OFFLINE, State.UNKNOWN) else "open"


def _text(text: str) -> str:
    return escape(_NOT_XML.sub("?", text))


def _attribute(text: str) -> str:
    return quoteattr(_NOT_XML.sub("?", text))
