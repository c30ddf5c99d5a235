"""Whole files: the contract's own, the examples, and what is said about mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipclient.config import Config, StoreConfig, check, load
from sipclient.config.extras import NEEDS
from sipclient.config.model import Text
from sipclient.errors import ConfigError

ROOT = Path(__file__).parents[2]
CONTRACT = (Path(__file__).parent / "contract.toml").read_text()
MINIMAL = (ROOT / "examples" / "minimal.toml").read_text()
ENVIRON = {"PBX_PASSWORD": "s3cret", "HOOK_SECRET": "h00k", "TURN_PASSWORD": "t0rn"}


def errors(text: str) -> list[str]:
    return [f"{found.line}: {found.message}" for found in check(text, environ=ENVIRON) if found.severity == "error"]


def test_the_contract_is_accepted_and_typed() -> None:
    config = load(CONTRACT, environ=ENVIRON)
    account = config.accounts["pbx"]
    assert (account.password, account.expires, account.keepalive, account.register) == (
        "s3cret",
        300.0,
        30.0,
        True,
    )
    assert account.identity == ("from", "pai")
    assert len(config.watch[0].expand()) == 1003
    rule = config.rules[0]
    assert rule.call is not None and rule.call.retry is not None and rule.hours is not None
    assert (rule.settle, str(rule.limit), rule.armed, rule.call.timeout) == (
        2.0,
        "10 per minute",
        "always",
        45.0,
    )
    assert rule.call.caller_id.render({"extension": "1001"}) == '"Ext 1001 is free" <1001>'
    assert (rule.call.retry.times, rule.call.retry.wait) == (3, 10.0)
    assert config.incoming[0].action.camp_on.render({"to": "1001"}) == "1001"
    assert config.web is not None and (config.web.listen.host, config.web.listen.port) == ("127.0.0.1", 8080)
    assert config.dial.calls_at_once == 20
    assert config.domain("pbx") == "pbx.example.com" and config.domain("other") == ""


def test_every_part_is_accepted() -> None:
    text = """
        dry_run = true
        recordings = "recordings"
        [accounts.pbx]
        address = "sip:robot@pbx.example.com"
        codecs = ["opus", "PCMU"]
        refer = "allow"
        stun = "stun:stun.example.com:3478"
        turn = { url = "turn:turn.example.com?transport=udp", username = "u", password_env = "TURN_PASSWORD" }
        [[webhooks]]
        url = "https://example.com/hook"
        events = ["call-*"]
        secret_env = "HOOK_SECRET"
        [listen]
        wss = "0.0.0.0:8443"
        origins = ["https://app.example.com"]
        certificate = "robot.pem"
        [web]
        listen = "0.0.0.0:8080"
        tokens = "tokens.toml"
        [[incoming]]
        action = { reject = "USER_BUSY" }
        """
    assert check(text, environ=ENVIRON) == []
    config = load(text, environ=ENVIRON)
    assert (config.dry_run, config.recordings, config.webhooks[0].secret) == (True, "recordings", "h00k")
    turn = config.accounts["pbx"].turn
    assert turn is not None and turn.password == "t0rn"
    for value in (config, turn, config.webhooks, config.accounts["pbx"]):
        assert not any(secret in repr(value) for secret in ("t0rn", "h00k", "s3cret"))
    assert ":pw@" not in repr(StoreConfig(url=Text("postgresql://robot:pw@db/robot")))


@pytest.mark.parametrize(
    ("setting", "extra", "words"),
    [
        ('media = "srtp"', "media", "accounts.pbx.media: encrypted media need"),
        ('media = "webrtc"', "media", "accounts.pbx.media: encrypted media need"),
        ('codecs = ["opus", "PCMU"]', "media", "accounts.pbx.codecs: opus and G722 need"),
        ('server = "wss://pbx.example.com/ws"', "ws", "accounts.pbx.server: SIP over WebSocket needs"),
        (
            "[listen]\nwss = '0.0.0.0:443'\ncertificate = 'c.pem'\norigins = ['https://a.example.com']",
            "ws",
            "listen.wss: SIP over WebSocket needs",
        ),
        ("[store]\nurl = 'postgresql://robot@db/robot'", "postgres", "store.url: PostgreSQL needs"),
        ("[otel]", "otel", "otel: OpenTelemetry spans need"),
        ("[web]\nlisten = '127.0.0.1:80'", "web", "web: the HTTP API and the page need"),
        ("[[webhooks]]\nurl = 'https://x'\nsecret = 'x'", "web", "webhooks[1]: webhooks need"),
    ],
)
def test_what_needs_an_extra_is_taken_where_it_is_installed(setting: str, extra: str, words: str) -> None:
    text = edited('example.com"', f'example.com"\n{setting}') if setting[0] != "[" else f"{MINIMAL}\n{setting}\n"
    assert not [finding for finding in check(text, environ=ENVIRON) if finding.severity == "error"]
    wrong = [each for each in check(text, environ=ENVIRON, lacking=tuple(NEEDS)) if each.severity == "error"]
    assert [each.message for each in wrong] == [f"{words} the extra: pip install 'sipclient[{extra}]'"]
    others = set(NEEDS) - {extra}
    assert not [each for each in check(text, environ=ENVIRON, lacking=others) if each.severity == "error"]
    with pytest.raises(ConfigError, match="the extra: pip install"):
        load(text, environ=ENVIRON, lacking=[extra])
    assert check(MINIMAL, environ=ENVIRON, lacking=tuple(NEEDS)) == []


def test_a_relay_without_credentials_is_warned_of() -> None:
    text = edited('example.com"', 'example.com"\nturn = { url = "turn:turn.example.com" }')
    (found,) = check(text, environ=ENVIRON)
    assert (found.severity, found.key) == ("warning", "accounts.pbx.turn")


@pytest.mark.parametrize("name", ["robot.toml", "minimal.toml"])
def test_the_examples_have_no_finding(name: str) -> None:
    assert check((ROOT / "examples" / name).read_text(), environ=ENVIRON) == []


def test_minimal_defaults() -> None:
    config = load(MINIMAL, environ=ENVIRON)
    assert config.watch[0].account == "pbx"
    assert config.rules[0].when.from_.names == ("on-the-phone",) and config.rules[0].when.to.names == ("ready",)
    assert config.store.url == "sqlite:robot.db" and config.web is None


def edited(old: str, new: str) -> str:
    assert old in MINIMAL
    return MINIMAL.replace(old, new)


MISTAKES = [
    # what is changed in minimal.toml, into what, the line and the words of the one error
    ("[dial]", "[dail]", 9, 'dail: unknown key (did you mean "dial"?)'),
    ("address ", "adress", 2, 'accounts.pbx.adress: unknown key (did you mean "address"?)'),
    ("address ", "place", 1, 'accounts.pbx: "address" is missing'),
    ('"sip:robot@pbx.example.com"', '"robot"', 2, "accounts.pbx.address: an address is like"),
    ('"sip:robot@pbx.example.com"', "12", 2, "accounts.pbx.address: an address is a string, not a number"),
    (
        '"sip:robot@pbx.example.com"',
        '"sip:robot@pbx"\nexpires = "5 min"',
        3,
        "accounts.pbx.expires: a duration is",
    ),
    (
        '"sip:robot@pbx.example.com"',
        '"sip:robot@pbx"\nexpires = 0',
        3,
        "accounts.pbx.expires: a registration that",
    ),
    (
        '"sip:robot@pbx.example.com"',
        '"sip:robot@pbx"\nregister = "yes"',
        3,
        "accounts.pbx.register: expected true or",
    ),
    (
        '"sip:robot@pbx.example.com"',
        '"sip:robot@pbx"\npassword = "x"',
        4,
        "accounts.pbx.password_env: password is given",
    ),
    ('["1001", "1002"]', '["1001", "10*"]', 5, 'watch[1].extensions[2]: "10*" cannot be watched'),
    ('["1001", "1002"]', '["1001", 1002]', 5, "watch[1].extensions[2]: a pattern is a string, not a number"),
    ('["1001", "1002"]', '["1001", "9-10"]', 5, 'watch[1].extensions[2]: "9-10" is no range'),
    ('["1001", "1002"]', "[]", 5, "watch[1].extensions: nothing is listed"),
    ('["1001", "1002"]', '"1001"', 5, 'watch[1].extensions: expected a list, not a string: write ["1001"]'),
    ('["1001", "1002"]', '["1000"]\nevents = []', 6, "watch[1].events: nothing is listed"),
    (
        '["1001", "1002"]',
        '["1000"]\naccount = "pbv"',
        6,
        'watch[1].account: no account is called "pbv" (did you mean',
    ),
    (
        '["1001", "1002"]',
        '["000000-999999"]',
        5,
        'watch[1].extensions[1]: "000000-999999" is 1000000 extensions',
    ),
    ('["1001", "1002"]', '["000000-059999", "100000-159999"]', 4, "watch: 120000 extensions are watched"),
    ("extensions", "extension", 5, 'watch[1].extension: unknown key (did you mean "extensions"?)'),
    ("[[watch]]", "[watch]", 4, "watch: expected [[watch]] tables, not a table"),
    ('name = "ready-calls-queue"', 'name = "a/b"', 7, "rules[1].name: a rule's name has 1 to 64 characters"),
    ('name = "ready-calls-queue"', 'name = "x"\nsettle = "soon"', 8, "rules[1].settle: a duration is"),
    ('name = "ready-calls-queue"', 'name = "x"\nlimit = "many"', 8, "rules[1].limit: a rate is like"),
    (
        'name = "ready-calls-queue"',
        'name = "x"\narmed = "never"',
        8,
        'rules[1].armed: expected "always" or "on-request"',
    ),
    (
        'name = "ready-calls-queue"',
        'name = "x"\nrun = "h.py:f"',
        6,
        "rules[1]: a rule has either call or run",
    ),
    (
        'name = "ready-calls-queue"',
        'name = "x"\nrun = "h.lua"',
        8,
        'rules[1].run: a hook is "file.py:function"',
    ),
    ('name = "ready-calls-queue"', 'name = "x"\nwhen = { to = "reddy" }', 8, "rules[1].when.to: expected"),
    (
        'name = "ready-calls-queue"',
        'name = "x"\nwhen = { to = [] }',
        8,
        "rules[1].when.to: at least one state",
    ),
    (
        'name = "ready-calls-queue"',
        'name = "x"\nwhen = { account = "y" }',
        8,
        "rules[1].when.account: no account is",
    ),
    (
        'name = "ready-calls-queue"',
        'name = "x"\nwhen = { from = "ready" }',
        8,
        "rules[1].when: from and to are both",
    ),
    (
        'name = "ready-calls-queue"',
        'name = "x"\nwhen = { extensions = ["3*"] }',
        8,
        "rules[1].when: no [[watch]] covers",
    ),
    (
        'name = "ready-calls-queue"',
        'name = "x"\nhours = { days = "moon" }',
        8,
        'rules[1].hours.days: "moon" is no day',
    ),
    (
        'name = "ready-calls-queue"',
        'name = "x"\nhours = { from = "8:00" }',
        8,
        "rules[1].hours.from: a time of day is",
    ),
    (
        'name = "ready-calls-queue"',
        'name = "x"\nhours = { to = "00:00" }',
        8,
        "rules[1].hours: from and to are the same",
    ),
    (
        'name = "ready-calls-queue"',
        'name = "x"\nhours = { timezone = "Europe/Berln" }',
        8,
        "rules[1].hours.timezone: ",
    ),
    (
        'name = "ready-calls-queue"',
        'name = "x"\nhours = { timezon = "UTC" }',
        8,
        "rules[1].hours.timezon: unknown key (did",
    ),
    ("call = {", "coll = {", 8, 'rules[1].coll: unknown key (did you mean "call"?)'),
    ('call = { to = "7000",', "call = {", 8, 'rules[1].call: "to" is missing'),
    ("call = { to", 'call = { account = "q", to', 8, 'rules[1].call.account: no account is called "q"'),
    ('to = "7000"', 'to = "8000"', 8, 'rules[1].call.to: [dial] allow does not name "8000"'),
    ('to = "7000"', 'to = "sip:a b"', 8, 'rules[1].call.to: "sip:a b" is neither a number nor'),
    ('allow = ["7000"]', "", 8, "rules[1].call.to: [dial] allow names nothing"),
    (
        "<{extension}>",
        "<{extention}>",
        8,
        "rules[1].call.caller_id: unknown name {extention} at character 28 (did you",
    ),
    ('" <', "<", 8, "rules[1].call.caller_id: a quotation mark is not closed"),
    (
        "call = { ",
        'call = { headers = { X-A = "{b}" }, ',
        8,
        "rules[1].call.headers.X-A: header X-A: unknown name {b}",
    ),
    ("call = { ", "call = { headers = 3, ", 8, "rules[1].call.headers: headers are a table"),
    (
        "call = { ",
        'call = { headers = { Via = "x" }, ',
        8,
        "rules[1].call.headers.Via: Via is written by the protocol",
    ),
    (
        "call = { ",
        'call = { headers = { "a b" = "x" }, ',
        8,
        'rules[1].call.headers.a b: "a b" is no header name',
    ),
    (
        "call = { ",
        'call = { retry = { on = ["BUSY"] }, ',
        8,
        "rules[1].call.retry.on[1]: unknown hangup cause",
    ),
    ("call = { ", "call = { retry = { on = [] }, ", 8, "rules[1].call.retry.on: no cause is listed"),
    (
        "call = { ",
        "call = { retry = { on = [486], times = 0 }, ",
        8,
        "rules[1].call.retry.times: must be a whole number",
    ),
    (
        "call = { ",
        "call = { retry = { on = [486], times = 1.5 }, ",
        8,
        "rules[1].call.retry.times: expected a whole number, not 1.5",
    ),
    (
        "call = { ",
        "call = { retry = { on = [486], backoff = nan }, ",
        8,
        "rules[1].call.retry.backoff: must be a number from 1",
    ),
    ("[dial]", "[dial]\ncalls_per_second = 0", 10, "dial.calls_per_second: must be a number from 1e-05 (one call in"),
    ("[dial]", "[dial]\ncalls_per_second = 1e-320", 10, "dial.calls_per_second: must be a number from"),
    ("[dial]", "[dial]\ncalls_per_second = inf", 10, "dial.calls_per_second: must be a number from"),
    ("[dial]", "[dial]\ncalls_at_once = 0", 10, "dial.calls_at_once: must be a whole number from 1"),
    ("[dial]", '[store]\nurl = "mysql:x"\n[dial]', 10, 'store.url: the store is "sqlite:FILE"'),
    (
        "[dial]",
        '[web]\nlisten = "0.0.0.0:80"\n[dial]',
        10,
        "web.listen: any address but loopback needs tokens",
    ),
    ("[dial]", '[web]\nlisten = "localhost"\n[dial]', 10, 'web.listen: "localhost" lacks a port'),
    (
        "[dial]",
        '[[webhooks]]\nurl = "http://x"\nsecret = "s"\nevents = ["call-*", "recording-complet"]\n[dial]',
        12,
        'webhooks[1].events: no event is called "recording-complet" (did you mean "recording-complete"?)',
    ),
    ("[dial]", '[[webhooks]]\nurl = "ftp://x"\n[dial]', 10, "webhooks[1].url: a webhook is like"),
    (
        "[dial]",
        '[[webhooks]]\nurl = "http://x"\nsecret = "s"\n[[webhooks]]\nurl = "http://x"\nsecret = "s"\n[dial]',
        13,
        "webhooks[2].url: there is a webhook with this URL above",
    ),
    (
        "[dial]",
        '[listen]\nwss = "[::]:8443"\ncertificate = "c"\n[dial]',
        9,
        "listen.origins: name the web sites",
    ),
    ('example.com"', 'example.com"\nstun = "turn:turn.example.com"', 3, "accounts.pbx.stun: a STUN server begins with"),
    (
        'example.com"',
        'example.com"\nturn = { url = "stun:a.example", username = "u", password_env = "TURN_PASSWORD" }',
        3,
        'accounts.pbx.turn.url: a TURN server begins with "turn:" or "turns:"',
    ),
    (
        'example.com"',
        'example.com"\nturn = { url = "turns:a?transport=udp", username = "u", password_env = "TURN_PASSWORD" }',
        3,
        "accounts.pbx.turn.url: TURN over DTLS is not available",
    ),
    ('example.com"', 'example.com"\nexpires = "900ms"', 3, "accounts.pbx.expires: PBXs count whole seconds"),
    ("call = {", "call = { retry = { on = [1000] },", 8, 'rules[1].call.retry.on[1]: "1000" is no final status'),
    ("call = {", 'call = { retry = { on = ["9xx"] },', 8, 'rules[1].call.retry.on[1]: "9xx" is no final status'),
    ("call = {", "call = { timeout = 0,", 8, "rules[1].call.timeout: a call that rings for no time"),
    ("<{extension}>", "<{caller}>", 8, "rules[1].call.caller_id: {caller} is known only of a request"),
    ('to = "7000"', 'to = "{variables.to}"', 8, "rules[1].call.to: {variables.to} is known only of a request"),
    ("call = {", 'call = { headers = { X-A = "{caller_name}" },', 8, "rules[1].call.headers.X-A: {caller_name} is"),
    ("[accounts.pbx]", '[accounts."a/b"]', 1, "accounts.a/b: an account's name has 1 to 64 characters"),
    ("[accounts.pbx]", "dry_run = 1\n[accounts.pbx]", 1, "dry_run: expected true or false, not a number"),
    ("[accounts.pbx]", "recordings = 1\n[accounts.pbx]", 1, "recordings: this is a string, not a number"),
    ("[accounts.pbx]", "store = 1\n[accounts.pbx]", 1, "store: expected a [store] table, not a number"),
    (
        "[accounts.pbx]",
        "accounts.x = 1979-05-27\n[accounts.pbx]",
        1,
        "accounts.x: expected a table [accounts.NAME], not a",
    ),
    ("[accounts.pbx]", "[accounts.pbx", 1, "this is no TOML: Expected ']' at the end of a table declaration"),
    ('allow = ["7000"]', 'allow = ["7000"', 11, "this is no TOML: Unclosed array"),
    ("[accounts.pbx]", "a = " + "9" * 5000 + "\n[accounts.pbx]", 0, "this is no TOML: Exceeds the limit"),
    ("[accounts.pbx]", "a = " + "[" * 5000, 0, "lists or tables are nested too deeply"),
]


@pytest.mark.parametrize(("old", "new", "line", "words"), MISTAKES)
def test_a_mistake_is_told_with_its_line(old: str, new: str, line: int, words: str) -> None:
    text = edited(old, new)
    told = errors(text)
    assert any(each.startswith(f"{line}: {words}") for each in told), told
    with pytest.raises(ConfigError) as raised:
        load(text, environ=ENVIRON, file="my.toml")
    assert f"{raised.value.line}: {raised.value.message}" == told[0]
    assert raised.value.file == "my.toml"


def test_one_mistake_is_told_once() -> None:
    """Follow-on complaints would hide the cause; of the rows above two make two mistakes."""
    several = [words for old, new, _, words in MISTAKES if len(errors(edited(old, new))) != 1]
    assert [words.split(":")[0] for words in several] == ["accounts.pbx", "accounts.x"]


def test_every_mistake_is_told() -> None:
    text = """
        [accounts.pbx]
        address = "sip:robot@pbx.example.com"
        identity = [
            "from",
            "pia",   # list elements keep their places when others are taken out
            "rpid",
            "pie",
        ]
        expires = "1w"
        [[watch]]
        extensions = ["1001"]
        [[rules]]
        name = "a"
        settle = -1
        hours = { days = "mon", from = "25:00" }
        """
    assert [each.split(": ")[:2] for each in errors(text)] == [
        ["6", "accounts.pbx.identity[2]"],
        ["8", "accounts.pbx.identity[4]"],
        ["10", "accounts.pbx.expires"],
        ["13", "rules[1]"],
        ["15", "rules[1].settle"],
        ["16", "rules[1].hours.from"],
    ]


WARNINGS = [
    ('example.com"', 'example.com"\nexpires = 9', 3, "accounts.pbx.expires: PBXs raise so short a time"),
    (
        'password_env = "PBX_PASSWORD"',
        'password = "x"',
        3,
        "accounts.pbx.password: it stands in the file for all to read",
    ),
    (
        'password_env = "PBX_PASSWORD"',
        "tls_verify = false",
        3,
        "accounts.pbx.tls_verify: certificates are not checked",
    ),
    ('"1002"]', '"1001"]', 5, 'watch[1].extensions[2]: "1001" overlaps with "1001": the first watch counts'),
    ('"1002"]', '"1000-1999"]', 5, 'watch[1].extensions[2]: "1000-1999" overlaps with "1001"'),
    (
        '"1002"]',
        '"1002"]\n[[watch]]\nextensions = ["1002-1003"]',
        7,
        'watch[2].extensions[1]: "1002-1003" overlaps',
    ),
    (
        '"1002"]',
        '"1002"]\nevents = ["dialog"]',
        6,
        "watch[1].events: dialog alone cannot tell offline from ready",
    ),
    (
        'queue"\n',
        'q"\nwhen = { extensions = ["1001", "2*"] }\n',
        8,
        "rules[1].when.extensions[2]: no [[watch]] covers",
    ),
    (
        'queue"\n',
        'q"\nwhen = { extensions = ["1001", "1001"] }\n',
        8,
        'rules[1].when.extensions[2]: "1001" overlaps',
    ),
    ('queue"\n', 'q"\narmed = "on-request"\n', 8, "rules[1].armed: nobody can ask"),
    ('["7000"]', '["*", "7000"]', 10, 'dial.allow[1]: "*" allows every number there is'),
]


@pytest.mark.parametrize(("old", "new", "line", "words"), WARNINGS)
def test_a_warning_does_not_stop(old: str, new: str, line: int, words: str) -> None:
    text = edited(old, new)
    found = check(text, environ=ENVIRON)
    assert [(each.severity, each.line) for each in found] == [("warning", line)]
    assert found[0].message.startswith(words)
    assert str(found[0]) == f"robot.toml:{line}: warning: {found[0].message}"
    assert isinstance(load(text, environ=ENVIRON), Config)


def test_accounts_that_are_no_table() -> None:
    assert errors("accounts = 5") == ["1: accounts: write [accounts.NAME], not a number"]


def test_no_time_needs_no_unit() -> None:
    text = edited('example.com"', 'example.com"\nkeepalive = "0"')
    assert load(text, environ=ENVIRON).accounts["pbx"].keepalive == 0


def test_nothing_at_all() -> None:
    assert errors("") == ["1: there is no [accounts.NAME] table: without an account there is nothing to do"]


def test_a_byte_order_mark_and_windows_line_ends_are_no_mistake() -> None:
    text = "\ufeff" + MINIMAL.replace("\n", "\r\n")
    assert check(text, environ=ENVIRON) == []
    assert check(text.replace("7000", "8000", 1), environ=ENVIRON)[0].line == 8


def test_a_file_too_long() -> None:
    assert errors("#" * 4_194_305) == ["0: the file is longer than 4194304 characters"]


def test_several_accounts_must_be_told_apart() -> None:
    text = MINIMAL + '[accounts.other]\naddress = "sip:me@example.org"\n'
    assert errors(text) == ['4: watch[1]: "account" is missing: there are several']
    text = text.replace("extensions =", 'account = "pbx"\nextensions =')
    assert load(text, environ=ENVIRON).watch[0].account == "pbx"
    other = text.replace('name = "ready-calls-queue"', 'name = "x"\nwhen = { account = "other" }')
    assert errors(other)[0].startswith("9: rules[1].when: no [[watch]] covers any")


def test_two_rules_of_one_name() -> None:
    text = MINIMAL + '[[rules]]\nname = "ready-calls-queue"\nrun = "hooks.py:on_ready"\n'
    assert errors(text) == ['12: rules[2].name: another rule is called "ready-calls-queue" already']


def test_a_rule_with_nothing_to_do() -> None:
    text = MINIMAL + '[[rules]]\nname = "idle"\n'
    assert errors(text) == ['11: rules[2]: a rule needs "call" or "run"']


def test_dialog_alone_never_says_offline() -> None:
    text = edited('"1002"]', '"1002"]\nevents = ["dialog"]').replace('queue"', 'queue"\nwhen = { to = "offline" }')
    assert errors(text)[0].startswith("9: rules[1].when.to: dialog alone never says offline")


def test_a_setting_given_twice() -> None:
    text = "dry_run = true\n" + MINIMAL + "[web]\ndry_run = true\n"
    assert errors(text) == ["13: web.dry_run: dry_run is given outside [web] too: once is enough"]
    assert load(MINIMAL + '[web]\ndry_run = true\nrecordings = "r"', environ=ENVIRON).dry_run


def test_a_template_may_call_what_the_allow_list_decides_later() -> None:
    assert check(edited('to = "7000"', 'to = "7{extension}"'), environ=ENVIRON) == []


def test_a_rule_may_name_the_account_that_calls() -> None:
    text = edited("call = {", 'call = { account = "pbx",')
    assert check(text, environ=ENVIRON) == []


@given(st.text(max_size=200) | st.text(alphabet='[]{}="\n.,#ab1 ', max_size=80))
def test_any_text_gives_findings_and_nothing_else(text: str) -> None:
    assert all(found.line >= 0 for found in check(text))
    with pytest.raises(ConfigError):
        load(text)


@pytest.mark.parametrize(
    ("secret", "sound"), [("whsec_aGVsbG8=", True), ("whsec_@@", False), ("whsec_", False), ("x", True)]
)
def test_a_secret_that_only_looks_like_one(secret: str, sound: bool) -> None:
    found = check(edited("[dial]", f'[[webhooks]]\nurl = "https://x"\nsecret = "{secret}"\n[dial]'), environ=ENVIRON)
    assert any(each.severity == "error" and "not base64" in each.message for each in found) is not sound


def test_a_webhook_without_a_secret_is_doubted() -> None:
    found = check(edited("[dial]", '[[webhooks]]\nurl = "https://x"\n[dial]'), environ=ENVIRON)
    doubts = [each for each in found if each.key == "webhooks[1]"]
    assert [(each.severity, each.message.partition(":")[0]) for each in doubts] == [("warning", "no secret")]


@pytest.mark.parametrize(
    ("url", "warned"),
    [
        ("postgresql://robot:pw@db/robot", True),
        ("postgresql://db/robot?user=robot&password=pw", True),
        ("postgresql://robot@db:5432/robot", False),
        ("postgresql://robot@[::1]:5432/robot", False),
        ("sqlite:a:b@c", False),
    ],
)
def test_a_stores_password_in_the_file_is_warned_of(url: str, warned: bool) -> None:
    text = f'[accounts.pbx]\naddress = "sip:robot@pbx.example.com"\n[store]\nurl = "{url}"\n'
    findings = [str(each) for each in check(text)]
    assert bool(findings) is warned and not any("pw" in each for each in findings)
