"""The tools of the synthetic dialogues: a fixed set, and made-up ones whose names and parameters are drawn.

Knows how a person asks for a call; does not know the chat format (see `dialogues`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from flashmoe_nb.lab.demo import kinds as k
from flashmoe_nb.lab.demo.kinds import Draw, Kind, Schema, Value

Arguments: TypeAlias = "dict[str, Value]"


@dataclass(frozen=True, slots=True)
class Call:
    """One call: the tool's name and its arguments."""

    name: str
    arguments: Arguments


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool and the sentences that ask for it; a sentence names its parameters in braces."""

    name: str
    description: str
    parameters: dict[str, Kind]
    sentences: tuple[str, ...]
    optional: frozenset[str] = field(default_factory=frozenset)

    def schema(self) -> Schema:
        """The JSON schema as a chat template receives it."""
        properties = {name: kind.schema for name, kind in self.parameters.items()}
        required = [name for name in self.parameters if name not in self.optional]
        parameters = {"type": "object", "properties": properties, "required": required}
        function = {"name": self.name, "description": self.description, "parameters": parameters}
        return {"type": "function", "function": function}

    def ask(self, draw: Draw) -> tuple[str, Call]:
        """A request in words and the call that answers it."""
        arguments = {name: kind.draw(draw) for name, kind in self.parameters.items()}
        said = {name: self.parameters[name].say(value) for name, value in arguments.items()}
        return draw.random.choice(self.sentences).format(**said), Call(self.name, arguments)


FIXED = (
    Tool("get_weather", "Get the current weather for a city.",
         {"city": k.CITY, "unit": k.choice("celsius", "fahrenheit")},
         ("What's the weather in {city} in {unit}?", "How warm is it in {city} right now? Use {unit}.",
          "Tell me the weather for {city} ({unit}).", "Is it raining in {city}? Give degrees {unit}.")),
    Tool("get_time", "Get the local time in a city.", {"city": k.CITY},
         ("What time is it in {city}?", "Current time in {city} please.", "Tell me the local time for {city}.")),
    Tool("send_email", "Send an email.", {"to": k.EMAIL, "subject": k.PHRASE, "body": k.SENTENCE},
         ('Send an email to {to} with subject "{subject}" saying "{body}".',
          "Email {to}: subject {subject}, body {body}",
          'Write to {to} about "{subject}" and tell them "{body}".')),
    Tool("create_event", "Create a calendar event.",
         {"title": k.PHRASE, "date": k.DATE, "time": k.TIME, "attendees": k.several(Draw.name)},
         ('Schedule "{title}" on {date} at {time} with {attendees}.',
          'Add an event called "{title}" for {date} {time}, invite {attendees}.',
          'Put "{title}" in my calendar on {date} at {time} and invite {attendees}.')),
    Tool("search_web", "Search the web.", {"query": k.PHRASE, "max_results": k.integer(1, 20)},
         ("Search the web for {query}, {max_results} results.", "Find {max_results} pages about {query}.",
          'Look up "{query}" online and show {max_results} results.')),
    Tool("convert_currency", "Convert an amount between currencies.",
         {"amount": k.AMOUNT, "from": k.CURRENCY_TEXT, "to": k.CURRENCY_TEXT},
         ("Convert {amount} {from} to {to}.", "How much is {amount} {from} in {to}?",
          "I have {amount} {from}, what is that in {to}?")),
    Tool("calculate", "Evaluate an arithmetic expression.", {"expression": k.EXPRESSION},
         ("Calculate {expression}.", "What is {expression}?", "Evaluate {expression} for me.")),
    Tool("read_file", "Read a text file.", {"path": k.FILE},
         ("Read {path}.", "Show me the file {path}.", "What is in {path}?", "Open {path} and show me what it says.")),
    Tool("write_file", "Write text to a file.", {"path": k.FILE, "content": k.SENTENCE},
         ('Write "{content}" to {path}.', 'Save the text "{content}" in {path}.',
          'Create {path} containing "{content}".')),
    Tool("list_directory", "List files in a directory.", {"path": k.FOLDER, "recursive": k.flag(" recursively", "")},
         ("List the files in {path}{recursive}.", "What files are in {path}? List them{recursive}.")),
    Tool("set_timer", "Start a timer.", {"minutes": k.integer(1, 120), "label": k.WORD},
         ("Set a {minutes} minute timer for {label}.", "Start a timer called {label} for {minutes} minutes.",
          "Remind me about {label} in {minutes} minutes.")),
    Tool("translate_text", "Translate text.", {"text": k.SENTENCE, "target_language": k.LANGUAGE_TEXT},
         ('Translate "{text}" into {target_language}.', 'How do you say "{text}" in {target_language}?')),
    Tool("get_stock_price", "Look up a stock price.", {"symbol": k.SYMBOL},
         ("What is the price of {symbol}?", "Stock price for {symbol} please.", "How is {symbol} trading?")),
    Tool("add_todo", "Add a task to the todo list.",
         {"task": k.PHRASE, "priority": k.choice("low", "medium", "high"), "tags": k.several(Draw.word)},
         ('Add a {priority} priority task "{task}" tagged {tags}.', "Todo: {task}. Priority {priority}, tags {tags}.")),
    Tool("book_flight", "Book a flight.",
         {"origin": k.CITY, "destination": k.CITY, "date": k.DATE, "passengers": k.integer(1, 9),
          "seat": k.record(" class, ", cabin=k.choice("economy", "business", "first"),
                           window=k.flag("window", "aisle"))},
         ("Book a flight from {origin} to {destination} on {date} for {passengers} passengers, {seat} seat.",
          "I need {passengers} tickets from {origin} to {destination} on {date}: {seat}.")),
    Tool("set_light", "Control a light.",
         {"room": k.WORD, "on": k.flag("on", "off", 0.7), "brightness": k.integer(0, 100)},
         ("Turn {on} the {room} light at {brightness} percent.",
          "Switch the {room} lamp {on}, brightness {brightness}.")),
    Tool("query_database", "Query a database table.",
         {"table": k.WORD, "columns": k.several(Draw.word),
          "where": k.record(" ", field=k.WORD, op=k.choice(">", "<", "=", ">=", "<="), value=k.integer(0, 999)),
          "limit": k.integer(1, 100)},
         ("Get {columns} from table {table} where {where}, limit {limit}.",
          "Query {table}: columns {columns}; filter {where}; at most {limit} rows.")),
    Tool("run_python", "Run a Python snippet.", {"code": k.SNIPPET},
         ("Run this code:\n{code}", "Execute in Python:\n{code}")),
    Tool("order_food", "Order food from a restaurant.",
         {"restaurant": k.NAME, "items": k.records(k.record(" x ", name=k.WORD, quantity=k.integer(1, 9)))},
         ("Order {items} from {restaurant}.", "I'd like {items} from the restaurant {restaurant}.")),
    Tool("create_user", "Create a user account.",
         {"name": k.NAME, "age": k.integer(18, 90), "email": k.EMAIL,
          "roles": k.several(lambda d: d.random.choice(["admin", "editor", "viewer", "owner", "guest"]))},
         ("Create a user {name}, age {age}, email {email}, roles {roles}.",
          "New account: {name} ({age}), {email}, {roles}.")),
    Tool("track_package", "Track a package.", {"tracking_code": k.CODE, "carrier": k.NAME},
         ("Where is my package {tracking_code} sent with {carrier}?", "Track {tracking_code} ({carrier}).")),
    Tool("rename_file", "Rename a file.", {"old_path": k.FILE, "new_path": k.FILE},
         ("Rename {old_path} to {new_path}.", "Move {old_path} to {new_path} please.")),
    Tool("create_invoice", "Create an invoice.",
         {"customer": k.record(" at ", name=k.NAME, email=k.EMAIL),
          "lines": k.records(k.record(" for ", product=k.WORD, price=k.AMOUNT)), "currency": k.CURRENCY,
          "reference": k.CODE},
         ("Invoice {customer}: {lines}, in {currency}, reference {reference}.",
          "Make an invoice with reference {reference} for {customer} in {currency}: {lines}.")),
    Tool("plan_trip", "Plan a trip with stops.",
         {"traveller": k.NAME, "stops": k.records(k.record(" on ", city=k.CITY, date=k.DATE)),
          "hotel": k.record(", ", name=k.PHRASE, nights=k.integer(1, 14)), "notes": k.SENTENCE},
         ('Plan a trip for {traveller} with stops {stops}. Hotel: {hotel}. Note "{notes}".',
          '{traveller} travels to {stops}; book the hotel {hotel} nights and note "{notes}".')),
)  # fmt: skip

_VERBS = """get set find list add remove update create delete start stop check fetch open close send move copy
 count sort merge split tag label assign schedule cancel archive publish scan print share lock
 unlock reset rate play pause""".split()  # noqa: SIM905 - a word list reads better so
_NOUNS = """item record task order user session channel device sensor folder note page image video song playlist
 recipe account contract shipment parcel room door alarm camera vehicle route ticket survey form
 badge branch build job queue bucket metric graph table cell layer node edge rule policy token key
 lease invoice refund coupon member team score""".split()  # noqa: SIM905 - a word list reads better so
_FIELDS = """id name title label owner target source size width height count limit level colour mode status
 reason message comment date start end time path folder email city country code version amount price
 weight tags members options filter key value query text content priority format language channel
 group region address duration speed""".split()  # noqa: SIM905 - a word list reads better so
_DRAWN = (k.WORD, k.WORD, k.PHRASE, k.SENTENCE, k.NAME, k.CITY, k.CODE, k.CODE, k.EMAIL, k.DATE, k.TIME, k.FILE,
          k.FOLDER,
          k.integer(0, 9999), k.integer(0, 99), k.AMOUNT, k.flag("true", "false"), k.several(Draw.word),
          k.several(Draw.code), k.several(Draw.name), k.record(", ", name=k.WORD, value=k.integer(0, 999)),
          k.records(k.record(" / ", key=k.CODE, text=k.WORD)))  # fmt: skip


def invented(draw: Draw) -> Tool:
    """A tool that nobody has seen: drawn name, parameters and kinds; some parameters optional."""
    r = draw.random
    verb, noun = r.choice(_VERBS), r.choice([r.choice(_NOUNS), draw.word()])
    names = r.sample(_FIELDS, r.randint(1, 5))
    if draw.chance(0.3):
        names[0] = f"{noun}_{names[0]}"
    parameters = {name: r.choice(_DRAWN) for name in names}
    optional = frozenset(name for name in names[1:] if draw.chance(0.25))
    description = r.choice([f"{verb.capitalize()} a {noun}.", f"{verb.capitalize()} {noun} by {names[0]}.",
                            f"Use this to {verb} the {noun}."])  # fmt: skip
    style = r.choice(["{name} {{{name}}}", "{name}={{{name}}}", "{name}: {{{name}}}", "{name} set to {{{name}}}"])
    order = r.sample(names, len(names))
    said = [style.format(name=name) for name in order]
    lead = r.choice([f"{verb.capitalize()} the {noun} with ", f"Please {verb} a {noun}: ", f"Use {verb}_{noun}, ",
                     f"I want to {verb} the {noun}. Use "])  # fmt: skip
    return Tool(f"{verb}_{noun}", description, parameters, (lead + k.joined(said) + ".",), optional)
