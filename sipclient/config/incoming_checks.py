"""Entries of [[incoming]] that contradict themselves, or are never reached."""

from __future__ import annotations

from sipclient.config.addresses import allowed, is_dial_string
from sipclient.config.draft import Draft, domains_of, known_account
from sipclient.config.findings import Findings
from sipclient.config.model import DialConfig, IncomingAction, IncomingConfig, Match
from sipclient.config.patterns import Pattern
from sipclient.config.templates import VARIABLES
from sipclient.config.values import one_of, quoted

MOST_DIGITS = 100
LONGEST_CAMPING = 7 * 86_400  # seconds


def check_incoming(draft: Draft, findings: Findings) -> None:
    """Each entry by itself, and whether an earlier one takes all its calls."""
    for place, entry in draft.incoming.items():
        path = ("incoming", place)
        known_account(draft, entry.match.account, (*path, "match", "account"), findings)
        hours = entry.match.hours
        if hours is not None and hours.from_ == hours.to:
            findings.error((*path, "match", "hours"), "from and to are the same: leave both out for the whole day")
        _action(entry.action, (*path, "action"), findings)
        _keys(entry.action, (*path, "action"), findings)
        _camp_on(draft, entry.action, (*path, "action", "camp_on"), findings)
        _sound(draft, entry, (*path, "action"), findings)
        _bridge(draft, entry, (*path, "action", "bridge"), findings)
        earlier = [
            number
            for number, other in draft.incoming.items()
            if number < place
            and findings.sound("incoming", number, "match")
            and findings.sound(*path, "match")
            and _takes(other.match, entry.match)
        ]
        if earlier:
            findings.error(path, f"never reached: entry {earlier[0] + 1} takes all of these calls")


def _action(action: IncomingAction, path: tuple[str | int, ...], findings: Findings) -> None:
    ends = {
        "reject": action.reject,
        "redirect": action.redirect.text,
        "bridge": action.bridge.text,
        "run": action.run,
    }
    chosen = [name for name, value in ends.items() if value]
    talk = {"answer": action.answer, "play": action.play, "record": action.record, "digits": action.digits}
    spoken = [name for name, value in talk.items() if value]
    if not chosen and not spoken and not action.camp_on.text and findings.sound(*path):
        findings.error(path, f"it does nothing: say {one_of((*talk, 'camp_on', *ends))}")
    if len(chosen) > 1:
        findings.error((*path, chosen[1]), f"it cannot be done together with {chosen[0]}")
    refusal = next((name for name in chosen if name in ("reject", "redirect")), None)
    if refusal and spoken:
        findings.error((*path, spoken[0]), f"a call that is met with {refusal} is not answered")
    if action.digits is not None and not 1 <= action.digits.most <= MOST_DIGITS:
        findings.error(
            (*path, "digits", "most"), f"must be a whole number from 1 to {MOST_DIGITS}, not {action.digits.most}"
        )


def _keys(action: IncomingAction, path: tuple[str | int, ...], findings: Findings) -> None:
    """`{digits}` is what the caller keys in, where he is asked to; no request gave variables along."""
    for name in ("camp_on", "redirect", "bridge"):
        for used in getattr(action, name).used:
            if used == "digits" and action.digits is None and findings.sound(*path, "digits"):
                findings.error((*path, name), "{digits} is what the caller keys in: the action needs digits = { ... }")
            elif used.startswith(VARIABLES):
                findings.error((*path, name), f"{{{used}}} is known only of a request, not of a call that reaches us")


def _camp_on(draft: Draft, action: IncomingAction, path: tuple[str | int, ...], findings: Findings) -> None:
    """Whether anybody who camps on an extension is ever served."""
    if not 1 <= action.expires <= LONGEST_CAMPING:
        findings.error((*path[:-1], "expires"), f"a request expires after 1s to 7d, not {action.expires:g} s")
    if not action.camp_on.text or not findings.sound("rules"):
        return
    if all(rule.armed == "always" for rule in draft.rules.values()):
        findings.warning(path, 'nobody who camps is ever served: no rule has armed = "on-request"')
    extension = action.camp_on.constant
    watched = [pattern for watch in draft.watch.values() for pattern in watch.extensions]
    if extension and findings.sound("watch") and not any(map(Pattern(extension).overlaps, watched)):
        findings.error(path, f"no [[watch]] covers {quoted(extension)}, so nobody can camp on it")


def _sound(draft: Draft, entry: IncomingConfig, path: tuple[str | int, ...], findings: Findings) -> None:
    """Whether the accounts whose calls these are have any."""
    action = entry.action
    needs = {"play": action.play, "record": action.record, "digits": action.digits, "bridge": action.bridge.text}
    spoken = [name for name, value in needs.items() if value]
    whose = [each for name, each in draft.accounts.items() if entry.match.account in ("", name)]
    if spoken and whose and all(each.media == "none" for each in whose):
        findings.error((*path, spoken[0]), 'the account has no sound: media = "none"')


def _bridge(draft: Draft, entry: IncomingConfig, path: tuple[str | int, ...], findings: Findings) -> None:
    target = entry.action.bridge.constant
    domains = domains_of(draft, draft.names, findings)
    if not target or is_dial_string(target) or not domains or not findings.sound("dial", "allow"):
        return
    allow = (draft.dial or DialConfig()).allow
    if not any(allowed(allow, target, domain) for domain in domains):
        findings.error(path, f"[dial] allow does not name {quoted(target)}, so the call could never leave")


def _takes(first: Match, second: Match) -> bool:
    """Whether every call that `second` matches is matched by `first`."""
    return (
        first.account in ("", second.account)
        and first.hours in (None, second.hours)
        and all(
            wide.text == "*" or wide == narrow or (not narrow.wild and narrow.count == 1 and wide.matches(narrow.text))
            for wide, narrow in ((first.to, second.to), (first.from_, second.from_))
        )
    )
