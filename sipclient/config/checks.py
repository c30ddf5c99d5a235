"""What must hold between the parts of a robot.toml, beyond each value being right by itself."""

from __future__ import annotations

import base64
import binascii
import math
import re

from sipclient.config.draft import Draft, is_name, known_account
from sipclient.config.events import EVENTS
from sipclient.config.findings import Findings
from sipclient.config.incoming_checks import check_incoming
from sipclient.config.model import AccountConfig, Turn, WatchConfig
from sipclient.config.patterns import MOST_EXTENSIONS, Pattern, overlapping
from sipclient.config.rule_checks import check_rules
from sipclient.config.values import Mistake, did_you_mean, quoted

MOST_AT_ONCE = 10_000
MOST_AGENTS = 0xFFFFFFFF  # HEP3 has 32 bits for a capture agent
LEAST_PER_SECOND = 0.00001  # who writes less wants none, or meant something else
SHORTEST_EXPIRES = 1.0  # seconds: Expires has whole ones (RFC 3261 §20.19)
SHORT_EXPIRES = 10.0  # seconds below which hardly any PBX leaves it as asked
_STORE = re.compile(r"sqlite:.+|postgres(ql)?://.+", re.DOTALL)
_WITH_PASSWORD = re.compile(r"postgres(ql)?://([^@/]*:[^@/]+@|.*[?&]password=)", re.DOTALL)
_WEB_URL = re.compile(r"https?://[^/\s]+(/\S*)?")


def check_draft(draft: Draft, findings: Findings) -> None:
    """Every check; what is doubted for its own mistakes brings no second complaint."""
    _accounts(draft, findings)
    _watches(draft, findings)
    _services(draft, findings)
    _webhooks(draft, findings)
    _dial(draft, findings)
    check_rules(draft, findings)
    check_incoming(draft, findings)


def _accounts(draft: Draft, findings: Findings) -> None:
    if not draft.names and findings.sound("accounts"):
        findings.error((), "there is no [accounts.NAME] table: without an account there is nothing to do")
    for name in draft.names:
        if not is_name(name):
            findings.error(("accounts", name), "an account's name has 1 to 64 characters and no /")
    for name, account in draft.accounts.items():
        _account(account, ("accounts", name), findings)


def _account(account: AccountConfig, path: tuple[str, str], findings: Findings) -> None:
    if not account.tls_verify:
        findings.warning(
            (*path, "tls_verify"), "certificates are not checked: anybody on the way can listen and pretend"
        )
    if 0 < account.expires < SHORTEST_EXPIRES:
        findings.error((*path, "expires"), "PBXs count whole seconds: at least 1 s")
    elif 0 < account.expires < SHORT_EXPIRES:
        findings.warning((*path, "expires"), "PBXs raise so short a time, or refuse it: 60 s or more is usual")
    if account.stun and not account.stun.startswith("stun:"):
        findings.error((*path, "stun"), f'a STUN server begins with "stun:"; "{account.stun}" belongs into turn')
    if account.turn is not None:
        _turn(account.turn, (*path, "turn"), findings)
    if account.register and not account.expires and findings.sound(*path, "register"):
        findings.error((*path, "expires"), "a registration that expires at once is none: write register = false")


def _turn(turn: Turn, path: tuple[str, str, str], findings: Findings) -> None:
    if turn.url.startswith("stun:"):
        findings.error((*path, "url"), f'a TURN server begins with "turn:" or "turns:"; "{turn.url}" belongs into stun')
    elif turn.url.startswith("turns:") and turn.url.endswith("=udp"):
        findings.error(
            (*path, "url"), "TURN over DTLS is not available: leave transport=udp out, turns: is TLS over TCP"
        )
    if not (turn.username and (turn.password or turn.password_env or turn.password_file)):
        findings.warning(path, "hardly any TURN server relays for whoever gives no username and password")


def _watches(draft: Draft, findings: Findings) -> None:
    for place, watch in draft.watch.items():
        _watch(draft, watch, ("watch", place), findings)
    counts = [pattern.count for watch in draft.watch.values() for pattern in watch.extensions]
    if (total := sum(counts)) > MOST_EXTENSIONS:
        if max(counts) > MOST_EXTENSIONS:
            return  # told already
        findings.error(("watch",), f"{total} extensions are watched; at most {MOST_EXTENSIONS} can be")
        return
    for account in draft.names:
        _overlaps(draft, account, findings)


def _watch(draft: Draft, watch: WatchConfig, path: tuple[str, int], findings: Findings) -> None:
    known_account(draft, watch.account, (*path, "account"), findings)
    if not watch.account and len(draft.names) > 1 and findings.sound(*path, "account"):
        findings.error(path, '"account" is missing: there are several')
    if not watch.extensions and findings.sound(*path, "extensions"):
        findings.error((*path, "extensions"), "nothing is listed")
    for place, pattern in enumerate(watch.extensions):
        try:
            pattern.expand()
        except Mistake as mistake:
            findings.error((*path, "extensions", place), str(mistake))
    if not findings.sound(*path, "events"):
        return
    if not watch.events:
        findings.error((*path, "events"), 'nothing is listed: write "presence", "dialog" or both')
    elif set(watch.events) == {"dialog"}:
        findings.warning(
            (*path, "events"),
            "dialog alone cannot tell offline from ready and reads as ready: add presence if the PBX has it",
        )


