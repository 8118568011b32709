// A layer as branches of stages that leave the residual stream and come back to it; the current one is lit.

import type { Act, DebuggerFacts, Show, Stage } from "./debugger_report";
import { button, make, setText } from "./dom";

/** Stages that are the residual stream itself: the sums. */
const SUMS = new Set(["resid_mid", "combine", "embed"]);

/** The layers as a row of buttons, delta nets and attention told apart by a bar. */
export function makeLayers(el: HTMLElement, act: Act): Show {
  const row = make("div", "fm-layers", { role: "group", "aria-label": "layers" });
  el.append(
    row,
    make("div", "fm-faint", {}, "layers; the marked ones have full attention, the others a gated delta net"),
  );
  return ({ facts }) => {
    if (row.childElementCount !== facts.kinds.length) {
      row.replaceChildren(...facts.kinds.map((kind, layer) => layerButton(kind, layer, act)));
    }
    facts.kinds.forEach((_, layer) => {
      row.children[layer].toggleAttribute("data-here", facts.place?.layer === layer);
    });
  };
}

function layerButton(kind: string, layer: number, act: Act): HTMLButtonElement {
  const says = kind === "linear_attention" ? "gated delta net" : "full attention";
  const one = button(`layer-${layer}`, String(layer), `to layer ${layer}: ${says}`, () => act("goto", { layer }));
  one.dataset.kind = kind;
  return one;
}

export function makeDiagram(el: HTMLElement, act: Act): Show {
  const box = make("div", "fm-diagram", { role: "group", "aria-label": "stages of this layer" });
  el.append(box);
  let built = "";
  return ({ facts }, fresh) => {
    if (!fresh) return;
    const form = JSON.stringify(facts.diagram.map(({ name, stages }) => [name, stages.map(({ stage }) => stage)]));
    if (form !== built) box.replaceChildren(...facts.diagram.map((branch) => branchElement(branch, act)));
    built = form;
    for (const { stages } of facts.diagram) for (const stage of stages) light(box, stage);
  };
}

function branchElement(branch: DebuggerFacts["diagram"][number], act: Act): HTMLElement {
  const chain = make("div", "fm-chain");
  for (const { stage } of branch.stages) {
    const one = button(`stage-${stage}`, stage.replaceAll("_", " "), `to ${stage}`, () => act("goto", { stage }));
    if (SUMS.has(stage)) one.classList.add("fm-sum");
    chain.append(one);
  }
  return make("div", "fm-branch", {}, make("div", "fm-branch-name", {}, branch.name), chain);
}

function light(box: HTMLElement, { stage, seen, current, changed }: Stage): void {
  const one = box.querySelector<HTMLElement>(`[data-name="stage-${stage}"]`);
  if (!one) return;
  one.toggleAttribute("data-seen", seen);
  one.toggleAttribute("data-changed", changed);
  if (current) one.setAttribute("aria-current", "step");
  else one.removeAttribute("aria-current");
  one.title = `${stage}: ${current ? "here" : seen ? "done; back to it" : "on to it"}${changed ? ", changed" : ""}`;
}

/** The tokens around the place; those whole, the one at hand, those to come. */
export function makeTokens(el: HTMLElement): Show {
  const row = make("div", "fm-chips");
  el.append(row);
  return ({ facts }, fresh) => {
    if (!fresh) return;
    const { first, now, texts, given, left } = facts.tokens;
    const chips = texts.map((text, index) => {
      const chip = make("span", "fm-chip", {}, text.replaceAll("\n", "⏎").replaceAll(" ", "␣"));
      if (first + index < now) chip.dataset.state = "whole";
      if (first + index === now && facts.place) chip.dataset.state = "here";
      return chip;
    });
    const says = make("span", "fm-faint");
    setText(says, ` ${given - left} of ${given} tokens whole`);
    const [before, after] = [first > 0 ? ["…"] : [], first + texts.length < given ? ["…"] : []];
    row.replaceChildren(...before, ...chips, ...after, says);
  };
}
