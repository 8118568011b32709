"""Calls in text that comes in pieces: any split parses the same, nothing crashes, nothing is guessed."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashmoe_nb.text.call_stream import CallFormat, CallStream, parse_calls
from flashmoe_nb.text.pieces import BrokenCall, Text, ToolCall

NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,12}", fullmatch=True)
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
ARGUMENTS = st.dictionaries(NAMES, VALUES, max_size=4)
CALLS = st.lists(st.tuples(NAMES, ARGUMENTS), max_size=3)
PROSE = WORDS.filter(lambda text: "<tool_call>" not in text)


def json_call(name: str, arguments: dict[str, Any]) -> str:
    return f"<tool_call>\n{json.dumps({'name': name, 'arguments': arguments}, ensure_ascii=False)}\n</tool_call>"


def xml_text(value: object) -> str:
    """As the Qwen3.5 template writes a value."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)


def xml_call(name: str, arguments: dict[str, Any]) -> str:
    inner = "".join(f"<parameter={key}>\n{xml_text(value)}\n</parameter>\n" for key, value in arguments.items())
    return f"<tool_call>\n<function={name}>\n{inner}</function>\n</tool_call>"


def json_type(value: object) -> str:
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", type(None): "null"}
    return kinds.get(type(value), "object")


def schema_of(arguments: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {key: {"type": json_type(value)} for key, value in arguments.items()}}


def split(text: str, cuts: list[int]) -> list[str]:
    places = sorted({min(cut, len(text)) for cut in cuts} | {0, len(text)})
    return [text[a:b] for a, b in itertools.pairwise(places)] or [""]


def merged(pieces: list[Any]) -> list[Any]:
    """Neighbouring texts as one."""
    out: list[Any] = []
    for piece in pieces:
        if isinstance(piece, Text) and out and isinstance(out[-1], Text):
            out[-1] = Text(out[-1].text + piece.text)
        else:
            out.append(piece)
    return out


def in_pieces(parts: list[str], call_format: CallFormat, schemas: dict[str, Any]) -> list[Any]:
    stream = CallStream(call_format, schemas)
    return merged([piece for part in parts for piece in stream.push(part)] + stream.finish())


@given(PROSE, CALLS, st.lists(st.integers(0, 2000), max_size=40))
def test_any_split_of_json_calls_parses_the_same(prose: str, calls: list[Any], cuts: list[int]):
    text = prose + "\n".join(json_call(*call) for call in calls)
    pieces = in_pieces(split(text, cuts), CallFormat.JSON, {})
    assert pieces == merged(parse_calls(text, CallFormat.JSON, {}))
    found = [(piece.name, piece.arguments) for piece in pieces if isinstance(piece, ToolCall)]
    assert json.dumps(found) == json.dumps(calls)  # as text: 1 and 1.0 and True differ
    assert not [piece for piece in pieces if isinstance(piece, BrokenCall)]
    assert "".join(piece.text if isinstance(piece, Text) else piece.raw for piece in pieces) == text


@given(PROSE, CALLS, st.lists(st.integers(0, 2000), max_size=40))
def test_any_split_of_xml_calls_parses_the_same(prose: str, calls: list[Any], cuts: list[int]):
    calls = [(f"{name}_{at}", arguments) for at, (name, arguments) in enumerate(calls)]
    if "</parameter>" in json.dumps(calls):
        return
    text = prose + "\n".join(xml_call(*call) for call in calls)
    schemas = {name: schema_of(arguments) for name, arguments in calls}
    pieces = in_pieces(split(text, cuts), CallFormat.XML, schemas)
    assert pieces == merged(parse_calls(text, CallFormat.XML, schemas))
    found = [(piece.name, piece.arguments) for piece in pieces if isinstance(piece, ToolCall)]
    assert json.dumps(found) == json.dumps(calls)


@given(st.binary(max_size=200), st.sampled_from(CallFormat), st.lists(st.integers(0, 300), max_size=8))
def test_random_bytes_never_crash(noise: bytes, call_format: CallFormat, cuts: list[int]):
    text = noise.decode("utf-8", "replace")
    body = f"<tool_call>{text}</tool_call>"
    for shown in (text, body):
        pieces = in_pieces(split(shown, cuts), call_format, {})
        assert "".join(piece.text if isinstance(piece, Text) else piece.raw for piece in pieces) == shown


FRAGMENTS = st.sampled_from(
    [
        '{"name": "f", "arguments": {"a": 1}}', "\n", "<tool_call>", "</tool_call>", '"', "\\", "{", "}", "[" * 90,
        "<function=f>", "</function>", "<parameter=a>", "</parameter>", "<tool", "NaN", "1e999", '"\\ud800"', ": ", ",",
    ]
)  # fmt: skip


@given(st.lists(FRAGMENTS, max_size=20), st.sampled_from(CallFormat), st.lists(st.integers(0, 200), max_size=8))
def test_shuffled_markup_never_crashes_and_splits_alike(fragments: list[str], call_format: CallFormat, cuts: list[int]):
    text = "".join(fragments)
    pieces = in_pieces(split(text, cuts), call_format, {})
    assert pieces == merged(parse_calls(text, call_format, {}))
    for piece in pieces:
        if isinstance(piece, ToolCall):
            json.dumps(piece.arguments, allow_nan=False, ensure_ascii=False).encode()


@given(NAMES, ARGUMENTS, st.integers(1, 10**6), st.sampled_from(CallFormat))
def test_a_call_cut_short_is_reported_as_such(name: str, arguments: dict[str, Any], cut: int, call_format: CallFormat):
    text = (json_call if call_format is CallFormat.JSON else xml_call)(name, arguments)
    short = text[: 11 + cut % (len(text) - 11)]
    (piece,) = parse_calls(short, call_format, {name: schema_of(arguments)})
    assert isinstance(piece, BrokenCall)
    assert piece.truncated
    assert piece.raw == short


