"""Entries of [[incoming]] that contradict themselves, or are never reached."""

from __future__ import annotations

from sipclient.config.addresses import allowed
from sipclient.config.draft import Draft, domains_of, known_account
from sipclient.config.findings import Findings
from sipclient.config.model import DialConfig, IncomingAction, IncomingConfig, Match
from sipclient.config.values import one_of, quoted

MOST_DIGITS = 100


def check_incoming(draft: Draft, findings: Findings) -> None:
    """Each entry by itself, and whether an earlier one takes all its calls."""
    for place, entry in draft.incoming.items():
        path = ("incoming", place)
        known_account(draft, entry.match.account, (*path, "match", "account"), findings)
        hours = entry.match.hours
        if hours is not None and hours.from_ == hours.to:
            findings.error((*path, "match", "hours"), "from and to are the same: leave both out for the whole day")
        _action(entry.action, (*path, "action"), findings)
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


def _bridge(draft: Draft, entry: IncomingConfig, path: tuple[str | int, ...], findings: Findings) -> None:
    target = entry.action.bridge.constant
    domains = domains_of(draft, draft.names, findings)
    if not target or not domains or not findings.sound("dial", "allow"):
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