def _overlaps(draft: Draft, account: str, findings: Findings) -> None:
    """Extensions watched twice: the first watch counts."""
    patterns: list[Pattern] = []
    paths: list[tuple[str | int, ...]] = []
    for watch_place, watch in draft.watch.items():
        if watch.account == account:
            patterns += watch.extensions
            paths += [("watch", watch_place, "extensions", place) for place in range(len(watch.extensions))]
    for first, second in overlapping(patterns):
        findings.warning(
            paths[second], f'"{patterns[second]}" overlaps with "{patterns[first]}": the first watch counts'
        )


def _services(draft: Draft, findings: Findings) -> None:
    if draft.store is not None and not _STORE.fullmatch(draft.store.url):
        findings.error(("store", "url"), 'the store is "sqlite:FILE" or "postgresql://..."')
    elif draft.store is not None and _WITH_PASSWORD.search(draft.store.url):
        findings.warning(
            ("store", "url"),
            "its password stands in the file for all to read: PGPASSWORD or ~/.pgpass keeps it out",
        )
    open_web = draft.web is not None and not draft.web.listen.loopback and not draft.web.tokens
    if open_web and findings.sound("web", "tokens"):
        findings.error(("web", "listen"), "any address but loopback needs tokens")
    if draft.hep is not None and not 0 <= draft.hep.id <= MOST_AGENTS:
        findings.error(("hep", "id"), f"a capture agent's id is a whole number from 0 to {MOST_AGENTS}")
    _spans(draft, findings)
    if draft.listen is not None and not draft.listen.origins and findings.sound("listen", "origins"):
        findings.error(("listen", "origins"), 'name the web sites that may connect, like ["https://app.example.com"]')


def _webhooks(draft: Draft, findings: Findings) -> None:
    for place, hook in draft.webhooks.items():
        if not _WEB_URL.fullmatch(hook.url) and findings.sound("webhooks", place, "url"):
            findings.error(("webhooks", place, "url"), 'a webhook is like "https://example.com/hook"')
        elif any(other.url == hook.url for before, other in draft.webhooks.items() if before < place):
            findings.error(
                ("webhooks", place, "url"), "there is a webhook with this URL above: give one all its events"
            )
        elif not _is_secret(hook.secret):
            findings.error(("webhooks", place, "secret"), "what follows whsec_ is not base64: copy the secret whole")
        elif not hook.secret and findings.sound("webhooks", place):
            findings.add(
                "warning", ("webhooks", place), "no secret: whoever is told cannot know that it was this robot"
            )
        for pattern in hook.events:
            if not any(map(pattern.matches, EVENTS)):
                words = f"no event is called {quoted(pattern.text)}{did_you_mean(pattern.text, EVENTS)}"
                findings.error(("webhooks", place, "events"), words)


def _spans(draft: Draft, findings: Findings) -> None:
    endpoint = draft.otel.endpoint if draft.otel is not None else ""
    if endpoint and not _WEB_URL.fullmatch(endpoint):
        findings.error(("otel", "endpoint"), 'a collector is like "http://collector.example.com:4318"')
    elif endpoint.rstrip("/").endswith(":4317"):
        findings.warning(("otel", "endpoint"), "spans go over HTTP, for which collectors have 4318: 4317 is gRPC's")


def _is_secret(secret: str) -> bool:
    if not secret.startswith("whsec_"):
        return True
    try:
        return bool(base64.b64decode(secret.removeprefix("whsec_"), validate=True))
    except binascii.Error:
        return False


def _dial(draft: Draft, findings: Findings) -> None:
    if draft.dial is None:
        return
    rate, at_once = draft.dial.calls_per_second, draft.dial.calls_at_once
    if not (math.isfinite(rate) and LEAST_PER_SECOND <= rate <= MOST_AT_ONCE):
        findings.error(
            ("dial", "calls_per_second"),
            f"must be a number from {LEAST_PER_SECOND:g} (one call in about a day) to {MOST_AT_ONCE}, not {rate:g}",
        )
    if not 1 <= at_once <= MOST_AT_ONCE:
        findings.error(("dial", "calls_at_once"), f"must be a whole number from 1 to {MOST_AT_ONCE}, not {at_once}")
    for place, pattern in enumerate(draft.dial.allow):
        if pattern.text in ("*", "sip:*", "sips:*", "tel:*"):
            findings.warning(("dial", "allow", place), f'"{pattern}" allows every number there is, expensive ones too')
