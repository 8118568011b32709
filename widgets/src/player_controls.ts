// Play, pause, step and stop of a session that decodes in the background; the prompt, and the text as it comes.

import { button, make, setText } from "./dom";
import { count, three } from "./format";
import { widget } from "./mount";
import css from "./player_controls.css";
import type { Part } from "./store";
import type { MakeView } from "./view";

interface PlayerFacts {
  readonly state: "idle" | "playing" | "paused" | "done" | "stopped" | "failed";
  readonly position: number;
  readonly max_context: number;
  readonly tokens: number;
  readonly text: string;
  readonly tokens_per_s: number | null;
  readonly measured_per_s: number | null;
  readonly error: string;
}

export const makePlayerControls: MakeView = (el, store, send) => {
  const act = (command: string, args: Record<string, unknown> = {}) => send("player", { do: command, ...args });
  let facts: PlayerFacts | null = null;
  const fields = makeFields((tokens_per_s) => {
    if (facts && isOn(facts)) act("speed", { tokens_per_s });
  });
  const start = (step: boolean) => {
    if (facts?.state === "paused") act(step ? "step" : "resume");
    else act("play", { ...fields.values(), step });
  };
  const play = button("play", "▶ play", "play the prompt, or go on", () => start(false));
  const pause = button("pause", "❚❚ pause", "stand still after the token at hand", () => act("pause"));
  const step = button("step", "▸ step", "one token more, then stand still", () => start(true));
  const stop = button("stop", "■ stop", "end it; the session stands after its last whole token", () => act("stop"));
  const state = make("span", "fm-state", { "data-name": "state", role: "status" });
  const says = make("span", "fm-faint", { "data-name": "player-says" });
  const error = make("div", "fm-error", { role: "alert", "data-name": "player-error" });
  const text = make("div", "fm-text", { "data-name": "text", "aria-label": "text so far", tabindex: "0" });
  const buttons = make(
    "div",
    "fm-row",
    { role: "toolbar", "aria-label": "player" },
    play,
    pause,
    step,
    stop,
    state,
    says,
  );
  const root = make("div", "fm-player", {}, fields.el, buttons, error, text);
  el.append(make("style", "", {}, css), root);
  root.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) start(false);
  });
  const end = store.onPart("player", (part: Part) => {
    facts = part as unknown as PlayerFacts;
  });
  return {
    draw() {
      if (facts === null) return undefined;
      const [on, live] = [isOn(facts), store.connected];
      setText(play, facts.state === "paused" ? "▶ resume" : "▶ play");
      play.disabled = !live || facts.state === "playing";
      pause.disabled = !live || facts.state !== "playing";
      step.disabled = !live;
      stop.disabled = !live || !on;
      setText(state, facts.state);
      state.dataset.state = facts.state;
      setText(says, describe(facts));
      setText(error, facts.error);
      error.hidden = facts.error === "";
      const atEnd = text.scrollTop + text.clientHeight >= text.scrollHeight - 4;
      setText(text, facts.text);
      if (atEnd) text.scrollTop = text.scrollHeight;
      return undefined;
    },
    destroy: end,
  };
};

function isOn(facts: PlayerFacts): boolean {
  return facts.state === "playing" || facts.state === "paused";
}

function describe(facts: PlayerFacts): string {
  const speed = facts.measured_per_s === null ? "" : ` · ${three(facts.measured_per_s)} tokens/s`;
  const limit = facts.tokens_per_s === null ? "" : ` (at most ${facts.tokens_per_s})`;
  return `${count(facts.tokens)} tokens${speed}${limit} · position ${count(facts.position)} of ${count(facts.max_context)}`;
}

interface Fields {
  readonly el: HTMLElement;
  values(): Record<string, unknown>;
}

function makeFields(onSpeed: (tokens_per_s: number | null) => void): Fields {
  const prompt = make("textarea", "fm-grow", { rows: "2", "data-name": "prompt", placeholder: "a prompt" });
  prompt.setAttribute("aria-label", "prompt; Ctrl+Enter plays it");
  const tokens = numberField("max-tokens", "256", "1", "1");
  const temperature = numberField("temperature", "0", "0", "0.1");
  const speed = numberField("speed", "", "0.1", "any");
  speed.placeholder = "no limit";
  const rate = () => (Number(speed.value) > 0 ? Number(speed.value) : null);
  speed.addEventListener("change", () => onSpeed(rate()));
  const goOn = make("input", "", { type: "checkbox", "data-name": "go-on" });
  const options = make(
    "div",
    "fm-row",
    {},
    make("label", "", { title: "stop after so many" }, "tokens ", tokens),
    make("label", "", { title: "0 takes the likeliest token" }, "temperature ", temperature),
    make("label", "", { title: "never faster; empty is as fast as it goes" }, "tokens/s ", speed),
    make("label", "", { title: "else the session begins at position 0 again" }, goOn, " after what was there"),
  );
  return {
    el: make("div", "", {}, make("div", "fm-row", {}, prompt), options),
    values: () => ({
      prompt: prompt.value,
      max_tokens: Number(tokens.value),
      temperature: Number(temperature.value),
      tokens_per_s: rate(),
      fresh: !goOn.checked,
    }),
  };
}

function numberField(name: string, value: string, min: string, step: string): HTMLInputElement {
  return make("input", "", { type: "number", "data-name": name, value, min, step });
}

export default widget({
  name: "PlayerControls",
  hint: "PlayerControls(session)",
  make: makePlayerControls,
  ready: (store) => store.keeps("player"),
});
