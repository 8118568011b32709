"""A list of messages to the one text the model was trained on, by the checkpoint's own Jinja template.

The template is code from a stranger, so it runs in a sandbox with bounds and meets plain JSON values only; filters and
globals are those of transformers (`utils/chat_template_utils.py`). Knows no tokens: encoding is the tokenizer's.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn

import jinja2
from jinja2.ext import loopcontrols

from flashmoe_nb.errors import CheckpointError, PromptError
from flashmoe_nb.text.bounded_jinja import BoundedEnvironment, bounded_concat, bounded_value, budget
from flashmoe_nb.text.json_file import read_json_object
from flashmoe_nb.text.messages import checked_messages, checked_tools, plain
from flashmoe_nb.text.tokenizer import token_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_DEFAULT = "default"
_TOOL_USE = "tool_use"
_MAX_INDENT = 64
_OWN_VARIABLES = ("messages", "tools", "documents", "add_generation_prompt", "enable_thinking")
_SPECIAL_TOKENS = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
# What a template can do wrong with the values it is given.
_RENDER_ERRORS = (jinja2.TemplateError, TypeError, ValueError, ArithmeticError, LookupError, RecursionError)


class ChatTemplate:
    """A checkpoint's chat template; made by `ChatTemplate.open`, which also stands for having none.

    Args:
        templates: Jinja source by name ("default", "tool_use"); empty where the checkpoint has none.
        special_tokens: variables such as "bos_token" with their text.
        source: for messages, the file the templates came from, or the folder that has none.
    """

    __slots__ = ("_compiled", "_source", "_special_tokens", "_templates")

    def __init__(self, templates: Mapping[str, str], special_tokens: Mapping[str, str], source: str) -> None:
        self._templates = dict(templates)
        self._special_tokens = dict(special_tokens)
        self._source = source
        self._compiled: dict[str, jinja2.Template] = {}

    @classmethod
    def open(cls, folder: Path) -> ChatTemplate:
        """Read chat_template.jinja, else "chat_template" of tokenizer_config.json, else chat_template.json.

        Nothing is compiled yet: a checkpoint with a broken template still runs plain text.

        Raises:
            CheckpointError: one of the files is broken.
        """
        config = read_json_object(folder / "tokenizer_config.json") or {}
        special_tokens = {name: text for name in _SPECIAL_TOKENS if (text := token_text(config.get(name))) is not None}
        path = folder / "chat_template.jinja"
        try:
            return cls({_DEFAULT: path.read_text(encoding="utf-8")}, special_tokens, str(path))
        except FileNotFoundError:
            pass
        except (OSError, UnicodeDecodeError) as error:
            raise CheckpointError(f"{path} cannot be read ({error}): copy it again from the checkpoint") from error
        for path in (folder / "tokenizer_config.json", folder / "chat_template.json"):
            value = (read_json_object(path) or {}).get("chat_template")
            if value is not None:
                return cls(_named_templates(value, path), special_tokens, str(path))
        return cls({}, special_tokens, str(folder))

    @property
    def available(self) -> bool:
        """Whether the checkpoint has a template at all."""
        return bool(self._templates)

    def render(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        tools: Sequence[Mapping[str, Any]] | None = None,
        add_generation_prompt: bool = True,
        enable_thinking: bool = False,
        template_variables: Mapping[str, Any] | None = None,
    ) -> str:
        """The text of a conversation, ready to be encoded.

        Control tokens written in a message's content are NOT defused: the whole text is encoded with special tokens
        recognised, as transformers does by default, so content from untrusted people can end its own turn.

        Args:
            messages: mappings with "role" and "content"; content is a string or a list of text parts.
            tools: JSON schemas of the functions the model may call.
            add_generation_prompt: end with the opening of the assistant's turn.
            enable_thinking: the variable of Qwen's templates; False closes the thinking block at once.
            template_variables: further variables by name, for templates that know them.

        Raises:
            PromptError: no template, messages it cannot take, or an error the template raised.
            CheckpointError: the template is not valid Jinja.
        """
        variables = {
            "messages": checked_messages(messages),
            "tools": None if tools is None else checked_tools(tools),
            "documents": None,
            "add_generation_prompt": add_generation_prompt,
            "enable_thinking": enable_thinking,
        }
        template = self._template(_TOOL_USE if tools and _TOOL_USE in self._templates else _DEFAULT)
        try:
            with budget():
                return template.render(self._special_tokens | _further(template_variables) | variables)
        except _RENDER_ERRORS as error:
            raise PromptError(f"the chat template of {self._source} refused these messages: {error}") from error

    def __repr__(self) -> str:
        return f"ChatTemplate({self._source}: {', '.join(self._templates) or 'none'})"

    def _template(self, name: str) -> jinja2.Template:
        if not self._templates:
            raise PromptError(
                f"{self._source} has no chat template, and a list of messages needs one: "
                "add chat_template.jinja from the checkpoint, or give the prompt as a plain string"
            )
        if name not in self._templates:
            raise PromptError(
                f'{self._source} has chat templates {", ".join(self._templates)} and none called "{name}": '
                "give the prompt as a plain string, or add chat_template.jinja"
            )
        if name not in self._compiled:
            try:
                self._compiled[name] = _environment().from_string(self._templates[name])
            except jinja2.TemplateSyntaxError as error:
                raise CheckpointError(
                    f"the chat template of {self._source} is not valid Jinja, line {error.lineno}: {error.message}: "
                    "copy it again from the checkpoint, or give the prompt as a plain string"
                ) from error
        return self._compiled[name]


def _named_templates(value: object, path: Path) -> dict[str, str]:
    """One template, or a list of {"name", "template"}, as "chat_template" may be written."""
    if isinstance(value, str):
        return {_DEFAULT: value}
    entries = value if isinstance(value, list) else [value]
    named: dict[str, str] = {}
    for entry in entries:
        name, template = (entry.get("name"), entry.get("template")) if isinstance(entry, dict) else (None, None)
        if not isinstance(name, str) or not isinstance(template, str):
            raise CheckpointError(
                f'{path}: "chat_template" is neither a string nor a list of {{"name", "template"}}: '
                "copy this file again from the checkpoint"
            )
        named[name] = template
    return named


def _further(template_variables: Mapping[str, Any] | None) -> dict[str, Any]:
    variables: dict[str, Any] = plain(template_variables or {}, "template_variables")
    for name in _OWN_VARIABLES:
        if name in variables:
            raise PromptError(f'template_variables has "{name}", which render sets itself: use its own argument')
    return variables


def _environment() -> BoundedEnvironment:
    # The output is a prompt, not a web page: nothing is to be escaped.
    environment = BoundedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _raise_exception
    environment.globals["strftime_now"] = _strftime_now
    return environment


def _to_json(
    value: object,
    ensure_ascii: bool = False,  # noqa: FBT001, FBT002 - templates pass these as transformers' filter takes them
    indent: int | str | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,  # noqa: FBT001, FBT002 - as above
) -> str:
    """JSON without Jinja's HTML escapes."""
    width = len(indent) if isinstance(indent, str) else indent or 0
    if width > _MAX_INDENT:
        raise jinja2.TemplateRuntimeError(f"it would indent JSON by {width:,}, at most {_MAX_INDENT} are allowed")
    encoder = json.JSONEncoder(ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)
    return bounded_concat(encoder.iterencode(bounded_value(value)))


def _raise_exception(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)


def _strftime_now(pattern: str) -> str:
    return datetime.now(tz=UTC).astimezone().strftime(pattern)
