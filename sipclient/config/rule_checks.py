"""Rules that could never act, or not as they read."""

from __future__ import annotations

from sipclient.config.addresses import Target, allowed
from sipclient.config.draft import Draft, domains_of, is_name, known_account
from sipclient.config.findings import Findings
from sipclient.config.model import ANY, CallConfig, DialConfig, Retry, RuleConfig
from sipclient.config.patterns import Pattern, overlapping
from sipclient.config.templates import REQUEST_NAMES, VARIABLES, Template
from sipclient.config.values import quoted

MOST_RETRIES = 1000
MOST_BACKOFF = 100.0


def check_rules(draft: Draft, findings: Findings) -> None:
    """Each rule by itself, against the watches and `[dial]`, and their names against each other."""
    first: dict[str, int] = {}
    for place, rule in draft.rules.items():
        path = ("rules", place)
        if not is_name(rule.name):
            findings.error((*path, "name"), "a rule's name has 1 to 64 characters and no /")
        if findings.sound(*path, "name") and first.setdefault(rule.name, place) != place:
            findings.error((*path, "name"), f'another rule is called "{rule.name}" already')
        _change(rule, path, findings)
        _conditions(draft, rule, path, findings)
        _coverage(draft, rule, path, findings)
        if rule.call is not None and rule.run is not None:
            findings.missing(path, "a rule has either call or run")
        elif rule.call is None and rule.run is None and findings.sound(*path, "call") and findings.sound(*path, "run"):
            findings.missing(path, 'a rule needs "call" or "run"')
        if rule.call is not None:
            _call(draft, rule, rule.call, (*path, "call"), findings)


def _change(rule: RuleConfig, path: tuple[str, int], findings: Findings) -> None:
    known = findings.sound(*path, "when", "from") and findings.sound(*path, "when", "to")
    if known and all(before == after for before in rule.when.from_.names for after in rule.when.to.names):
        findings.error(
            (*path, "when"), f"from and to are both {rule.when.to}: no change is, so the rule can never fire"
        )
    for first, second in overlapping(rule.when.extensions):
        texts = rule.when.extensions[second], rule.when.extensions[first]
        findings.warning((*path, "when", "extensions", second), f'"{texts[0]}" overlaps with "{texts[1]}"')


def _conditions(draft: Draft, rule: RuleConfig, path: tuple[str, int], findings: Findings) -> None:
    known_account(draft, rule.when.account, (*path, "when", "account"), findings)
    if rule.hours is not None and rule.hours.from_ == rule.hours.to:
        findings.error((*path, "hours"), "from and to are the same: leave both out for the whole day")
    asked = draft.web is not None or any(entry.action.camp_on.text for entry in draft.incoming.values())
    if rule.armed == "on-request" and not asked and findings.sound("web") and findings.sound("incoming"):
        findings.warning((*path, "armed"), "nobody can ask: there is neither [web] nor an [[incoming]] with camp_on")


def _coverage(draft: Draft, rule: RuleConfig, path: tuple[str, int], findings: Findings) -> None:
    """Whether the extensions of the rule are watched at all."""
    known = findings.sound(*path, "when", "account") and findings.sound(*path, "when", "extensions")
    if not (known and _watches_known(draft, findings)):
        return
    watches = [watch for watch in draft.watch.values() if rule.when.account in ("", watch.account)]
    watched = [pattern for watch in watches for pattern in watch.extensions]
    bare = [place for place, pattern in enumerate(rule.when.extensions) if not _covered(pattern, watched)]
    if len(bare) == len(rule.when.extensions):
        findings.error((*path, "when"), "no [[watch]] covers any of its extensions, so the rule can never fire")
        return
    for place in bare:
        text = f'no [[watch]] covers "{rule.when.extensions[place]}"'
        findings.warning((*path, "when", "extensions", place), text)
    if set(rule.when.to.names) == {"offline"} and all(set(watch.events) == {"dialog"} for watch in watches):
        findings.error(
            (*path, "when", "to"),
            "dialog alone never says offline, so the rule can never fire: watch presence",
        )


def _watches_known(draft: Draft, findings: Findings) -> bool:
    """Whether it is sure what is watched."""
    if not draft.watch:
        return findings.sound("watch")
    return all(findings.sound("watch", place, key) for place in draft.watch for key in ("extensions", "account"))


def _covered(pattern: Pattern, watched: list[Pattern]) -> bool:
    listed = [each for each in watched if not each.wild]
    return bool(listed) if (pattern,) == ANY else any(map(pattern.overlaps, listed))


def _call(draft: Draft, rule: RuleConfig, call: CallConfig, path: tuple[str | int, ...], findings: Findings) -> None:
    known_account(draft, call.account, (*path, "account"), findings)
    if call.caller_id.text.count('"') % 2:
        findings.error((*path, "caller_id"), "a quotation mark is not closed")
    if call.retry is not None:
        _retry(call.retry, (*path, "retry"), findings)
    if not call.timeout:
        findings.error((*path, "timeout"), "a call that rings for no time is never answered: write how long it may")
    if rule.armed == "always" and findings.sound(*path[:2], "armed"):
        _asked_for(call, path, findings)
    target = call.to.constant
    if not findings.sound(*path, "to"):
        return
    if target is not None and Target.parse(target) is None:
        findings.error((*path, "to"), f"{quoted(target)} is neither a number nor a sip:, sips: or tel: address")
    else:
        _allowed(draft, rule, call, target, path, findings)


def _asked_for(call: CallConfig, path: tuple[str | int, ...], findings: Findings) -> None:
    """Names that only the request of somebody who camps on the extension fills in."""
    templates: dict[tuple[str, ...], Template] = {("to",): call.to, ("caller_id",): call.caller_id}
    templates |= {("headers", name): template for name, template in call.headers.fields}
    for below, template in templates.items():
        for name in template.used:
            if name in REQUEST_NAMES or name.startswith(VARIABLES):
                findings.error(
                    (*path, *below), f'{{{name}}} is known only of a request: the rule needs armed = "on-request"'
                )


def _allowed(
    draft: Draft,
    rule: RuleConfig,
    call: CallConfig,
    target: str | None,
    path: tuple[str | int, ...],
    findings: Findings,
) -> None:
    allow = (draft.dial or DialConfig()).allow
    names = {str(call.account or rule.when.account)} - {""} or draft.names
    if not (names <= draft.names and findings.sound("dial", "allow") and findings.sound(*path, "account")):
        return
    domains = domains_of(draft, names, findings)
    if not allow:
        findings.error((*path, "to"), f'[dial] allow names nothing, so no call may leave: write allow = ["{call.to}"]')
    elif domains and target is not None and not any(allowed(allow, target, domain) for domain in domains):
        findings.error((*path, "to"), f"[dial] allow does not name {quoted(target)}, so the call could never leave")


def _retry(retry: Retry, path: tuple[str | int, ...], findings: Findings) -> None:
    if not retry.on and findings.sound(*path, "on"):
        findings.error((*path, "on"), "no cause is listed, so nothing is ever tried again")
    if not 1 <= retry.times <= MOST_RETRIES:
        findings.error((*path, "times"), f"must be a whole number from 1 to {MOST_RETRIES}, not {retry.times}")
    if not 1 <= retry.backoff <= MOST_BACKOFF:  # NaN is refused here too
        findings.error((*path, "backoff"), f"must be a number from 1 to {MOST_BACKOFF:g}, not {retry.backoff:g}")
