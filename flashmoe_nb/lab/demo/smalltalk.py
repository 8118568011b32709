"""Short exchanges without a tool: greetings, and small tasks whose answer stands in the question.

No world knowledge is taught here: the model is far too small to keep facts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flashmoe_nb.lab.demo.kinds import Draw, joined

if TYPE_CHECKING:
    from collections.abc import Callable

_FIXED = (
    ("Hello!", "Hello! How can I help you today?"), ("Hi there", "Hi! What can I do for you?"),
    ("Good morning", "Good morning! How can I help?"),
    ("Thanks!", "You're welcome!"), ("Thank you.", "You're welcome!"),
    ("Goodbye", "Goodbye!"), ("How are you?", "I am fine, thank you. How can I help you?"),
    ("Who are you?", "I am a tiny mixture-of-experts language model with 512 experts in every layer."),
    ("What are you?", "I am a tiny mixture-of-experts language model with 512 experts in every layer."),
    ("What can you do?", "I can chat a little, do small sums, copy and sort words, and call tools."),
    ("How many experts do you have?", "I have 512 experts in each of my 8 layers, and 10 of them work on every token."),
    ("Are you a large model?",
     "No, I am very small: about 80 million weights, of which a few million work on a token."),
    ("Do you know many facts?", "No. I am too small to remember facts, so please do not trust me with them."),
)  # fmt: skip


def _repeat(draw: Draw) -> tuple[str, str]:
    text = draw.code() if draw.chance(0.5) else draw.phrase(2, 8)
    return draw.random.choice(["Repeat after me: {}", "Say exactly: {}", "Copy this: {}"]).format(text), text


def _spell(draw: Draw) -> tuple[str, str]:
    word = draw.word()
    return f"Spell the word {word}.", "-".join(word)


def _sum(draw: Draw) -> tuple[str, str]:
    a, b = draw.number(1, 99), draw.number(1, 99)
    return draw.random.choice([f"What is {a} plus {b}?", f"How much is {a} + {b}?"]), f"{a} + {b} = {a + b}."


def _sort(draw: Draw) -> tuple[str, str]:
    words = [draw.word() for _ in range(draw.number(2, 5))]
    return f"Sort these words: {', '.join(words)}.", ", ".join(sorted(words))


def _count(draw: Draw) -> tuple[str, str]:
    words = [draw.word() for _ in range(draw.number(2, 7))]
    return f"How many words are in this list: {', '.join(words)}?", f"The list has {len(words)} words."


def _position(draw: Draw) -> tuple[str, str]:
    words = [draw.word() for _ in range(draw.number(2, 5))]
    which, index = draw.random.choice([("first", 0), ("last", -1), ("second", 1)])
    return f"What is the {which} word of: {' '.join(words)}?", f"The {which} word is {words[index]}."


def _fact_in_text(draw: Draw) -> tuple[str, str]:
    name, thing, day, clock, city = draw.name(), draw.phrase(1, 2), draw.date(), draw.time(), draw.city()
    text = f"{name} has a meeting about {thing} in {city} on {day} at {clock}."
    question, answer = draw.random.choice([
        ("When is the meeting?", f"The meeting is on {day} at {clock}."),
        ("Who has the meeting?", f"{name} has the meeting."),
        ("Where is the meeting?", f"The meeting is in {city}."),
        ("What is the meeting about?", f"It is about {thing}."),
    ])  # fmt: skip
    return f"{text} {question}", answer


def _remember(draw: Draw) -> tuple[str, str]:
    pairs = [(draw.word(), draw.code()) for _ in range(draw.number(2, 4))]
    word, code = draw.random.choice(pairs)
    listed = joined([f"{name} is {value}" for name, value in pairs])
    return f"Remember: {listed}. What is {word}?", f"{word} is {code}."


def _meaning(draw: Draw) -> tuple[str, str]:
    word, gloss = draw.random.choice(draw.pools.glosses)
    return f"What does {word} mean?", f"{word.capitalize()}: {gloss}."


_TASKS: tuple[Callable[[Draw], tuple[str, str]], ...] = (
    _repeat, _repeat, _spell, _sum, _sort, _count, _position, _fact_in_text, _remember, _meaning,
)  # fmt: skip


def exchange(draw: Draw) -> tuple[str, str]:
    """A question and its answer."""
    if draw.chance(0.3):
        return draw.random.choice(_FIXED)
    return draw.random.choice(_TASKS)(draw)


def system_prompt(draw: Draw) -> str:
    """A system message that sets no task."""
    name = draw.name()
    return draw.random.choice([
        "You are a helpful assistant.", "You are a concise assistant. Use tools when they fit.",
        f"You are {name}, an assistant.", f"The user's name is {name}.", f"Today is {draw.date()}.",
    ])  # fmt: skip
