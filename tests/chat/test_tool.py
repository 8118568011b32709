"""Functions with types become tools; arguments that do not fit are refused, and nothing is converted."""

import enum
import math
import warnings
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pydantic
import pytest

import flashmoe_nb as fm
from flashmoe_nb.chat.tool import MAX_RESULT_CHARS, FunctionTool, SchemaTool, by_name, definitions
from flashmoe_nb.errors import ToolError


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Place:
    city: str
    floor: int = 0


@fm.tool
def paint(
    what: str,
    colour: Colour,
    coats: Annotated[int, pydantic.Field(ge=1, le=5)] = 2,
    where: Place | None = None,
    title: str = "",
) -> str:
    """Paint a thing in a colour.

    More that the model need not read.

    Args:
        what: the thing, which may
            be large.
        colour (Colour): one there is.
        coats: how often.
        where: at which place.
        title: of the work.
    """
    return f"{what} {colour.value} {coats} {where} {title}"


def test_the_schema_is_that_of_the_function():
    assert paint.name == "paint"
    assert paint.description == "Paint a thing in a colour."
    parameters = paint.parameters
    assert list(parameters["properties"]) == ["what", "colour", "coats", "where", "title"]
    assert parameters["required"] == ["what", "colour"]
    assert parameters["properties"]["what"] == {"type": "string", "description": "the thing, which may be large."}
    assert parameters["properties"]["coats"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 5,
        "default": 2,
        "description": "how often.",
    }
    assert parameters["$defs"]["Colour"] == {"enum": ["red", "blue"], "type": "string"}
    assert definitions([paint])[0]["function"]["name"] == "paint"


def test_arguments_arrive_as_their_types():
    shown = paint.run({"what": "door", "colour": "red", "where": {"city": "Rome"}})
    assert shown == "door Colour.RED 2 Place(city='Rome', floor=0) ".replace("Colour.RED", "red")
    assert paint("x", Colour.BLUE).startswith("x blue")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"what": "door"}, "colour: Field required"),
        ({"what": 5, "colour": "red"}, "what: Input should be a valid string"),
        ({"what": "door", "colour": "green"}, "colour: Input should be 'red' or 'blue'"),
        ({"what": "door", "colour": "red", "coats": "2"}, "coats: Input should be a valid integer"),
        ({"what": "door", "colour": "red", "coats": 9}, "coats: Input should be less than or equal to 5"),
        ({"what": "door", "colour": "red", "coats": True}, "coats: Input should be a valid integer"),
        ({"what": "door", "colour": "red", "size": 1}, "size: Extra inputs are not permitted"),
        ({"what": "door", "colour": "red", "where": {"city": 1}}, "where.city: Input should be a valid string"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(arguments: dict[str, Any], said: str):
    assert said in (paint.problem(arguments) or "")
    with pytest.raises(ToolError, match="paint was not called"):
        paint.run(arguments)


def test_parameters_may_have_any_name():
    @fm.tool(name="odd.name")
    def odd(schema: str, copy: int, model_dump: bool, _hidden: str = "") -> dict[str, Any]:
        return {"schema": schema, "copy": copy, "model_dump": model_dump, "hidden": _hidden}

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert odd.run({"schema": "s", "copy": 1, "model_dump": True}).startswith('{"schema": "s"')
    assert odd.name == "odd.name"


def test_functions_that_are_no_tools_are_refused():
    def untyped(a):  # noqa: ANN001 - that is the point
        return a

    def many(*values: str) -> str:
        return "".join(values)

    async def later(a: str) -> str:
        return a

    class Opaque:
        pass

    def opaque(a: Opaque) -> str:
        return str(a)

    for function, said in (
        (untyped, "without a type"),
        (many, "names its arguments"),
        (later, "coroutine"),
        (opaque, "no JSON schema"),
        (lambda a: a, "no name for a tool"),
    ):
        with pytest.raises(ToolError, match=said):
            fm.tool(function)


@pytest.mark.parametrize(
    ("result", "text"),
    [("as it is", "as it is"), ({"a": [1, None]}, '{"a": [1, null]}'), (Place("Köln"), '{"city": "Köln", "floor": 0}')],
)
def test_results_become_text(result: object, text: str):
    def give() -> object:
        return result

    assert FunctionTool(give).run({}) == text


def test_results_that_are_no_text_are_refused_or_cut():
    def strange() -> object:
        return object()

    def long() -> str:
        return "x" * (MAX_RESULT_CHARS + 1)

    with pytest.raises(ToolError, match="strange returned what is no JSON"):
        FunctionTool(strange).run({})
    assert "cut off: 20,001 characters" in FunctionTool(long).run({})


SCHEMA = {
    "type": "object",
    "properties": {
        "unit": {"enum": ["c", "f"]},
        "n": {"type": "integer"},
        "p": {"type": "string", "pattern": "(a+)+$"},
    },
    "required": ["unit"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"unit": "c", "n": 1}, None),
        ({}, "'unit' is a required property"),
        ({"unit": "k"}, "unit: 'k' is not one of"),
        ({"unit": "c", "n": "1"}, "n: '1' is not of type 'integer'"),
        ({"unit": "c", "m": 1}, "Additional properties"),
        ({"unit": "c", "p": "a" * 60 + "b"}, None),  # as a regular expression it would take years
    ],
)
def test_schema_tools_validate_by_the_schema(arguments: dict[str, Any], said: str | None):
    problem = SchemaTool("f", SCHEMA).problem(arguments)
    assert problem is None if said is None else said in (problem or "")


def test_schema_tools_fetch_nothing():
    tool = SchemaTool("f", {"type": "object", "properties": {"a": {"$ref": "http://127.0.0.1:9/x.json"}}})
    assert "cannot be followed" in (tool.problem({"a": 1}) or "")


def test_bad_schemas_and_names_are_refused():
    with pytest.raises(ToolError, match="no JSON schema"):
        SchemaTool("f", {"type": "objekt"})
    for name in ("", "a b", "<x>", "é", "x" * 65, 'f"'):
        with pytest.raises(ToolError, match="no name for a tool"):
            SchemaTool(name, {})
    with pytest.raises(ToolError, match='two tools are called "f"'):
        by_name([SchemaTool("f", {}), SchemaTool("f", {})])


def test_numbers_stay_exact():
    @fm.tool
    def add(a: float, b: Literal[1, 2]) -> float:
        return a + b

    assert math.isclose(float(add.run({"a": 1, "b": 2})), 3)
    assert add.problem({"a": "1", "b": 2}) is not None
