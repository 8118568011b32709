"""What a model may call: a typed Python function (`@fm.tool`), or a JSON schema that somebody else answers.

A function's annotations become its schema, its docstring the description; arguments are validated by pydantic, by the
letter: "5" is no int. Knows no model and no call format.
"""

from __future__ import annotations

import inspect
import json
import re
import typing
from typing import TYPE_CHECKING, Any, Protocol

import pydantic
import pydantic_core
import typing_extensions
from jsonschema import Draft202012Validator, SchemaError
from jsonschema.validators import extend
from referencing import Registry
from referencing.exceptions import Unresolvable

from flashmoe_nb.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
_ARGUMENT = re.compile(r"^(\w+)(?: \([^)]*\))?:\s*(.*)$")
MAX_RESULT_CHARS = 20_000
"""More of a result is cut off, and the model told so."""

# A stranger's regular expression can take for ever, so patterns are not checked.
_UNCHECKED: dict[str, Any] = {"pattern": lambda *_: None, "patternProperties": lambda *_: None}
_SchemaValidator = extend(Draft202012Validator, _UNCHECKED)  # type: ignore[no-untyped-call]


class Tool(Protocol):
    """What the model is told, and whether arguments fit."""

    @property
    def name(self) -> str:
        """As the model writes it."""

    @property
    def description(self) -> str:
        """What it is good for."""

    @property
    def parameters(self) -> Mapping[str, Any]:
        """JSON schema of the arguments, an object."""

    def problem(self, arguments: Mapping[str, Any]) -> str | None:
        """Why these arguments do not fit, or None."""


class SchemaTool:
    """A tool known by its schema alone: its calls are given out, not run.

    Raises:
        ToolError: no valid name, or no JSON schema.
    """

    __slots__ = ("_validator", "description", "name", "parameters")

    def __init__(self, name: str, parameters: Mapping[str, Any], description: str = "") -> None:
        self.name = _checked_name(name)
        self.description = description
        self.parameters = dict(parameters) or {"type": "object", "properties": {}}
        try:
            Draft202012Validator.check_schema(self.parameters)
        except (SchemaError, RecursionError) as error:
            what = error.message if isinstance(error, SchemaError) else "nested too deep"
            raise ToolError(f'the parameters of tool "{name}" are no JSON schema ({what}): mend the schema') from None
        # An empty registry: a reference to another place is not fetched.
        self._validator = _SchemaValidator(self.parameters, registry=Registry())

    def __repr__(self) -> str:
        return f"<SchemaTool {self.name}>"

    def problem(self, arguments: Mapping[str, Any]) -> str | None:
        """Why these arguments do not fit, or None."""
        try:
            errors = sorted(self._validator.iter_errors(dict(arguments)), key=lambda error: list(map(str, error.path)))
        except (Unresolvable, RecursionError) as error:
            return f"the tool's schema cannot be followed: {error}"
        return "; ".join(_located(error.path, error.message) for error in errors[:5]) or None


