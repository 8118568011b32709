// A conversation: what is said as it comes, calls of tools and their results, and the tokens that it is made of.

import { type ChatFacts, type Entry, spansOf, TITLES, takeTail } from "./chat_entries";
import css from "./chat_view.css";
import { button, make, setText } from "./dom";
import { widget } from "./mount";
import type { RunStore } from "./store";
import type { MakeView } from "./view";

export const makeChatView: MakeView = (el, store, send) => {
  let facts: ChatFacts | null = null;
  const act = (command: string, args: Record<string, unknown> = {}) => send("chat", { do: command, ...args });
  const log = makeLog(store);
  const ask = makeAsk((allow) => act("answer", { allow }));
  const settings = makeSettings();
  const message = make("textarea", "fm-grow", { rows: "2", "data-name": "message", placeholder: "a message" });
  message.setAttribute("aria-label", "message; Enter sends it, Shift+Enter begins a line");
  const say = () => {
    if (!facts || !store.connected || facts.state !== "idle" || message.value.trim() === "") return;
    act("send", { text: message.value, settings: settings.values() });
    message.value = "";
  };
  const go = button("send", "Send", "Send the message (Enter)", say);
  const stop = button("stop", "■ stop", "End the answer after the token at hand; what was said stays", () =>
    act("stop"),
  );
  const reset = button("reset", "New conversation", "Forget all but the system prompt", () => act("reset"));
  const state = make("span", "fm-faint", { role: "status", "data-name": "chat-state" });
  const tools = make("div", "fm-says", { "data-name": "tools" });
  message.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    say();
  });
  const root = make("div", "fm-chat", {}, log.el, ask.el, make("div", "fm-row fm-write", {}, message, go, stop));
  root.append(make("div", "fm-row", {}, ...settings.fields, reset, state), tools);
  el.append(make("style", "", {}, css), root);
  const endings = [
    store.onPart("chat", (part) => {
      const next = part as unknown as ChatFacts;
      if (facts && next.version < facts.version) return;
      facts = { ...next, entries: [...next.entries] };
      settings.fill(next.settings);
    }),
    store.onPart("chat_tail", (part) => {
      if (facts) takeTail(facts, part as never);
    }),
  ];
  return {
    draw() {
      if (facts === null) return undefined;
      const [live, idle] = [store.connected, facts.state === "idle"];
      log.show(facts.entries, store.shownToken);
      ask.show(live ? facts.asked : null);
      go.disabled = !live || !idle;
      stop.disabled = !live || idle;
      reset.disabled = !live;
      setText(state, { idle: "", answering: "answering …", asking: "waiting for your leave" }[facts.state]);
      root.dataset.state = facts.state;
      setText(tools, toolsText(facts));
      return undefined;
    },
    destroy() {
      for (const end of endings) end();
    },
  };
};

function toolsText(facts: ChatFacts): string {
  if (facts.tools.length === 0) return "No tools: give them with ChatView(fm.Chat(engine, tools=[...])).";
  return `Tools: ${facts.tools.map(({ name, description }) => `${name} (${description})`).join(" · ")}`;
}

interface Log {
  readonly el: HTMLElement;
  show(entries: readonly Entry[], token: number): void;
}

/** The entries, each made once and changed when it grows. */
function makeLog(store: RunStore): Log {
  const el = make("div", "fm-log", { role: "log", "aria-label": "conversation", tabindex: "0", "data-name": "log" });
  const empty = make("div", "fm-faint", {}, "Nothing said yet.");
  const made: { el: HTMLElement; entry: Entry }[] = [];
  let marked: HTMLElement | null = null;
  el.addEventListener("click", (event) => {
    const row = (event.target as HTMLElement).closest<HTMLElement>("[data-row]")?.dataset.row;
    if (row !== undefined && Number(row) < store.tokens) store.select({ token: Number(row), following: false });
  });
  return {
    el,
    show(entries, token) {
      const atEnd = el.scrollTop + el.clientHeight >= el.scrollHeight - 8;
      let changed = false;
      while (made.length > entries.length) {
        made.pop()!.el.remove();
        changed = true;
      }
      for (const [at, entry] of entries.entries()) {
        if (made[at] && sameEntry(made[at].entry, entry)) continue;
        const fresh = entryElement(entry);
        if (made[at]) made[at].el.replaceWith(fresh);
        else el.append(fresh);
        made[at] = { el: fresh, entry };
        changed = true;
      }
      if (entries.length === 0) el.append(empty);
      else empty.remove();
      if (changed && atEnd) el.scrollTop = el.scrollHeight;
      const wanted = el.querySelector<HTMLElement>(`[data-row="${token}"]`);
      if (wanted === marked) return;
      marked?.classList.remove("fm-chosen");
      wanted?.classList.add("fm-chosen");
      marked = wanted;
    },
  };
}

