"""Dial strings as FreeSWITCH users type them: each name, each separator, and what is refused in which words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipclient.config.model import Retry
from sipclient.config.templates import DialTemplate
from sipclient.dialling import Leg, Plan, parse_dial_string, read_retry
from sipclient.dialling.names import ALWAYS, DOES, REFUSED, refusal
from sipclient.dialling.plan import fill_leg, variable_headers
from sipclient.dialling.variables import ANY, KNOWN
from sipclient.errors import InvalidValue

ACCOUNTS = ("audiocode", "pbx")


def parse(text: str) -> Plan:
    return parse_dial_string(text, ACCOUNTS)


def leg(text: str) -> Leg:
    (only,) = parse(text).legs
    return only


def complaint(text: str) -> str:
    with pytest.raises(InvalidValue) as caught:
        parse(text)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "to", "account"),
    [
        ("7000", "7000", ""),
        (" 7000 ", "7000", ""),
        ("+49 30 1".replace(" ", ""), "+49301", ""),
        ("sip:bob@example.com;transport=tcp", "sip:bob@example.com;transport=tcp", ""),
        ("sip:bob@[2001:db8::1]:5070", "sip:bob@[2001:db8::1]:5070", ""),
        ("SIPS:bob@example.com", "SIPS:bob@example.com", ""),
        ("tel:+1-201-555-0123", "tel:+1-201-555-0123", ""),
        ("bob@example.com", "bob@example.com", ""),
        ("sip:a/b@example.com", "sip:a/b@example.com", ""),
        ("user/1001", "1001", ""),
        ("USER/1001@pbx.example.com", "1001@pbx.example.com", ""),
        ("sofia/gateway/audiocode/12985551234", "12985551234", "audiocode"),
        ("sofia/gateway/pbx/bob@example.com", "bob@example.com", "pbx"),
        ("sofia/internal/1001@192.0.2.7:5070", "sip:1001@192.0.2.7:5070", ""),
        ("sofia/pbx/1001@192.0.2.7", "sip:1001@192.0.2.7", "pbx"),
        ("sofia/external/sip:1001@192.0.2.7;transport=tls", "sip:1001@192.0.2.7;transport=tls", ""),
        ("sofia/internal/1001%pbx.example.com", "sip:1001@pbx.example.com", ""),
        ("[leg_timeout=5]  user/1001", "1001", ""),
    ],
)
def test_targets(text: str, to: str, account: str) -> None:
    assert (leg(text).to, leg(text).account) == (to, account)


def test_the_string_of_the_thread() -> None:
    base = "{ignore_early_media=true,originate_timeout=90,hangup_after_bridge=true,uuid=123456789,leg=1}"
    plan = parse(base + "sofia/gateway/audiocode/12987021726666")
    assert (plan.ignore_early_media, plan.timeout, plan.hangup_after_bridge) == (True, 90.0, True)
    assert plan.variables == (("uuid", "123456789"), ("leg", "1"))
    (only,) = plan.legs
    assert (only.to, only.account) == ("12987021726666", "audiocode")
    assert only.headers == (("X-uuid", "123456789"), ("X-leg", "1"))
    assert plan.retry is None


@pytest.mark.parametrize(
    ("text", "rounds"),
    [
        ("user/1,user/2", [["1", "2"]]),
        ("user/1|user/2", [["1"], ["2"]]),
        ("user/1 , 2 | sofia/gateway/pbx/3,4|5", [["1", "2"], ["3", "4"], ["5"]]),
        ("{a=b}{c=d} 1,[e=f|g]2", [["1", "2"]]),
    ],
)
def test_in_turn_and_at_once(text: str, rounds: list[list[str]]) -> None:
    assert [[each.to for each in together] for together in parse(text).rounds] == rounds


@pytest.mark.parametrize(
    ("block", "field", "value"),
    [
        ("origination_uuid=order-17", "id", "order-17"),
        ("originate_timeout=90", "timeout", 90.0),
        ("originate_timeout=2h", "timeout", 7200.0),
        ("ignore_early_media=true", "ignore_early_media", True),
        ("ignore_early_media=no", "ignore_early_media", False),
        ("ignore_early_media=no", "early_is_ringing", False),
        ("ignore_early_media=consume", "ignore_early_media", True),
        ("ignore_early_media=ring_ready", "ignore_early_media", True),
        ("ignore_early_media=ring_ready", "early_is_ringing", True),
        ("hangup_after_bridge=false", "hangup_after_bridge", False),
        ("RECORD_STEREO=true", "stereo", True),
        ("ringback=%(2000,4000,440,480)", "ringback", "%(2000,4000,440,480)"),
        ("ringback='%(2000,4000,440,480)'", "ringback", "%(2000,4000,440,480)"),
        (r"ringback=%(2000\,4000\,440\,480)", "ringback", "%(2000,4000,440,480)"),
        ("transfer_ringback=${us-ring}", "ringback", "${us-ring}"),
        ("transfer_ringback=uk-ring,ringback=us-ring", "ringback", "uk-ring"),
        ("ringback=us-ring,transfer_ringback=uk-ring", "ringback", "uk-ring"),
        ("ringback=_undef_", "ringback", ""),
        ("originate_timeout=30,originate_timeout=_undef_", "timeout", 0.0),
        ("originate_timeout=30,originate_continue_on_timeout=true", "timeout", 0.0),
        ("originate_timeout=30,originate_continue_on_timeout=false", "timeout", 30.0),
        (r"ringback='a,b'", "ringback", "a,b"),
        (r"ringback=a\sb", "ringback", "a b"),
        (r"ringback=a\db\\c", "ringback", r"a\db\c"),
        ("ringback={a{b}},x=y", "ringback", "{a{b}}"),
        ("ringback=tone_stream://%(400\\,200),x=y", "ringback", "tone_stream://%(400,200)"),
        ("^^:ringback=%(2000,4000,440,480):a=b,c", "ringback", "%(2000,4000,440,480)"),
        ("originate_retries=1", "retry", None),
        ("originate_retries=0", "retry", None),
        ("originate_retries=3", "retry", Retry(on=(ANY,), times=2, wait=1.0)),  # type: ignore[arg-type]
        (
            "originate_retries=3,originate_retry_sleep_ms=5000000",
            "retry",
            Retry(on=(ANY,), times=2, wait=5000.0),  # type: ignore[arg-type]
        ),
    ],
)
def test_what_holds_for_all(block: str, field: str, value: object) -> None:
    assert getattr(parse(f"{{{block}}}user/1001|user/1002"), field) == value
    if field != "retry":
        assert "write it in" in complaint(f"[{block}]user/1001")


@pytest.mark.parametrize(
    ("block", "field", "value"),
    [
        ("origination_caller_id_number=1001", "caller_number", "1001"),
        ("origination_caller_id_name='Smith, Ann'", "caller_name", "Smith, Ann"),
        ("origination_caller_id_name=O'Brien", "caller_name", "O'Brien"),
        ('origination_caller_id_name="Ann = Bob"', "caller_name", "Ann = Bob"),
        (r"origination_caller_id_name=Smith\, Ann", "caller_name", "Smith, Ann"),
        ("leg_timeout=20", "timeout", 20.0),
        ("progress_timeout=5", "progress_timeout", 5.0),
        ("leg_progress_timeout=500ms", "progress_timeout", 0.5),
        ("sip_h_X-Order=17", "headers", (("X-Order", "17"),)),
        ("sip_h_X-Order=17,sip_h_x-order=18", "headers", (("x-order", "18"),)),
        ("order_id=17", "headers", (("X-order-id", "17"),)),
        ("^^;order=1,2,3", "headers", (("X-order", "1,2,3"),)),
        ("absolute_codec_string=pcma@8000h@20i", "codecs", ("PCMA", "telephone-event")),
        ("absolute_codec_string='OPUS,PCMU,opus'", "codecs", ("opus", "PCMU", "telephone-event")),
        ("absolute_codec_string=^^:OPUS:PCMU", "codecs", ("opus", "PCMU", "telephone-event")),
        ("sip_secure_media=true", "media", "srtp"),
        ("sip_secure_media=false", "media", "rtp"),
        ("rtp_secure_media=forbidden", "media", "rtp"),
        ("codec_string=G722@16000h", "codecs", ("G722", "telephone-event")),
        ("leg_delay_start=5", "delay", 5.0),
        ("origination_caller_id_name=_undef_", "caller_name", ""),
        ("sip_h_Call-Info=_undef_", "headers", ()),
        ("mine=_undef_", "headers", ()),
        ("sip_h_X-A=[::1],sip_h_X-B='{'", "headers", (("X-A", "[::1]"), ("X-B", "{"))),
        ("rtp_secure_media=mandatory", "media", "srtp"),
    ],
)
def test_what_holds_for_a_leg(block: str, field: str, value: object) -> None:
    assert getattr(leg(f"{{{block}}}user/1001"), field) == value
    assert getattr(leg(f"[{block}]user/1001"), field) == value


def test_a_leg_has_the_last_word_on_itself() -> None:
    first, second = parse("{leg_timeout=30,sip_h_X-A=1,sip_h_X-B=2}[leg_timeout=10,sip_h_x-a=3]1,2").legs
    assert (first.timeout, second.timeout) == (10.0, 30.0)
    assert first.headers == (("x-a", "3"), ("X-B", "2"))
    assert second.headers == (("X-A", "1"), ("X-B", "2"))


def test_who_is_shown_to_call() -> None:
    assert Leg("1").caller_id("robot") == ""
    assert Leg("1", caller_number="55").caller_id("robot") == "55"
    assert Leg("1", caller_name='Ann "A" \\').caller_id("robot") == '"Ann \\"A\\" \\\\" <robot>'
    assert Leg("1", caller_name="Ann", caller_number="55").caller_id("robot") == '"Ann" <55>'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("{a=b}", "a target is missing"),
        ("1,", "a target is missing"),
        ("1||2", "a target is missing"),
        ("loopback/7000", '"loopback/" is not supported; sofia/gateway/NAME/NUMBER'),
        ("error/USER_BUSY", '"error/" is not supported'),
        ("group/sales@default", '"group/" is not supported'),
        ("verto.rtc/1001", '"verto.rtc/" is not supported'),
        ("<a=b>user/1", "enterprise originate"),
        ("user/1:_:user/2", "enterprise originate"),
        ("user/1001 &park()", "an application after it (&park) is not supported"),
        ("1,{a=b}2", 'before one target write "[...]"'),
        (
            "sofia/gateway/other/1",
            'there is no account "other", and gateways are accounts by name; there are: audiocode, pbx',
        ),
        ("sofia/gateway/pbx", "sofia/gateway/NAME/NUMBER"),
        ("sofia/gateway/pbx/", "sofia/gateway/NAME/NUMBER"),
        ("sofia/internal", "gateway/NAME/NUMBER or PROFILE/USER@HOST"),
        ("sofia/internal/1001", "by number it is user/NUMBER"),
        ("sofia/internal/1001@h;fs_path=sip:x", "fs_path is not supported"),
        ("user/", "is no number, no URI"),
        ("sip:a:secret@example.com", "is no number, no URI"),
        ("{a=b", "not closed"),
        ("[a=b 1", "not closed"),
        ("{a='b'", "not closed"),
        ("{a}1", "a variable is name=value"),
        ("{1a=b}1", "a variable is name=value"),
        ("{^^aa=b}1", "a separator is a mark"),
        ("{originate_timeout=soon}1", "originate_timeout: a duration"),
        ("{originate_timeout=99999999999}1", "a whole number up to"),
        ("{originate_retries=many}1", "a whole number up to 1000"),
        ("{ignore_early_media=loudly}1", "is true or false"),
        ("{absolute_codec_string=PCMU@8000h@30i}1", "PCMU is had with 8000h and 20i"),
        ("{absolute_codec_string=opus@8000h}1", "opus is had with 48000h and 20i"),
        (r"{ringback=a\nb}1", "ringback holds the control character"),
        ("{origination_caller_id_number=${caller_id_number}}1", "is not filled in here: write the value itself"),
        ("${sofia_contact(1001@x)}", "${...} is not filled in here: write the target itself"),
        ("{effective_caller_id_number=1}1", "write origination_caller_id_name and origination_caller_id_number"),
        ("{call_timeout=1}1", "write originate_timeout for the whole, or leg_timeout for each target"),
        ("{nolocal:a=b}1", "a variable is name=value"),
        ("{sip_auto_answer=true}1", "sip_h_Call-Info=<sip:pbx>;answer-after=0"),
        ("{group_confirm_key=1}1", "nobody is asked to press a key"),
        ("{t38_passthru=true}1", "t38_passthru is not supported"),
        ("{sip_secure_media=optional}1", "sip_secure_media=optional is not supported"),
        ("{absolute_codec_string=G729}1", '"G729" is no codec of ours'),
        ("{origination_uuid=a b}1", "origination_uuid: 'a b' is no id"),
        ("{execute_on_answer=park}1", "execute_on_answer is not supported: there is no dialplan"),
        ("{sip_invite_domain=x}1", "sip_invite_domain is not supported"),
        ("{ignore_early_medai=true}1", "did you mean ignore_early_media?"),
        ("{leg_time_out=5}1", "did you mean leg_timeout?"),
        ("{sip_h_X Y=1}1", "a variable is name=value"),
        ("1\r\nX: y", "the dial string holds the control character"),
        ("1\u202e2", "must not hold"),
        (7000, "the dial string is text, not 7000"),
        ("1" * 20_000, "characters: 16384 is the most"),
        (",".join("1" * 101), "more than 100 targets"),
    ],
)
def test_what_is_refused_is_named(text: str, words: str) -> None:
    said = complaint(text)
    assert words in said
    assert "\n" not in said


# --- the table of names -----------------------------------------------------------------------------


def test_the_table_of_what_names_do_names_all_of_them() -> None:
    assert set(DOES) | set(ALWAYS) == KNOWN | {"sip_h_*"}
    assert refusal("order_id") is None


@pytest.mark.parametrize("name", ALWAYS)
def test_what_is_always_so_may_be_said_and_its_contrary_is_refused(name: str) -> None:
    value = ALWAYS[name].value
    assert parse(f"{{{name}={value}}}1") == parse("1")
    contrary = "false" if value == "true" else "true"
    assert complaint(f"{{{name}={contrary}}}1") == f"{name}={contrary} is not supported: {ALWAYS[name].why}"


@pytest.mark.parametrize("pattern", REFUSED)
def test_what_is_refused_is_refused_with_what_to_do(pattern: str) -> None:
    name = pattern.replace("*", "anything")
    for value in ("1", "_undef_"):
        assert complaint(f"[{name}={value}]1").startswith(f"{name} is not supported")
    assert REFUSED[pattern] in complaint(f"{{{name}=1}}1")


def test_a_time_limit_of_each_round() -> None:
    plan = parse("{originate_timeout=30,originate_continue_on_timeout=true}[leg_timeout=10]1,[leg_timeout=60]2|3")
    assert [each.timeout for each in plan.legs] == [10.0, 30.0, 30.0]
    assert parse("{originate_continue_on_timeout=true}1").legs[0].timeout == 0.0


def test_without_accounts_there_is_no_gateway() -> None:
    with pytest.raises(InvalidValue, match="there is: none"):
        parse_dial_string("sofia/gateway/pbx/1")


@given(st.text(max_size=60) | st.text("{}[]^,|=:'\"\\$()<>/ ab1@%", max_size=60))
def test_any_text_gives_a_plan_or_one_sentence(text: str) -> None:
    try:
        plan = parse(text)
    except InvalidValue as error:
        assert str(error).isprintable()
    else:
        assert plan.legs and all(each.to for each in plan.legs)


_VALUES = st.text("ab ,;:|[]{}'\"\\$()=^%@<>&/", max_size=20)


@given(st.lists(st.tuples(st.sampled_from(["mine", "sip_h_X-A", "ringback"]), _VALUES), max_size=4))
def test_whatever_is_escaped_arrives_as_it_is(pairs: list[tuple[str, str]]) -> None:
    """What a program writes that puts a backslash before every mark is what is read."""
    pairs = [(name, " ".join(value.split())) for name, value in pairs if "${" not in value]
    written = ",".join(f"{name}={_escaped(value)}" for name, value in pairs)
    plan = parse(f"{{{written}}}1001")
    said = dict(pairs)
    assert plan.ringback == said.get("ringback", "")
    assert dict(plan.variables) == ({"mine": said["mine"]} if "mine" in said else {})
    assert dict(plan.legs[0].headers).get("X-A", "") == said.get("sip_h_X-A", "")


def _escaped(value: str) -> str:
    return "".join(f"\\{each}" if each in "\\'\"[]{}()," else f"{each}" for each in value)


@given(_VALUES.map(str.strip).filter(lambda text: "${" not in text and text != "_undef_"), st.sampled_from(["", "^^:"]))
def test_whatever_is_filled_into_a_template_stays_in_its_place(value: str, separator: str) -> None:
    """What a caller is called adds no target, no header and no name."""
    text = f"{{{separator}sip_h_X-Name={{caller_name}}}}[mine={{caller_name}}]1001"
    (only,) = parse(DialTemplate.parse(text).render({"caller_name": value})).legs
    assert only == Leg("1001", headers=(("X-mine", value), ("X-Name", value)))


@given(st.sampled_from(sorted(KNOWN)), st.text(max_size=20), st.sampled_from("{["))
def test_any_value_of_a_known_name(name: str, value: str, opening: str) -> None:
    try:
        parse(f"{opening}{name}={value}{'}' if opening == '{' else ']'}1001")
    except InvalidValue as error:
        assert str(error).isprintable()


# --- the values on their own ------------------------------------------------------------------------


def test_a_retry_is_read_as_robot_toml_has_it() -> None:
    retry = read_retry({"on": ["USER_BUSY", "5xx"], "times": 2, "wait": "1h", "backoff": 2})
    assert retry.matches(486, "USER_BUSY") and retry.matches(503, "X") and not retry.matches(404, "X")
    assert (retry.pause(1), retry.pause(2)) == (3600.0, 7200.0)
    assert read_retry(retry) is retry


@pytest.mark.parametrize("wrong", [{"on": ["USER_BUZY"]}, {"on": [], "wait": "soon"}, {"off": []}, {}])
def test_a_wrong_retry_is_told(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidValue, match=r"^retry: "):
        read_retry(wrong)


def test_variables_travel_as_headers() -> None:
    assert variable_headers({"order_id": "1", "who": "Ann"}) == (("X-order-id", "1"), ("X-who", "Ann"))


def test_variables_are_filled_in_where_a_leg_names_them() -> None:
    """What is a variable's value travels as it stands, though it looks like a template."""
    order = {"order": "{variables.order}", "who": "Ann"}
    headers = (*variable_headers(order), ("X-Note", "for {variables.who}"))
    leg = Leg("1001", caller_name="{variables.who}", caller_number="100", headers=headers)
    filled = fill_leg(leg, order)
    assert (filled.caller_name, filled.caller_number) == ("Ann", "100")
    assert filled.headers == (*variable_headers(order), ("X-Note", "for Ann"))
