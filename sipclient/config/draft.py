"""A robot.toml table by table, before its parts are held against each other."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

from sipclient.config.findings import Findings
from sipclient.config.lines import Path
from sipclient.config.model import (
    ARRAYS,
    TABLES,
    AccountConfig,
    DialConfig,
    HepConfig,
    IncomingConfig,
    ListenConfig,
    OtelConfig,
    RuleConfig,
    StoreConfig,
    Table,
    Text,
    WatchConfig,
    WebConfig,
    WebhookConfig,
)
from sipclient.config.passwords import Sources, fill_in
from sipclient.config.reading import read_table
from sipclient.config.values import Mistake, did_you_mean, kind, nearest

T = TypeVar("T", bound=Table)
_NAME = re.compile(r"[^/\x00-\x1f\x7f]{1,64}")
SETTINGS = ("recordings", "dry_run")  # keys outside any table; [web] takes them too


class Draft(msgspec.Struct):
    """What could be read. Lists go by the entry's place in the file; what is wrong in an entry is doubted."""

    names: frozenset[str] = frozenset()  # of all accounts, those with mistakes too
    accounts: dict[str, AccountConfig] = {}
    watch: dict[int, WatchConfig] = {}
    rules: dict[int, RuleConfig] = {}
    incoming: dict[int, IncomingConfig] = {}
    webhooks: dict[int, WebhookConfig] = {}
    store: StoreConfig | None = None
    web: WebConfig | None = None
    listen: ListenConfig | None = None
    hep: HepConfig | None = None
    otel: OtelConfig | None = None
    dial: DialConfig | None = None
    recordings: str = ""
    dry_run: bool = False


def known_account(draft: Draft, account: str, path: Path, findings: Findings) -> None:
    """Complain where an account is named that does not exist."""
    if account and account not in draft.names:
        findings.error(path, f'no account is called "{account}"{did_you_mean(account, draft.names)}')


def domains_of(draft: Draft, names: Iterable[str], findings: Findings) -> list[str]:
    """Where these accounts' bare numbers are dialled; nothing where that is not sure."""
    known = [name in draft.accounts and findings.sound("accounts", name, "address") for name in names]
    return [draft.accounts[name].address.domain for name in names] if all(known) else []


def is_name(text: str) -> bool:
    """Whether it can name an account or a rule: ids of jobs put the two side by side, with / between."""
    return _NAME.fullmatch(text) is not None


def read_draft(document: dict[str, Any], sources: Sources, findings: Findings) -> Draft:
    """Read every table; what is wrong within one goes to `findings`."""
    draft = Draft()
    document = dict(document)
    for key, value in tuple(document.items()):
        if key not in TABLES and key not in SETTINGS:
            findings.error((key,), f"unknown key{did_you_mean(key, (*TABLES, *SETTINGS))}")
            findings.doubt((nearest(key, TABLES),))
        elif key in ARRAYS and not (isinstance(value, list) and all(isinstance(each, dict) for each in value)):
            findings.error((key,), f"expected [[{key}]] tables, not {kind(value)}")
        elif key in TABLES and key not in ARRAYS and not isinstance(value, dict):
            wanted = "write [accounts.NAME]" if key == "accounts" else f"expected a [{key}] table"
            findings.error((key,), f"{wanted}, not {kind(value)}")
        else:
            continue
        del document[key]
    _read_accounts(draft, document, sources, findings)
    _read_lists(draft, document, sources, findings)
    _read_singles(draft, document, sources, findings)
    return draft


def _read_accounts(draft: Draft, document: dict[str, Any], sources: Sources, findings: Findings) -> None:
    tables: dict[str, Any] = document.get("accounts", {})
    draft.names = frozenset(tables)
    for name, table in tables.items():
        path = ("accounts", name)
        if not isinstance(table, dict):
            findings.error(path, f"expected a table [accounts.NAME], not {kind(table)}")
            continue
        account = read_table(AccountConfig, table, path, findings)
        if account is not None:
            account = fill_in(account, "password", path, sources, findings)
            if account.turn is not None:
                turn = fill_in(account.turn, "password", (*path, "turn"), sources, findings)
                account = msgspec.structs.replace(account, turn=turn)
            draft.accounts[name] = account


def _read_lists(draft: Draft, document: dict[str, Any], sources: Sources, findings: Findings) -> None:
    draft.watch = _entries(WatchConfig, "watch", document, findings)
    draft.rules = _entries(RuleConfig, "rules", document, findings)
    draft.incoming = _entries(IncomingConfig, "incoming", document, findings)
    draft.webhooks = {
        place: fill_in(hook, "secret", ("webhooks", place), sources, findings)
        for place, hook in _entries(WebhookConfig, "webhooks", document, findings).items()
    }
    if len(draft.names) == 1:  # the only account need not be named
        only = Text(next(iter(draft.names)))
        draft.watch = {
            place: watch if watch.account else msgspec.structs.replace(watch, account=only)
            for place, watch in draft.watch.items()
        }


def _entries(cls: type[T], key: str, document: dict[str, Any], findings: Findings) -> dict[int, T]:
    entries = {}
    for place, table in enumerate(document.get(key, [])):
        value = read_table(cls, table, (key, place), findings)
        if value is None:
            findings.doubt((key,))
        else:
            entries[place] = value
    return entries


def _read_singles(draft: Draft, document: dict[str, Any], sources: Sources, findings: Findings) -> None:
    draft.store = _single(StoreConfig, "store", document, findings)
    draft.web = _single(WebConfig, "web", document, findings)
    draft.listen = _single(ListenConfig, "listen", document, findings)
    draft.hep = _single(HepConfig, "hep", document, findings)
    if draft.hep is not None:
        draft.hep = fill_in(draft.hep, "password", ("hep",), sources, findings)
    draft.otel = _single(OtelConfig, "otel", document, findings)
    draft.dial = _single(DialConfig, "dial", document, findings)
    _read_settings(draft, document, findings)


def _single(cls: type[T], key: str, document: dict[str, Any], findings: Findings) -> T | None:
    return read_table(cls, document[key], (key,), findings) if key in document else None


def _read_settings(draft: Draft, document: dict[str, Any], findings: Findings) -> None:
    web = document.get("web", {})
    for key in SETTINGS:
        if key in document and key in web:
            findings.error(("web", key), f"{key} is given outside [web] too: once is enough")
    draft.recordings = str(draft.web.recordings) if draft.web else ""
    draft.dry_run = draft.web.dry_run if draft.web else False
    try:
        draft.recordings = str(Text.from_toml(document.get("recordings", draft.recordings)))
    except Mistake as mistake:
        findings.error(("recordings",), str(mistake))
    if not isinstance(dry_run := document.get("dry_run", draft.dry_run), bool):
        findings.error(("dry_run",), f"expected true or false, not {kind(dry_run)}")
    else:
        draft.dry_run = dry_run
