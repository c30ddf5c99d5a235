"""Registrations and credentials that fail. RFC 3261 §10, §22; RFC 7616."""

from __future__ import annotations

from collections.abc import Iterator

from sipclient.message import SipUri
from sipclient.trace.entry import Entry, all_of, safely
from sipclient.trace.explain.finding import Finding, counted, on, shown
from sipclient.trace.explain.fixes import fix
from sipclient.trace.explain.places import is_private, is_public
from sipclient.trace.story import Call, Exchange, Story
from sipclient.trace.vendors import vendor_of

_SHORT = 60  # seconds: a registration that lasts less costs a phone its battery, and a PBX its time
_FRESH = 30.0  # seconds within which a nonce is not old
_PLAINLY_REFUSED = frozenset({403, 404, 405, 503})


def refused(story: Story) -> Iterator[Finding]:
    """REGISTER answered 403 and the like, once or over and over."""
    for call in _registrations(story):
        finals = [(each, each.final) for each in call.of("REGISTER") if each.final is not None]
        bad = [(each, final) for each, final in finals if final.status in _PLAINLY_REFUSED]
        if not bad:
            continue
        exchange, final = bad[0]
        with_credentials = exchange.request is not None and bool(_all_credentials(exchange.request))
        again = f", {len(bad)} times in this registration" if len(bad) > 1 else ""
        evidence = f"the registrar answered {final.title}{again}" + (
            ", and the request carried credentials" if with_credentials else ""
        )
        title = "The registration is refused over and over" if len(bad) > 2 else "The registration is refused"
        yield on(
            final,
            0,
            "registration-refused",
            title,
            "high",
            evidence,
            fix("registration-refused", vendor_of(final)),
            "a later REGISTER of the same account is answered 200",
        )


def challenged(story: Story) -> Iterator[Finding]:
    """A challenge that is answered, and comes again: wrong password, wrong realm, or a nonce that is always old."""
    for call in story.calls:
        previous: Exchange | None = None
        stale: list[Entry] = []
        wrong: list[tuple[Entry, Entry]] = []
        realm: tuple[Entry, str, str] | None = None
        for exchange in call.exchanges:
            final, request = exchange.final, exchange.request
            if final is None or request is None:
                continue
            again = final.status in (401, 407)
            if again and previous is not None and previous.final is not None and _all_credentials(request):
                asked, anew = _challenge(previous.final), _challenge(final)
                used = _answer_to(request, asked)
                if used is None:
                    realm = realm or (request, _realms(request), asked.get("realm", ""))
                elif anew.get("stale", "").lower() == "true":
                    stale.append(final)
                elif _same_again(used, asked, anew) and request.at - previous.final.at < _FRESH:
                    wrong.append((request, final))
            if final.status < 300 and _all_credentials(request):
                stale, wrong, realm = [], [], None
            previous = exchange if again else None
        yield from _of_credentials(stale, wrong, realm)


def _same_again(used: dict[str, str], asked: dict[str, str], anew: dict[str, str]) -> bool:
    """Whether the answer had the nonce it was asked for, and the same realm (not a proxy further on) asks again."""
    return used.get("nonce") == asked.get("nonce") and anew.get("realm") == asked.get("realm")


def _all_credentials(request: Entry) -> list[dict[str, str]]:
    return [each.params for each in all_of(lambda: request.message.authorizations)]


def _answer_to(request: Entry, asked: dict[str, str]) -> dict[str, str] | None:
    """The credentials for a challenge, None where there are none for its realm."""
    return next((each for each in _all_credentials(request) if each.get("realm") == asked.get("realm")), None)


def _realms(request: Entry) -> str:
    return ", ".join(each.get("realm", "") for each in _all_credentials(request))


def _challenge(response: Entry) -> dict[str, str]:
    found = all_of(lambda: response.message.challenges)
    return found[0].params if found else {}


