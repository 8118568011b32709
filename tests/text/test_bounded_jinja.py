"""Templates that would never end, or make endless text, are refused within a moment; others are as in plain Jinja."""

import time
import tracemalloc

import pytest
from jinja2.sandbox import ImmutableSandboxedEnvironment

from flashmoe_nb.errors import PromptError
from flashmoe_nb.text import ChatTemplate, bounded_jinja

HI = [{"role": "user", "content": "x" * 1000}]
DOUBLE = (
    "{% set ns = namespace(t='x' * 1000) %}{% for i in range(60) %}{% set ns.t = EXPRESSION %}{% endfor %}{{ ns.t }}"
)


def render(source: str) -> str:
    return ChatTemplate({"default": source}, {}, "test").render(HI)


@pytest.mark.parametrize(
    "source",
    [
        "{% for a in range(9999) %}" * 3 + "{% endfor %}" * 3,
        "{% macro f(n) %}{% if n %}{{ f(n-1) }}{{ f(n-1) }}{% endif %}{% endmacro %}{{ f(60) }}",
        "{% for a in range(99999) %}{{ messages[0].content * 99999 }}{% endfor %}",
        "{% set t %}{% for a in range(99999) %}{{ messages[0].content }}{% endfor %}{% endset %}{{ t }}",
        "{{ 'x' * 9999999999 }}",
        "{{ [0] * 9999999999 }}",
        "{{ 10 ** 99999 }}",
        "{% set ns = namespace(n=10) %}{% for i in range(9) %}{% set ns.n = ns.n ** 60 %}{% endfor %}",
        "{{ '%*d' % (9999999999, 1) }}",
        "{{ '%9999999999d' | format(1) }}",
        "{{ '{:9999999999}'.format(1) }}",
        "{{ '{:{w}}'.format(1, w=9999999999) }}",
        "{{ 'x'.center(9999999999) }}",
        "{{ '%9999999999d' % 1 }}",
        "{{ 'x' | center(9999999999) }}",
        "{{ ('x' * 99999) | replace('x', 'y' * 99999) }}",
        "{{ ('x' * 99999).replace('x', 'y' * 99999) }}",
        "{{ ([messages[0].content] * 99999) | join }}",
        "{{ ''.join([messages[0].content] * 99999) }}",
        "{{ ('\\n' * 99999) | indent(99999) }}",
        f"{{{{ '{'x' * 60}' * 200000000 }}}}",
        "{{ ('a\\n' * 20) | indent(200000000) }}",
        "{{ ('\\n' * 9999999) | indent(60) }}",
        "{{ 'a' | batch(200000000, 'x') | list }}",
        "{{ (5).to_bytes(200000000, 'big') }}",
        "{{ messages | tojson(indent=9999999999) }}",
        "{{ messages | tojson(indent='x' * 99999) }}",
        DOUBLE.replace("EXPRESSION", "[ns.t, ns.t]"),
        DOUBLE.replace("EXPRESSION", "[ns.t, ns.t]").replace("{{ ns.t }}", "{{ ns.t | tojson }}"),
        DOUBLE.replace("EXPRESSION", "[ns.t, ns.t]").replace("{{ ns.t }}", "{{ ns.t | string }}"),
        DOUBLE.replace("EXPRESSION", "[ns.t, ns.t]").replace("{{ ns.t }}", "{{ ns.t ~ '' }}"),
        DOUBLE.replace("EXPRESSION", "ns.t ~ ns.t"),
        DOUBLE.replace("EXPRESSION", "ns.t + ns.t"),
        DOUBLE.replace("EXPRESSION", "[ns.t, ns.t] | join"),
        DOUBLE.replace("EXPRESSION", "ns.t | replace('x', 'xx')"),
        "{% macro tick() %}{% endmacro %}" + "{% for a in range(9999) %}" * 3 + "{% endfor %}" * 3,
    ],
)
def test_templates_without_end_are_refused(source: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bounded_jinja, "MAX_S", 1.0)
    tracemalloc.start()
    start_s = time.monotonic()
    try:
        with pytest.raises(PromptError, match=r"refused these messages: it (would|went|took|formats)"):
            render(source)
        assert tracemalloc.get_traced_memory()[1] < 700e6
    finally:
        tracemalloc.stop()
    assert time.monotonic() - start_s < 60  # for ever is what is meant


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in range(3) %}{{ loop.index0 ~ loop.revindex ~ i }}{% if loop.last %}!{% endif %}{% endfor %}",
        "{% for i in range(5) if i % 2 %}{{ i }}{% else %}none{% endfor %}{% for i in [] %}{% else %}none{% endfor %}",
        "{% for a in [[1, [2]]] recursive %}{% if a is iterable %}{{ loop(a) }}{% endif %}-{% endfor %}",
        "{% macro m(a, b=2) %}{{ a }}{{ b }}{{ caller() }}{% endmacro %}{% call m(1) %}x{% endcall %}",
        "{% macro m(a, b=2) %}{{ a }}{{ b }}{% endmacro %}{{ m('a') }}{{ m(1, b=m(2)) }}",
        "{% set t %}a{{ 1 + 2 }}b{% endset %}{{ t ~ '<&>' ~ none ~ undefined ~ 1.5 ~ true }}",
        "{{ 'a,b'.split(',') | map('upper') | join('-') }}{{ {'a': 1} | items | list }}{{ '%s %d' % ('a', 1) }}",
        "{{ 2 * 3 + 4 ** 2 % 5 }}{{ 99999 * 99999 }}{{ 'ab' * 3 }}{{ [1] + [2] }}{{ 'x' | center(9) | trim }}",
        "{{ 12345678901 | string }}{% macro m(a, b) %}{{ a ~ b }}{% endmacro %}{{ m('a' * 20000, 'b' * 20000) }}",
        "{{ namespace(n=12345678901).n }}{{ 12345678901 | tojson }}{{ [1, 'a', none] | tojson(indent=2) }}",
        "{% filter upper %}abc{% endfilter %}{% with a = 1 %}{{ a }}{% endwith %}{{ 'a' if false else 'b' }}",
    ],
)
def test_ordinary_templates_are_as_in_plain_jinja(source: str):
    plain = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True).from_string(source).render(messages=HI)
    assert render(source) == plain


def test_the_lorem_ipsum_of_jinja_is_not_there():
    with pytest.raises(PromptError, match="'lipsum' is undefined"):
        render("{{ lipsum(n=200000000) }}")


def test_long_conversations_pass():
    loop = (
        "{% for message in messages %}{{ '<|im_start|>' ~ message.role ~ '\\n' + message.content | trim }}{% endfor %}"
    )
    messages = [{"role": "user", "content": "word " * 300}] * 2000
    text = ChatTemplate({"default": loop}, {}, "test").render(messages)
    assert len(text) > 2_900_000


def test_each_rendering_has_its_own_allowance(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bounded_jinja, "MAX_ROUNDS", 1000)
    template = ChatTemplate({"default": "{% for i in range(900) %}{% endfor %}ok"}, {}, "test")
    assert [template.render(HI) for _ in range(3)] == ["ok"] * 3