def test_text_is_given_out_as_soon_as_it_is_certain():
    stream = CallStream(CallFormat.JSON, {})
    assert stream.push("Hello <tool") == [Text("Hello ")]
    assert stream.push("box>") == [Text("<toolbox>")]
    assert stream.push("<tool_call>") == []
    assert stream.inside


def test_a_closing_tag_inside_a_value_does_not_end_the_call():
    inside = {"text": "write </tool_call> to end"}
    (piece,) = parse_calls(json_call("f", inside), CallFormat.JSON, {})
    assert isinstance(piece, ToolCall)
    assert piece.arguments == inside
    (piece,) = parse_calls(xml_call("f", inside), CallFormat.XML, {"f": schema_of(inside)})
    assert isinstance(piece, ToolCall)
    assert piece.arguments == inside


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (r'{\name\: "f", "arguments": {}}', "no valid JSON"),
        ('{"name": "f"}', "keys ['name'], expected name and arguments"),
        ('{"name": "f", "arguments": {}, "id": 1}', "expected name and arguments"),
        ('{"name": "f", "arguments": "{}"}', "arguments is a JSON string"),
        ('{"name": 1, "arguments": {}}', "name is a JSON number"),
        ('["f", {}]', "the call is a JSON array"),
        ('{"name": "f", "arguments": {"a": 1, "a": 2}}', 'the key "a" stands twice'),
        ('{"name": "f", "arguments": {"a": NaN}}', "NaN is no JSON number"),
        ('{"name": "f", "arguments": {"a": 1e999}}', "1e999 is too large"),
        ('{"name": "f", "arguments": {"a": "\\ud800"}}', "surrogate"),
        ('{"name": "f", "arguments": {"a": ' + "[" * 80 + "]" * 80 + "}}", "nested more than 64 deep"),
        ('{"name": "f", "arguments": {"a": ' + "9" * 5000 + "}}", "no valid JSON"),
        ("{'name': 'f', 'arguments': {}}", "no valid JSON"),
        ('{"name": "f", "arguments": {}} {"name": "g", "arguments": {}}', "Extra data"),
        ("", "no valid JSON"),
    ],
)
def test_what_is_no_json_call_is_refused_with_the_reason(body: str, said: str):
    (piece,) = parse_calls(f"<tool_call>\n{body}\n</tool_call>", CallFormat.JSON, {})
    assert isinstance(piece, BrokenCall)
    assert said in piece.reason
    assert not piece.truncated


@pytest.mark.parametrize(
    ("call_format", "text"),
    [
        (CallFormat.JSON, '<tool_call>\n{"name": "f", "arguments": {"a": "x, "b": 1}}\n</tool_call>'),
        (CallFormat.XML, "<tool_call>\n<function=f>\n<parameter=a>\nx\n</function>\n</tool_call>"),
    ],
)
def test_a_value_without_an_end_is_told_from_a_call_cut_short(call_format: CallFormat, text: str):
    (piece,) = parse_calls(text, call_format, {})
    assert isinstance(piece, BrokenCall)
    assert "a value is still open at </tool_call>" in piece.reason
    assert not piece.truncated


SCHEMA = {
    "type": "object",
    "properties": {
        "n": {"type": "integer"},
        "x": {"type": "number"},
        "on": {"type": "boolean"},
        "who": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "where": {"$ref": "#/$defs/Place"},
        "level": {"enum": [1, 2]},
        "any": {},
    },
    "$defs": {"Place": {"type": "object"}},
}


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("n", "5", 5),
        ("x", "5", 5),
        ("x", "0.5", 0.5),
        ("on", "True", True),
        ("on", "false", False),
        ("who", "None", None),
        ("who", "Ann", "Ann"),
        ("who", "12", "12"),
        ("who", "two\nlines\n", "two\nlines\n"),
        ("where", '{"city": "Rome"}', {"city": "Rome"}),
        ("level", "2", 2),
        ("any", "5", "5"),
        ("unknown", "True", "True"),
    ],
)
def test_xml_values_get_the_type_of_the_schema(key: str, text: str, value: object):
    body = f"<function=f>\n<parameter={key}>\n{text}\n</parameter>\n</function>"
    (piece,) = parse_calls(f"<tool_call>\n{body}\n</tool_call>", CallFormat.XML, {"f": SCHEMA})
    assert isinstance(piece, ToolCall)
    assert json.dumps(piece.arguments[key]) == json.dumps(value)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("<function=f>\n<parameter=n>\nfive\n</parameter>\n</function>", "expected JSON of type integer"),
        ("<function=f>\n<parameter=n>\n5.5\n</parameter>\n</function>", "expected JSON of type integer"),
        ("<function=f>\n<parameter=n>\n1\n</parameter>\n<parameter=n>\n2\n</parameter>\n</function>", "stands twice"),
        ("<function=f>\n<parameter=n>\n1\n</parameter>\nand\n</function>", "'and' stands between"),
        ('{"name": "f", "arguments": {}}', "expected <function=NAME>"),
        ("<function=f>\n</function> then", "nothing around it"),
    ],
)
def test_what_is_no_xml_call_is_refused_with_the_reason(body: str, said: str):
    (piece,) = parse_calls(f"<tool_call>\n{body}\n</tool_call>", CallFormat.XML, {"f": SCHEMA})
    assert isinstance(piece, BrokenCall)
    assert said in piece.reason