def _of_credentials(
    stale: list[Entry], wrong: list[tuple[Entry, Entry]], realm: tuple[Entry, str, str] | None
) -> Iterator[Finding]:
    if realm is not None:
        request, used, asked = realm
        yield on(request, request.line_of("Authorization") or request.line_of("Proxy-Authorization"), "wrong-realm",
                 "The credentials are for another realm", "high",
                 f"the challenge is for {shown(asked)!r}, the answer for {shown(used)!r}", fix("wrong-realm"),
                 "the challenge that was answered is not in the trace")  # fmt: skip
    if len(stale) >= 3:
        yield on(
            stale[-1],
            stale[-1].line_of("WWW-Authenticate"),
            "stale-nonce-loop",
            "Each answer comes when its nonce is already old",
            "high",
            f"stale=true came {len(stale)} times in a row, and no answer between them was taken",
            fix("stale-nonce-loop", vendor_of(stale[-1])),
            "a 200 between the challenges",
        )
    if wrong:
        request, final = wrong[-1]
        times = f" ({counted(len(wrong), 'time')})" if len(wrong) > 1 else ""
        yield on(
            final,
            final.line_of("WWW-Authenticate"),
            "wrong-password",
            "The password or the user name is wrong",
            "high",
            f"message {request.number} answers the challenge with its own nonce, and {final.title} comes "
            f"again without stale=true{times}",
            fix("wrong-password", vendor_of(final)),
            "the same credentials are taken later",
        )


def behind_nat(story: Story) -> Iterator[Finding]:
    """A Contact with a private address, registered from a public one."""
    for call in _registrations(story):
        for exchange in call.of("REGISTER"):
            request, final = exchange.request, exchange.final
            if request is None or final is None or final.status >= 300:
                continue
            contact = _contact_host(request)
            via = safely(lambda answer=final: answer.message.via, None)  # type: ignore[misc]
            came = request.record.source.host or (via.received if via is not None else "")
            if is_private(contact) and is_public(came):
                yield on(request, request.line_of("Contact"), "contact-behind-nat",
                         "The Contact is an address behind NAT", "medium",
                         f"the Contact is {contact}, the packet came from {came}: calls to it reach nobody unless the "
                         "PBX rewrites it", fix("contact-behind-nat", vendor_of(final)),
                         "an INVITE to this Contact is answered")  # fmt: skip
                break


def _contact_host(request: Entry) -> str:
    contacts = all_of(lambda: request.message.contacts)
    uri = contacts[0].uri if contacts else None
    return uri.host if isinstance(uri, SipUri) else ""


def expiry(story: Story) -> Iterator[Finding]:
    """Registrations that last too short: 423 over and over, or some seconds only."""
    for call in _registrations(story):
        brief = [each.final for each in call.of("REGISTER") if each.final is not None and each.final.status == 423]
        if len(brief) >= 2:
            least = safely(lambda each=brief[0]: each.message.min_expires, None)  # type: ignore[misc]
            yield on(brief[-1], brief[-1].line_of("Min-Expires"), "expiry-too-short",
                     "The registration asks for too short a time", "high",
                     f"423 came {len(brief)} times; the registrar wants at least {least} s", fix("expiry-too-short"),
                     "a REGISTER with that Expires is refused as well")  # fmt: skip
            continue
        for exchange in call.of("REGISTER"):
            final, request = exchange.final, exchange.request
            granted = _granted(final, request) if final is not None and request is not None else None
            if granted is not None and final is not None and 0 < granted < _SHORT:
                yield on(final, final.line_of("Contact"), "expiry-too-short", "The registration lasts some seconds "
                                                                              "only",
                         "low", f"the registrar grants {granted} s", fix("expiry-too-short", vendor_of(final)),
                         "the phone renews it in time, as some PBXs want it behind NAT")  # fmt: skip
                break


def _granted(final: Entry, request: Entry) -> int | None:
    if final.status >= 300:
        return None
    mine = safely(lambda: request.message.contact_uri, "")
    for contact in all_of(lambda: final.message.contacts):
        if str(contact.uri) == mine and contact.params.get("expires", "").isdecimal():
            return int(contact.params["expires"][:9])
    return safely(lambda: final.message.expires, None)


def _registrations(story: Story) -> Iterator[Call]:
    return (call for call in story.calls if any(each.method == "REGISTER" for each in call.entries))


CHECKS = (refused, challenged, behind_nat, expiry)
