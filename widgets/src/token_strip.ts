// The tokens of a run as text, coloured by a measure; choosing one drives every linked view.

import { SOURCES } from "./colours";
import { button, choice, make, setText } from "./dom";
import { byteText, count, msText, percent, visible } from "./format";
import { widget } from "./mount";
import { DECODE, type ReadSums } from "./reads";
import type { RunStore } from "./store";
import {
  alternatives,
  MEASURES,
  type Measure,
  passSize,
  scaleEnd,
  surprise,
  tokenText,
  windowOf,
} from "./token_measures";
import styles from "./token_strip.css";
import type { MakeView, View } from "./view";

/** Strongest colour behind a text that must stay readable. */
const DEEPEST = 0.62;

export const makeTokenStrip: MakeView = (el, store): View => {
  const { sums } = store;
  let measure = MEASURES[0];
  const measures = choice(
    "Colour by",
    MEASURES.map(({ name, label, title }) => [name, label, title] as const),
    (name) => {
      measure = MEASURES.find((one) => one.name === name) ?? measure;
      store.changed();
    },
  );
  const follow = button("follow", "Follow", "Show the newest token as it comes", () =>
    store.select({ following: !store.selection.following, token: store.shownToken }),
  );
  const scale = make("span", "fm-faint fm-scale");
  const strip = make("div", "fm-strip", { role: "listbox", "aria-label": "Tokens", tabindex: "0" });
  const says = make("div", "fm-says", { "data-name": "says" });
  const others = make("div", "fm-says", { "data-name": "alternatives" });
  const row = make("div", "fm-row", {}, measures.el, follow, scale);
  el.append(make("style", "", {}, styles), row, strip, says, others);
  strip.addEventListener("click", (event) => {
    const at = (event.target as HTMLElement).closest<HTMLElement>("[data-token]")?.dataset.token;
    if (at !== undefined) store.select({ token: Number(at), following: false });
  });
  const pieces = new Pieces(strip, store);
  let [scrolledTo, wasAt] = [-1, -1];

  return {
    draw() {
      const shown = store.shownToken;
      measures.show(measure.name);
      follow.setAttribute("aria-pressed", String(store.selection.following));
      const [first, end] = windowOf(store.tokens, shown);
      const values = Array.from({ length: end - first }, (_, n) => measure.of(store, sums, first + n));
      const most = scaleEnd(values, measure.most);
      pieces.show(first, end);
      for (const [n, value] of values.entries()) pieces.paint(first + n, value, most, measure);
      pieces.mark(shown);
      setText(scale, `0 to ${measure.text(most)}${first > 0 ? ` · tokens ${count(first)} to ${count(end - 1)}` : ""}`);
      setText(says, saysText(store, sums, shown));
      setText(others, alternativesText(store, shown));
      if (shown !== scrolledTo || end !== wasAt) pieces.scrollTo(shown);
      [scrolledTo, wasAt] = [shown, end];
      return undefined;
    },
    destroy: () => undefined,
  };
};

/** One element a token, made once. */
class Pieces {
  private readonly made = new Map<number, HTMLElement>();
  private run = "";
  private chosen: HTMLElement | undefined;

  constructor(
    private readonly strip: HTMLElement,
    private readonly store: RunStore,
  ) {}

  show(first: number, end: number): void {
    const run = this.store.place?.run ?? "";
    const jumped = this.made.size > 0 && !this.made.has(first);
    if (run !== this.run || jumped) {
      this.strip.replaceChildren();
      this.made.clear();
      this.run = run;
    }
    for (const [token, piece] of this.made) {
      if (token >= first && token < end) continue;
      piece.remove();
      this.made.delete(token);
    }
    for (let token = first; token < end; token++) {
      if (!this.made.has(token)) this.add(token);
    }
  }

  /** The colour behind a token: one hue, the deeper the more. */
  paint(token: number, value: number, most: number, measure: Measure): void {
    const piece = this.made.get(token);
    if (!piece) return;
    const known = Number.isFinite(value);
    const depth = known && most > 0 ? Math.max(0, Math.min(1, value / most)) * DEEPEST : 0;
    const said = `${measure.name} ${known ? measure.text(value) : "not known"}`;
    if (piece.dataset.value === said) return;
    piece.dataset.value = said;
    const hue =
      measure.name === "bytes" || measure.name === "ssd" || measure.name === "time" ? SOURCES.ssd : SOURCES.mark;
    piece.style.background = known ? `color-mix(in srgb, ${hue} ${(depth * 100).toFixed(0)}%, transparent)` : "";
    piece.classList.toggle("fm-unknown", !known);
    piece.title = `token ${token}: ${said}`;
  }

  mark(token: number): void {
    const piece = this.made.get(token);
    if (piece === this.chosen) return;
    this.chosen?.setAttribute("aria-selected", "false");
    piece?.setAttribute("aria-selected", "true");
    this.chosen = piece;
  }

  /** Scrolls the strip alone, not the notebook. */
  scrollTo(token: number): void {
    const piece = this.made.get(token);
    if (!piece) return;
    const [top, bottom] = [piece.offsetTop, piece.offsetTop + piece.offsetHeight];
    const { scrollTop, clientHeight } = this.strip;
    if (top < scrollTop || bottom > scrollTop + clientHeight) this.strip.scrollTop = bottom - clientHeight * 0.7;
  }

  private add(token: number): void {
    const text = tokenText(this.store, token);
    const piece = make("span", "fm-token", { role: "option", "data-token": String(token), "aria-selected": "false" });
    piece.classList.toggle("fm-prompt", this.store.column("phase").at(token) !== DECODE);
    piece.textContent = text.replaceAll("\n", "⏎\n").replaceAll("\t", "⇥\t") || "∅";
    this.strip.append(piece);
    this.made.set(token, piece);
  }
}

function saysText(store: RunStore, sums: ReadSums, token: number): string {
  if (token < 0) return "No token yet.";
  const value = (name: string) => store.column(name).at(token);
  const probability = Math.exp(value("token_logprob"));
  const drawn = Number.isFinite(probability)
    ? `probability ${percent(probability)}, ${surprise(store, token).toFixed(1)} bits, ${rankText(value("token_rank"))}`
    : value("phase") === DECODE
      ? "what it was drawn from is not known"
      : "given, not drawn";
  const sum = sums.of(token);
  const size = passSize(store, token);
  const shared = size > 1 ? `, shared by ${count(size)} tokens of the prompt` : "";
  const read = sum.reads
    ? `${byteText(sum.bytes)} read${shared}, ${percent(sum.hitBytes / sum.bytes)} from the page cache; `
    : "";
  return `Token ${token} “${visible(tokenText(store, token))}” (id ${value("token_id")}): ${drawn}; ${read}${msText(sum.passMs)}${shared && !read ? shared : ""}`;
}

function rankText(rank: number): string {
  return rank === 0 ? "the likeliest" : `${count(rank)} were likelier`;
}

/** Texts are known of tokens that occur in the run. */
function alternativesText(store: RunStore, token: number): string {
  const found = alternatives(store, token);
  if (found.length === 0) return "";
  return `Drawn from: ${found.map(([id, share]) => `${textOf(store, id)} ${percent(share)}`).join(" · ")}`;
}

function textOf(store: RunStore, id: number): string {
  const ids = store.column("token_id").rows(0, store.tokens);
  const row = ids.indexOf(id as never);
  return row < 0 ? `id ${id}` : `“${visible(tokenText(store, row))}”`;
}

export default widget({
  name: "TokenStrip",
  hint: "TokenStrip(session), or TokenStrip(fm.load_trace(path))",
  make: makeTokenStrip,
});
