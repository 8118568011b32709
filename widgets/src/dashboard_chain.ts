// The chosen token in four steps, each the reason for the next: token, choices, reads, what memory holds.

import { make, setText } from "./dom";
import { byteText, count, msText, percent, visible } from "./format";
import { DECODE, type ReadSums } from "./reads";
import { knownCount, residentBytes } from "./residency";
import type { RunStore } from "./store";
import { chosenAgain } from "./usage";
import type { View } from "./view";

type Sums = Pick<ReadSums, "of">;

export interface Chain extends View {
  readonly el: HTMLElement;
}

/** Name of the panel that shows more, and the title. */
const LINKS = [
  ["tokens", "Token"],
  ["router", "Choices"],
  ["reads", "Reads"],
  ["cache", "Page cache"],
] as const;

/** `reveal` shows a panel. */
export function makeChain(store: RunStore, reveal: (panel: string) => void): Chain {
  const el = make("div", "fm-chain", { role: "group", "aria-label": "The token that is shown" });
  const texts = LINKS.map(([panel, title]) => {
    const text = make("span", "fm-link-text");
    const link = make("button", "fm-link", { type: "button", "data-name": `link_${panel}`, title: `Show ${title}` });
    link.append(make("span", "fm-link-title", {}, title), text);
    link.addEventListener("click", () => reveal(panel));
    el.append(link);
    return text;
  });
  return {
    el,
    draw() {
      for (const [at, text] of linkTexts(store, store.sums).entries()) setText(texts[at], text);
      return undefined;
    },
    destroy: () => undefined,
  };
}

/** Token, choices, reads, page cache, in words. */
export function linkTexts(store: RunStore, sums: Sums): readonly [string, string, string, string] {
  const token = store.shownToken;
  if (token < 0) return ["none yet", "none yet", "none yet", residentText(store)];
  const phase = store.column("phase").at(token) === DECODE ? "output" : "prompt";
  return [
    `${count(token)} “${visible(store.text(token))}” · ${phase}`,
    choicesText(store, token),
    readsText(sums, token),
    residentText(store),
  ];
}

function choicesText(store: RunStore, token: number): string {
  if (!store.column("expert_ids").has(token)) return "older than what is kept here";
  const { sparse_layers, top_k } = store.facts!;
  const choices = `${top_k} × ${sparse_layers.length} layers`;
  const known = chosenAgain(store, token);
  return known ? `${choices} · ${known.again} of ${known.chosen} again` : choices;
}

function readsText(sums: Sums, token: number): string {
  const sum = sums.of(token);
  if (sum.reads === 0) return "none here";
  return `${byteText(sum.bytes)} in ${msText(sum.readMs)} · ${percent(sum.hitBytes / sum.bytes)} hits`;
}

function residentText(store: RunStore): string {
  const facts = store.facts!;
  if (!facts.residency_per_expert) return "experts share pages";
  const all = facts.expert_bytes * store.residency.length;
  if (knownCount(store.residency) > 0) {
    const resident = residentBytes(store.residency, facts.expert_bytes);
    return `${byteText(resident)} of ${byteText(all)} · ${percent(resident / all)}`;
  }
  return "as the reads found it";
}
