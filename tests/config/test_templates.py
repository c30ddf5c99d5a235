"""Templates: names in braces, and nothing that breaks out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipclient.config import CallerId, HeaderTemplates, IncomingTemplate, Mistake, Template
from sipclient.config.templates import DialTemplate, fill
from sipclient.errors import InvalidValue

VALUES = {"extension": "1001", "note": "On the phone", "variables.ticket": "17"}

RENDERED = [
    ("7000", "7000", True),
    ("", "", True),
    ("{extension}", "1001", False),
    ("<{extension}> {note}!", "<1001> On the phone!", False),
    ("{{extension}}", "{extension}", True),
    ("{{{extension}}}", "{1001}", False),
    ("a}}b{{", "a}b{", True),
    ("{caller}", "", False),
    ("{variables.ticket}-{variables.none}", "17-", False),
]


@pytest.mark.parametrize(("text", "expected", "constant"), RENDERED)
def test_rendering(text: str, expected: str, constant: bool) -> None:
    template = Template.parse(text)
    assert template.render(VALUES) == expected
    assert template.constant == (expected if constant else None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{extention}", r'unknown name {extention} at character 1 \(did you mean "extension"\?\)'),
        ("Ext {x}", 'unknown name {x} at character 5; known are "extension", '),
        ("ab{", "a stray { at character 3: write {{ for the brace"),
        ("a}b", "a stray } at character 2: write }} for the brace"),
        ("{", "a stray {"),
        ("{}", "unknown name {} at character 1"),
        ("{extension", "a stray { at character 1"),
        ("{a{b}}", "a stray { at character 1"),
        ("{variables.}", "unknown name"),
        ("{variables.a b}", "unknown name"),
        ("{extension.__class__}", "unknown name"),
        ("{to}", "unknown name {to} at character 1"),
    ],
)
def test_mistakes(text: str, words: str) -> None:
    with pytest.raises(Mistake, match=words.replace("{", r"\{").replace("}", r"\}")):
        Template.from_toml(text)


def test_other_names() -> None:
    assert IncomingTemplate.from_toml("{to}").render({"to": "1001"}) == "1001"
    assert Template.parse("{x}", names=["x"]).render({"x": "y"}) == "y"


@pytest.mark.parametrize("bad", ["\r\nX-Evil: 1", "\n", "\x00", "\x7f", "\t"])
def test_control_characters_are_refused(bad: str) -> None:
    with pytest.raises(InvalidValue, match="control character"):
        Template.parse("{note}").render({"note": f"a{bad}b"})
    with pytest.raises(Mistake, match="line break"):
        Template.from_toml(f"a{bad}")


def test_a_result_too_long_is_refused() -> None:
    with pytest.raises(InvalidValue, match="would be 4097 characters long"):
        Template.parse("{note}").render({"note": "x" * 4097})


CALLER_IDS = [
    ('"Ext {extension}" <{extension}>', "1001", '"Ext 1001" <1001>'),
    ('"{note}" <1>', 'a "b" \\ <c>', '"a \\"b\\" \\\\ <c>" <1>'),
    ("{extension}", "1001", "1001"),
    ('"a" <{extension}>', "+49 (30)", '"a" <+49 (30)>'),
]


@pytest.mark.parametrize(("text", "value", "expected"), CALLER_IDS)
def test_caller_ids(text: str, value: str, expected: str) -> None:
    assert CallerId.parse(text).render({"extension": value, "note": value}) == expected


@pytest.mark.parametrize("bad", ['"', "<", ">", "\\"])
def test_a_caller_id_cannot_be_broken_out_of(bad: str) -> None:
    with pytest.raises(InvalidValue, match="which only fits between quotes"):
        CallerId.parse('"x" <{note}>').render({"note": f"1{bad}"})


@given(st.text(max_size=30), st.text(max_size=30))
def test_whatever_is_filled_in_stays_in_its_place(name: str, number: str) -> None:
    template = CallerId.parse('"{caller_name}" <{caller}>')
    try:
        result = template.render({"caller_name": name, "caller": number})
    except InvalidValue:
        return
    assert not any(character in result for character in "\r\n\x00")
    quoted, _, rest = result[1:].replace("\\\\", "\x01").replace('\\"', "\x02").partition('"')
    assert quoted.replace("\x01", "\\").replace("\x02", '"') == name
    assert rest == f" <{number}>" and not set('<>"') & set(number)


def test_headers() -> None:
    headers = HeaderTemplates.from_toml({"X-Extension": "{extension}", "Alert-Info": "<urn:alert>"})
    assert headers.render(VALUES) == (("X-Extension", "1001"), ("Alert-Info", "<urn:alert>"))
    assert headers == HeaderTemplates(headers.fields) and HeaderTemplates().render({}) == ()


@pytest.mark.parametrize(
    ("table", "words", "below"),
    [
        ([], "headers are a table", ()),
        ({"": "x"}, "is no header name", ("",)),
        ({"X Y": "x"}, "is no header name", ("X Y",)),
        ({"X:": "x"}, "is no header name", ("X:",)),
        ({"f": "x"}, "f is written by the protocol itself", ("f",)),
        ({"CALL-ID": "x"}, "CALL-ID is written by the protocol itself", ("CALL-ID",)),
        ({"X-A": 1}, "header X-A: a template is a string, not a number", ("X-A",)),
    ],
)
def test_header_mistakes(table: object, words: str, below: tuple[str, ...]) -> None:
    with pytest.raises(Mistake, match=words) as raised:
        HeaderTemplates.from_toml(table)
    assert raised.value.below == below


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{to}", "1001"),
        ("sofia/gateway/pbx/{to}|user/{digits}", "sofia/gateway/pbx/1001|user/42"),
        (
            "{leg_timeout=20,sip_h_X-To={to}}[x={caller_name}]{to}",
            r"{leg_timeout=20,sip_h_X-To=1001}[x=A\, \[B\]:]1001",
        ),
        ("{{a=b}}7000", "{a=b}7000"),
        ("{^^:a={caller_name}}{b={caller_name}}1", r"{^^:a=A\, \[B\]\:}{b=A\, \[B\]:}1"),
        ("[a=b]]{to}", "[a=b]]1001"),
        ("", ""),
    ],
)
def test_a_dial_string_with_slots(text: str, expected: str) -> None:
    template = DialTemplate.from_toml(text)
    assert template.render({"to": "1001", "digits": "42", "caller_name": "A, [B]:"}) == expected
    assert (template.constant is None) == bool(template.used)


@pytest.mark.parametrize("mark", ",|[]{}<>/\\%^ ")
def test_no_target_of_a_dial_string_is_broken_out_of(mark: str) -> None:
    with pytest.raises(InvalidValue, match="which would be a mark there"):
        DialTemplate.from_toml("{a=b}user/{to}").render({"to": f"1{mark}2"})


def test_a_dial_string_knows_the_call_and_no_other_name() -> None:
    with pytest.raises(Mistake, match=r"unknown name \{extension\} at character 9"):
        DialTemplate.from_toml("{a=b}xyz{extension}")


def test_equality_and_appearance() -> None:
    template = Template.parse("{note}")
    assert template == Template.parse("{note}") != Template.parse("{at}")
    assert template != "{note}"
    assert (str(template), repr(template), hash(template)) == ("{note}", "Template('{note}')", hash("{note}"))


# --- what requests say ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "variables", "expected"),
    [
        ("order {variables.id}", {"id": "17"}, "order 17"),
        ("{variables.a-b}{variables.a b}", {"a-b": "1", "a b": "2"}, "12"),
        ("{{{variables.id}}}", {"id": "17"}, "{17}"),
        ('{"a": 1}', {"id": "17"}, '{"a": 1}'),
        ("{name}", {}, "{name}"),
        ("{{", {"id": "17"}, "{{"),
        ("", {"id": "17"}, ""),
        ("{variables.id}", {"id": "{variables.id}"}, "{variables.id}"),
    ],
)
def test_variables_are_filled_in(text: str, variables: dict[str, str], expected: str) -> None:
    assert fill(text, variables) == expected


@pytest.mark.parametrize(
    ("text", "variables", "words"),
    [
        ("{variables.id}", {}, r'"\{variables.id\}": there is no variable "id"; there is none'),
        ("{variables.ib}", {"id": "1", "b": "2"}, 'there is no variable "ib"; there is "id" or "b"'),
        ("{variables.}", {}, r'"\{variables.\}": unknown name \{variables.\} at character 1'),
        ("{order}", {"id": "1"}, r'unknown name \{order\} at character 1; known are "variables.id"'),
        ("{variables.id} {", {"id": "1"}, r"a stray \{ at character 16"),
        ("{variables.id}", {"id": "1\r\nX: y"}, "would hold the control character"),
        ("{variables.id}", {"id": "1\0"}, "would hold the control character"),
    ],
)
def test_what_cannot_be_filled_in_is_told(text: str, variables: dict[str, str], words: str) -> None:
    with pytest.raises(InvalidValue, match=words):
        fill(text, variables)


def test_a_variable_does_not_break_out_of_a_caller_id() -> None:
    assert fill('"{variables.who}" <1>', {"who": 'A" <2>'}, CallerId) == '"A\\" <2>" <1>'
    with pytest.raises(InvalidValue, match="only fits between quotes"):
        fill("<{variables.who}>", {"who": "1>"}, CallerId)
