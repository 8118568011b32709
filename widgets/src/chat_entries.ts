// A conversation as Python tells it: flashmoe_nb/widgets/chat_entries.py. Draws nothing.

export type EntryKind =
  | "system"
  | "user"
  | "thought"
  | "text"
  | "call"
  | "broken"
  | "result"
  | "refused"
  | "end"
  | "error";

export interface Entry {
  readonly kind: EntryKind;
  readonly text: string;
  /** Of a tool. */
  readonly name: string;
  /** Where in the text (in code points) a token begins, and its row in the trace. */
  readonly marks: readonly (readonly [start: number, row: number])[];
}

export interface ChatFacts {
  /** Counts up with every word from Python: what is older is late. */
  version: number;
  readonly state: "idle" | "answering" | "asking";
  readonly entries: Entry[];
  readonly settings: Readonly<Record<string, number | boolean | null>>;
  readonly tools: readonly { readonly name: string; readonly description: string }[];
  readonly asked: { readonly name: string; readonly arguments: Readonly<Record<string, unknown>> } | null;
}

/** The last entry alone, while it grows. */
export interface Tail {
  readonly version: number;
  readonly number: number;
  readonly entry: Entry;
}

export const TITLES: Readonly<Record<EntryKind, string>> = {
  system: "system",
  user: "you",
  thought: "thought",
  text: "model",
  call: "calls",
  broken: "no valid call",
  result: "result",
  refused: "not run",
  end: "",
  error: "error",
};

/** False for one that came late, or before its neighbours. */
export function takeTail(facts: ChatFacts, tail: Tail): boolean {
  if (tail.version <= facts.version || tail.number > facts.entries.length || tail.number < 0) return false;
  facts.entries[tail.number] = tail.entry;
  facts.version = tail.version;
  return true;
}

/** The text in pieces, each with the row of its token, or -1. */
export function spansOf(entry: Entry): { readonly said: string; readonly row: number }[] {
  if (entry.marks.length === 0) return entry.text === "" ? [] : [{ said: entry.text, row: -1 }];
  const letters = [...entry.text];
  return entry.marks
    .map(([start, row], at) => {
      const end = entry.marks[at + 1]?.[0] ?? letters.length;
      return { said: letters.slice(start, end).join(""), row };
    })
    .filter(({ said }) => said !== "");
}