function sameEntry(a: Entry, b: Entry): boolean {
  return a === b || (a.kind === b.kind && a.text === b.text && a.name === b.name && a.marks.length === b.marks.length);
}

function entryElement(entry: Entry): HTMLElement {
  const title = entry.kind === "call" ? `${TITLES.call} ${entry.name}` : TITLES[entry.kind];
  const text = make("div", "fm-said");
  for (const { said, row } of spansOf(entry)) {
    text.append(row < 0 ? said : make("span", "fm-word", { "data-row": String(row), title: `token ${row}` }, said));
  }
  const el = make("div", "fm-entry", { "data-kind": entry.kind }, make("span", "fm-who", {}, title), text);
  return el;
}

interface Ask {
  readonly el: HTMLElement;
  show(asked: ChatFacts["asked"]): void;
}

function makeAsk(onAnswer: (allow: boolean) => void): Ask {
  const what = make("code", "", { "data-name": "asked" });
  const allow = button("allow", "Allow", "Run it this once", () => onAnswer(true));
  const refuse = button("refuse", "Refuse", "Do not run it; the model is told", () => onAnswer(false));
  const el = make("div", "fm-row fm-ask", { role: "alertdialog", "aria-label": "A tool wants to run" });
  el.append(make("span", "", {}, "Run "), what, allow, refuse);
  return {
    el,
    show(asked) {
      el.hidden = asked === null;
      if (asked) setText(what, `${asked.name}(${JSON.stringify(asked.arguments)})`);
    },
  };
}

interface Settings {
  readonly fields: readonly HTMLElement[];
  values(): Record<string, unknown>;
  /** What Python has, until somebody changes a field. */
  fill(settings: ChatFacts["settings"]): void;
}

const FIELDS = [
  ["max_tokens", "tokens", "1", "1", "of one answer, at most"],
  ["temperature", "temperature", "0", "0.1", "0 takes the likeliest token"],
  ["top_p", "top-p", "0", "0.05", "draw from the likeliest tokens that hold this share"],
  ["min_p", "min-p", "0", "0.01", "leave out tokens below this share of the likeliest one's"],
  ["seed", "seed", "0", "1", "of the random numbers; empty differs each time"],
] as const;

function makeSettings(): Settings {
  const inputs = new Map<string, HTMLInputElement>();
  const fields: HTMLElement[] = FIELDS.map(([name, label, min, step, title]) => {
    const input = make("input", "", { type: "number", min, step: step === "1" ? "1" : "any", "data-name": name });
    inputs.set(name, input);
    return make("label", "", { title }, `${label} `, input);
  });
  const thinking = make("input", "", { type: "checkbox", "data-name": "enable_thinking" });
  fields.push(make("label", "", { title: "let the template open a thinking block" }, thinking, " thinking"));
  let touched = false;
  for (const input of [...inputs.values(), thinking]) {
    input.addEventListener("input", () => {
      touched = true;
    });
  }
  return {
    fields,
    values() {
      const known = [...inputs].map(([name, { value }]) => [name, value === "" ? null : Number(value)] as const);
      const given = known.filter(([name, value]) => value !== null || name === "seed");
      return { ...Object.fromEntries(given), enable_thinking: thinking.checked };
    },
    fill(settings) {
      if (touched) return;
      for (const [name, input] of inputs) input.value = String(settings[name] ?? "");
      thinking.checked = settings.enable_thinking === true;
    },
  };
}

export default widget({
  name: "ChatView",
  hint: "ChatView(fm.Chat(engine)), or ChatView(engine)",
  make: makeChatView,
  ready: (store) => store.keeps("chat"),
});
