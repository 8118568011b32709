// A recorded run replayed token by token: the selection moves, all views follow. Needs no kernel.

import { button, make, setText } from "./dom";
import { count } from "./format";
import type { RunStore } from "./store";
import type { View } from "./view";

const PER_S = 10;

export interface Playback extends View {
  /** Whether the space bar is its own. */
  enabled: boolean;
}

/** `keys` is where the space bar is heard. */
export function makePlayback(el: HTMLElement, keys: HTMLElement, store: RunStore): Playback {
  let playing = false;
  let moved_ms = 0;
  const toggle = () => {
    playing = !playing;
    if (playing && store.shownToken >= store.tokens - 1) go(store, 0);
    store.changed();
  };
  const step = (by: number) => {
    playing = false;
    go(store, store.shownToken + by);
  };
  const play = button("replay_play", "▶ replay", "Go through the tokens (space)", toggle);
  const back = button("replay_back", "◂ back", "One token back (left)", () => step(-1));
  const on = button("replay_step", "▸ step", "One token on (right)", () => step(1));
  const start = button("replay_start", "|◂ start", "To the first token", () => step(-store.tokens));
  const speed = make("input", "", { type: "number", min: "0.5", step: "any", value: String(PER_S) });
  speed.dataset.name = "replay_speed";
  const says = make("span", "fm-faint", { "data-name": "replay_says", role: "status" });
  const rate = make("label", "", {}, speed, " tokens/s");
  el.append(
    make("div", "fm-row fm-playback", { role: "toolbar", "aria-label": "replay" }, play, back, on, start, rate, says),
  );
  const heard = (event: KeyboardEvent) => {
    const target = event.target as HTMLElement;
    if (!view.enabled || event.key !== " " || target.closest("button, input, select, textarea")) return;
    toggle();
    event.preventDefault();
    event.stopImmediatePropagation(); // before the frame's own keys
  };
  keys.addEventListener("keydown", heard, { capture: true });
  const view: Playback = {
    enabled: false,
    draw(now_ms) {
      if (playing && now_ms - moved_ms >= 1000 / rateOf(speed)) {
        moved_ms = now_ms;
        if (store.shownToken < store.tokens - 1) go(store, store.shownToken + 1);
        else playing = false;
      }
      setText(play, playing ? "❚❚ pause" : "▶ replay");
      const what = store.place?.complete ? "a recorded run" : "played elsewhere";
      setText(says, `${what} · token ${count(store.shownToken + 1)} of ${count(store.tokens)}`);
      back.disabled = start.disabled = store.shownToken <= 0;
      on.disabled = store.shownToken >= store.tokens - 1;
      return playing;
    },
    destroy: () => keys.removeEventListener("keydown", heard, { capture: true }),
  };
  return view;
}

function go(store: RunStore, token: number): void {
  store.select({ token: Math.max(0, Math.min(store.tokens - 1, token)), following: false });
}

function rateOf(input: HTMLInputElement): number {
  const rate = Number(input.value);
  return rate > 0 ? rate : PER_S;
}
