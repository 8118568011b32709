// The banner over the reads: nearly all of them come from memory, and a button that makes memory scarce.

import { button, make, setText } from "./dom";
import { byteText, percent } from "./format";
import type { ReadSum } from "./reads";
import type { RunStore } from "./store";
import type { Send } from "./transport";

/** From this share of hits on, over so many tokens, what is measured is memory: unless the few misses take the time. */
const NEARLY_ALL = 0.95;
const MOST_WAITING = 0.1;
const LEAST_TOKENS = 8;

/** What `ReadTimeline` says of the limit: flashmoe_nb/widgets/read_timeline.py. */
export interface LimitState {
  /** "off", "busy", "on", or "none" where no engine is attached. */
  readonly state: "off" | "busy" | "on" | "none";
  readonly text: string;
  readonly choices: readonly { readonly nbytes: number; readonly text: string }[];
}

export interface LimitBanner {
  readonly el: HTMLElement;
  draw(recent: ReadSum, tokens: number): void;
  destroy(): void;
}

/** Whether reads come so much from the page cache that they say nothing of an SSD. */
export function measuresMemory(recent: ReadSum, tokens: number): boolean {
  if (tokens < LEAST_TOKENS || recent.bytes === 0) return false;
  return recent.hitBytes / recent.bytes >= NEARLY_ALL && recent.ssdMs / recent.passMs <= MOST_WAITING;
}

export function makeLimit(store: RunStore, send: Send): LimitBanner {
  let known: LimitState = { state: "none", text: "", choices: [] };
  const text = make("span", "fm-grow");
  const sizes = make("select", "", { "data-name": "limit_bytes", "aria-label": "Memory limit" });
  const impose = button("limit", "Limit memory", "Make the page cache scarce, so that reads reach the SSD", () =>
    send("limit", { nbytes: Number(sizes.value) }),
  );
  const lift = button("lift", "Lift the limit", "Give the page cache all memory back", () => send("lift"));
  const el = make("div", "fm-row fm-banner", { role: "status", "data-name": "banner" }, text, sizes, impose, lift);
  const end = store.onPart("limit", (part) => {
    known = part as unknown as LimitState;
    const chosen = sizes.value;
    sizes.replaceChildren(
      ...known.choices.map(({ nbytes, text: said }) => make("option", "", { value: String(nbytes) }, said)),
    );
    if (known.choices.some(({ nbytes }) => String(nbytes) === chosen)) sizes.value = chosen;
  });
  return {
    el,
    draw(recent, tokens) {
      const warm = measuresMemory(recent, tokens);
      const on = known.state === "on" || known.state === "busy";
      el.hidden = !warm && !on && known.text === "";
      el.dataset.state = known.state;
      const may = known.state === "off" && store.connected && known.choices.length > 0;
      sizes.hidden = impose.hidden = !may;
      lift.hidden = known.state !== "on";
      setText(text, bannerText(known, warm, recent, tokens));
    },
    destroy: end,
  };
}

function bannerText(known: LimitState, warm: boolean, recent: ReadSum, tokens: number): string {
  const share = percent(recent.hitBytes / recent.bytes);
  const all = `You are measuring RAM: ${share} of the bytes read for the last ${tokens} tokens were in the page cache. `;
  const saved =
    known.state === "none" && warm
      ? `These ${byteText(recent.bytes)} say nothing of an SSD; attach a session to limit memory. `
      : "";
  return `${warm ? all : ""}${saved}${known.text}`;
}