class FunctionTool:
    """A Python function with types; made by `tool`. Calling it calls the function.

    Raises:
        ToolError: a parameter without a type, or of a kind a call cannot name.
    """

    def __init__(self, function: Callable[..., Any], name: str | None = None) -> None:
        self.function = function
        self.name = _checked_name(name or function.__name__)
        self.description, about = _described(inspect.getdoc(function) or "")
        self._types = _argument_types(self.name, function, about)
        self.parameters: Mapping[str, Any] = _as_written(self._types.json_schema())
        self.__doc__ = function.__doc__

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """The function itself, for Python code."""
        return self.function(*arguments, **named)

    def __repr__(self) -> str:
        return f"<FunctionTool {self.name}({', '.join(self.parameters.get('properties', ()))})>"

    def problem(self, arguments: Mapping[str, Any]) -> str | None:
        """Why these arguments do not fit, or None."""
        try:
            self._validated(arguments)
        except pydantic.ValidationError as error:
            return _told(error)
        return None

    def run(self, arguments: Mapping[str, Any]) -> str:
        """Call the function with validated arguments; its result as text, JSON unless it is a string.

        Raises:
            ToolError: the arguments do not fit, or the result cannot be written as JSON.
            Whatever the function raises.
        """
        try:
            validated = self._validated(arguments)
        except pydantic.ValidationError as error:
            raise ToolError(f"{self.name} was not called: {_told(error)}") from None
        return _as_text(self.name, self.function(**validated))

    def _validated(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        return self._types.validate_json(pydantic_core.to_json(dict(arguments)))


@typing.overload
def tool(function: Callable[..., Any], /) -> FunctionTool: ...
@typing.overload
def tool(*, name: str) -> Callable[[Callable[..., Any]], FunctionTool]: ...
def tool(
    function: Callable[..., Any] | None = None, /, *, name: str | None = None
) -> FunctionTool | Callable[[Callable[..., Any]], FunctionTool]:
    """Let a model call a function: `@fm.tool`, or `@fm.tool(name="...")`.

    Every parameter needs a type; the first paragraph of the docstring describes the tool, a Google-style `Args:`
    section the parameters.

    Raises:
        ToolError: a parameter without a type, or of a kind a call cannot name.
    """
    if function is None:
        return lambda later: FunctionTool(later, name)
    return FunctionTool(function, name)


def definitions(tools: Sequence[Tool]) -> list[dict[str, Any]]:
    """As chat templates and OpenAI's interface take them."""
    return [
        {
            "type": "function",
            "function": {"name": one.name, "description": one.description, "parameters": dict(one.parameters)},
        }
        for one in tools
    ]


def by_name(tools: Sequence[Tool]) -> dict[str, Tool]:
    """The tools by name.

    Raises:
        ToolError: two of the same name.
    """
    named = {one.name: one for one in tools}
    if len(named) < len(tools):
        twice = next(one.name for at, one in enumerate(tools) if one.name in {other.name for other in tools[:at]})
        raise ToolError(f'two tools are called "{twice}": give one of them another name')
    return named


def _checked_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ToolError(f"{name!r} is no name for a tool: up to 64 of letters, digits, _ . - and a letter first")
    return name


def _argument_types(
    name: str, function: Callable[..., Any], about: Mapping[str, str]
) -> pydantic.TypeAdapter[dict[str, Any]]:
    """What validates the arguments of a function, all together."""
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        raise ToolError(f"{name} is a coroutine or a generator: a tool is a plain function that returns its result")
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except NameError as error:
        raise ToolError(f"a type of {name} is not known where it is defined ({error}): import it there") from None
    fields: dict[str, Any] = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise ToolError(f"{name} takes {parameter}: a call names its arguments, so give each a name of its own")
        if parameter.name not in hints:
            raise ToolError(f"{name} takes {parameter.name} without a type: write one, as in {parameter.name}: str")
        fields[parameter.name] = _field(parameter, hints[parameter.name], about.get(parameter.name))
    # A mapping, not a model: a parameter may be called "schema" or "copy".
    typed_dict: Any = typing_extensions.TypedDict  # made at run time, which type checkers do not follow
    arguments = typed_dict(name, fields)
    arguments.__pydantic_config__ = pydantic.ConfigDict(extra="forbid", strict=True)
    try:
        adapter: pydantic.TypeAdapter[dict[str, Any]] = pydantic.TypeAdapter(arguments)
        adapter.json_schema()
    except (pydantic.errors.PydanticUserError, NameError, TypeError) as error:
        raise ToolError(f"the types of {name} have no JSON schema ({str(error).splitlines()[0]}): use others") from None
    return adapter


def _field(parameter: inspect.Parameter, hint: Any, about: str | None) -> Any:
    if parameter.default is parameter.empty:
        return typing.Annotated[hint, pydantic.Field(description=about)]
    plain = parameter.default is None or isinstance(parameter.default, (str, int, float))
    extra: Any = {"default": parameter.default} if plain else None
    field = pydantic.Field(description=about, json_schema_extra=extra)
    return typing_extensions.NotRequired[typing.Annotated[hint, field]]


def _described(doc: str) -> tuple[str, dict[str, str]]:
    """First paragraph of a docstring, and the text of each argument of its `Args:` section."""
    summary = " ".join(doc.split("\n\n", maxsplit=1)[0].split())
    about: dict[str, str] = {}
    section = re.search(r"^Args:\n((?:[ \t]+.*\n?|\n)*)", doc, re.MULTILINE)
    last = None
    for line in inspect.cleandoc(section[1]).splitlines() if section else ():
        if match := _ARGUMENT.match(line):
            last = match[1]
            about[last] = match[2]
        elif last and line.strip():
            about[last] += " " + line.strip()
    return summary, about


def _as_written(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of the arguments in the order and with the words that models are shown elsewhere."""
    plain = _without_titles(schema)
    first = {"type": "object", "properties": plain.get("properties", {}), "required": plain.get("required", [])}
    return first | {key: value for key, value in plain.items() if key == "$defs"}


def _without_titles(schema: dict[str, Any]) -> dict[str, Any]:
    """A model's schema as a person would write it; a property called "title" stays."""
    kept: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "title" and isinstance(value, str):
            continue
        if key in ("properties", "$defs"):
            kept[key] = {name: _without_titles(one) for name, one in value.items()}
        elif isinstance(value, dict):
            kept[key] = _without_titles(value)
        elif isinstance(value, list):
            kept[key] = [_without_titles(one) if isinstance(one, dict) else one for one in value]
        else:
            kept[key] = value
    return kept


def _told(error: pydantic.ValidationError) -> str:
    rows = error.errors(include_url=False, include_context=False, include_input=False)[:5]
    return "; ".join(_located(row["loc"], row["msg"]) for row in rows)


def _located(path: Any, message: str) -> str:
    where = ".".join(str(step) for step in path)
    return f"{where}: {message}" if where else message


def _as_text(name: str, result: object) -> str:
    if isinstance(result, str):
        text = result
    else:
        try:
            text = json.dumps(pydantic_core.to_jsonable_python(result), ensure_ascii=False)
        except (pydantic_core.PydanticSerializationError, ValueError, RecursionError) as error:
            raise ToolError(
                f"{name} returned what is no JSON ({error}): return text, numbers, lists or dicts"
            ) from None
    if len(text) <= MAX_RESULT_CHARS:
        return text
    return f"{text[:MAX_RESULT_CHARS]}\n[cut off: {len(text):,} characters, of which {MAX_RESULT_CHARS:,} are shown]"
