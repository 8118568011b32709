// Two plots side by side (below each other where it is narrow): hit rate, and tokens a second, over the cache's size.

import type { Sheet } from "./canvas";
import type { Theme } from "./colours";
import { bytesAt, capacityAt, placeOf, type Sim, shareAt, tokensPerS } from "./curves";
import { byteText, count, percent } from "./format";

export interface Chosen {
  readonly chosen: readonly string[];
  readonly capacity: number;
  readonly ssd: number;
  readonly wait: number;
  readonly colours: Readonly<Record<string, string>>;
}

interface Plot {
  readonly title: string;
  readonly most: number;
  value(hitRate: number): number;
  text(value: number): string;
}

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

const [LEFT, RIGHT, TOP, BOTTOM] = [52, 14, 20, 34];

export function drawCurves(sheet: Sheet, theme: Theme, sim: Sim, chosen: Chosen): void {
  const { context, width, height } = sheet;
  const speed = (hitRate: number) => tokensPerS(sim, hitRate, chosen.ssd, chosen.wait);
  const best = Math.max(...sim.hit_rates.flat(), sim.realised ?? 0);
  const plots: Plot[] = [
    { title: "hit rate", most: 1, value: (rate) => rate, text: (rate) => percent(rate).replace(".0", "") },
    {
      title: "tokens a second",
      most: niceEnd(speed(best)),
      value: speed,
      text: (rate) => count(Number(rate.toPrecision(2))),
    },
  ];
  const beside = width >= 700;
  context.clearRect(0, 0, width, height);
  context.font = `11px ${theme.font}`;
  plots.forEach((plot, n) => {
    const wide = beside ? width / 2 : width;
    const high = beside ? height : height / 2;
    const [x, y] = [beside ? n * wide : 0, beside ? 0 : n * high];
    const box = { x: x + LEFT, y: y + TOP, width: wide - LEFT - RIGHT, height: high - TOP - BOTTOM };
    drawAxes(context, theme, sim, plot, box);
    drawLines(context, theme, sim, plot, box, chosen);
  });
}

function drawAxes(context: CanvasRenderingContext2D, theme: Theme, sim: Sim, plot: Plot, box: Box): void {
  context.fillStyle = theme.text;
  context.textAlign = "left";
  context.textBaseline = "alphabetic";
  context.fillText(plot.title, box.x, box.y - 7);
  context.fillStyle = theme.faint;
  context.strokeStyle = theme.line;
  context.lineWidth = 1;
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    const y = Math.round(box.y + box.height * (1 - share)) + 0.5;
    line(context, box.x, y, box.x + box.width, y);
    context.fillText(plot.text(share * plot.most), box.x - 6, y);
  }
  context.textBaseline = "top";
  for (const place of [0, 0.25, 0.5, 0.75, 1]) {
    const capacity = capacityAt(sim, place);
    const x = box.x + box.width * place;
    context.textAlign = place === 0 ? "left" : place === 1 ? "right" : "center";
    context.fillText(byteText(bytesAt(sim, capacity)), x, box.y + box.height + 5);
    context.fillText(`${Math.round(capacity)}/layer`, x, box.y + box.height + 18);
  }
}

function drawLines(
  context: CanvasRenderingContext2D,
  theme: Theme,
  sim: Sim,
  plot: Plot,
  box: Box,
  { chosen, capacity, colours }: Chosen,
): void {
  const y = (hitRate: number) => box.y + box.height * (1 - Math.min(1, plot.value(hitRate) / plot.most));
  const mark = box.x + box.width * placeOf(sim, capacity);
  context.strokeStyle = theme.accent;
  line(context, mark, box.y, mark, box.y + box.height);
  for (const policy of chosen) {
    const rates = sim.hit_rates[sim.policies.indexOf(policy)];
    context.strokeStyle = context.fillStyle = colours[policy] ?? theme.text;
    context.lineWidth = 2;
    context.setLineDash(policy === "belady" ? [6, 3] : []);
    context.beginPath();
    sim.capacities.forEach((one, n) => {
      context.lineTo(box.x + box.width * placeOf(sim, one), y(rates[n]));
    });
    context.stroke();
    context.setLineDash([]);
    context.beginPath();
    context.arc(mark, y(shareAt(sim, policy, capacity)), 3.5, 0, 2 * Math.PI);
    context.fill();
  }
  if (sim.realised === null) return;
  context.strokeStyle = theme.text;
  context.fillStyle = theme.text;
  context.lineWidth = 1;
  context.setLineDash([2, 3]);
  line(context, box.x, y(sim.realised), box.x + box.width, y(sim.realised));
  context.setLineDash([]);
  context.textAlign = "left";
  context.textBaseline = "bottom";
  context.fillText(
    "realised",
    box.x + 4,
    y(sim.realised) - 1 < box.y + 12 ? y(sim.realised) + 14 : y(sim.realised) - 1,
  );
}

function line(context: CanvasRenderingContext2D, x: number, y: number, toX: number, toY: number): void {
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(toX, toY);
  context.stroke();
}

/** The next of 1, 2, 4, 8 times a power of ten: four equal parts of it are round. */
export function niceEnd(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 4, 8, 10].find((factor) => factor * power >= value) ?? 10) * power;
}
