// The router of the layer: what it chooses and how surely, and an editor that bans, forces and sets K.

import { makeSheet, type Sheet } from "./canvas";
import { SOURCES, themeOf } from "./colours";
import { type Act, type Report, type RouterFacts, type Show, shortNumber } from "./debugger_report";
import { button, make, setText } from "./dom";
import { percent } from "./format";

const HEIGHT_PX = 72;

export function makeRouter(el: HTMLElement, act: Act): Show {
  const says = make("div", "fm-says", { "data-name": "router-says" });
  el.append(says);
  const sheet = makeSheet(el, "probability of each expert; the chosen are marked");
  const key = make("div", "fm-faint", {}, "probability of each expert, by number; blue: chosen, orange: banned");
  const chosen = make("table", "fm-top", { "data-name": "chosen" });
  const [banned, changes] = [make("div", "fm-row"), make("div", "fm-faint", { "data-name": "changes" })];
  const experts = input("experts", "experts, such as 3, 17");
  const ids = () => readIds(experts.value);
  const k = make("input", "", { type: "number", min: "1", "data-name": "k", "aria-label": "K of this layer" });
  const editor = make(
    "div",
    "fm-row",
    {},
    experts,
    button("ban", "ban", "choose among the others", () => act("ban", { experts: ids() })),
    button("force", "force", "choose these before all others; none ends it", () => act("force", { experts: ids() })),
    make("label", "", {}, "K ", k),
    button("set-k", "set", "use so many experts a token in this layer; empty is the model's own", () =>
      act("top_k", { k: k.value === "" ? null : Number(k.value) }),
    ),
    button("undo-layer", "undo layer", "take the changes of this layer's router back", () => act("unpatch")),
    button("undo-all", "undo all", "take all changes of routers back", () => act("unpatch", { everywhere: true })),
  );
  el.append(key, editor, banned, changes, chosen);
  return (report, fresh) => {
    const { router } = report.facts;
    for (const one of el.children) (one as HTMLElement).hidden = router === null && one !== says;
    if (router === null) {
      setText(says, "no router at this place");
      return;
    }
    if (fresh) {
      setText(says, describe(router));
      setText(changes, `changes in force: ${report.facts.changes}`);
      k.placeholder = String(router.top_k);
      chosen.replaceChildren(...chosenRows(router, act));
      banned.replaceChildren(...bannedButtons(router, act));
    }
    sheet.canvas.hidden = key.hidden = router.chosen.length === 0;
    if (router.chosen.length) drawProbabilities(sheet, report, router);
  };
}

function input(name: string, placeholder: string): HTMLInputElement {
  return make("input", "fm-grow", { type: "text", "data-name": name, placeholder, "aria-label": placeholder });
}

/** Whole numbers of a text, whatever stands between them. */
export function readIds(text: string): number[] {
  return (text.match(/\d+/g) ?? []).map(Number);
}

function describe(router: RouterFacts): string {
  if (router.chosen.length === 0) return `layer ${router.layer}: the router has not chosen yet`;
  const margin = router.margin === null ? "all chosen" : `margin ${shortNumber(router.margin)} logits`;
  return (
    `layer ${router.layer}: ${router.chosen.length} of ${router.num_experts} experts, ` +
    `${percent(router.kept_mass ?? Number.NaN)} of the probability, ${margin}, entropy ${shortNumber(router.entropy_bits)} bits`
  );
}

function chosenRows(router: RouterFacts, act: Act): HTMLElement[] {
  if (router.chosen.length === 0) return [];
  const names = ["rank", "expert", "weight", "probability", ""];
  const rows = router.chosen.map(([expert, weight, share], rank) => {
    const ban = button(`ban-${expert}`, "ban", `ban expert ${expert} in this layer`, () =>
      act("ban", { experts: [expert] }),
    );
    const cells = [String(rank + 1), `${expert}${router.forced.includes(expert) ? " forced" : ""}`];
    cells.push(weight.toFixed(4), percent(share));
    return make("tr", "", {}, ...cells.map((cell) => make("td", "", {}, cell)), make("td", "", {}, ban));
  });
  return [make("tr", "", {}, ...names.map((name) => make("th", "", {}, name))), ...rows];
}

function bannedButtons(router: RouterFacts, act: Act): (HTMLElement | string)[] {
  if (router.banned.length === 0) return [];
  const buttons = router.banned.map((expert) =>
    button(`unban-${expert}`, `${expert} ×`, `allow expert ${expert} again`, () =>
      act("ban", { experts: [expert], on: false }),
    ),
  );
  return ["banned:", ...buttons];
}

function drawProbabilities(sheet: Sheet, { arrays }: Report, router: RouterFacts): void {
  sheet.fit(HEIGHT_PX);
  const { context, width, canvas } = sheet;
  const theme = themeOf(canvas);
  const shares = arrays.get("probabilities")!.values;
  const most = Math.max(...shares);
  const step = width / shares.length;
  const bar = (expert: number, colour: string) => {
    const high = Math.max(1, (shares[expert] / most) * HEIGHT_PX);
    context.fillStyle = colour;
    context.fillRect(expert * step, HEIGHT_PX - high, Math.max(1, step - (step > 3 ? 1 : 0)), high);
  };
  context.clearRect(0, 0, width, HEIGHT_PX);
  shares.forEach((_, expert) => {
    bar(expert, theme.faint);
  });
  for (const [expert] of router.chosen) bar(expert, SOURCES.mark);
  for (const expert of router.banned) bar(expert, SOURCES.ssd);
}
