// Drawing of residency: the map of all layers, and the cells of one layer filled as far as each expert is resident.

import type { Sheet } from "./canvas";
import { cividis, css, shade, type Theme } from "./colours";
import { FULL } from "./residency";
import { type RunStore, UNKNOWN_RESIDENCY } from "./store";

export const LEFT = 46;
const RIGHT = 54;
/** Seen on both ends of the colour map. */
export const ROUTED_COLOUR = "#D55E00";

export interface MapPlan {
  readonly rows: number;
  readonly experts: number;
  readonly rowHeight: number;
  /** Width of one expert, px. */
  readonly cell: number;
}

export function mapPlan(rows: number, experts: number, width: number, rowHeight = 6): MapPlan {
  return { rows, experts, rowHeight, cell: Math.max(1, width - LEFT - RIGHT) / experts };
}

/** Place on the axis L and expert under a point; -1 each outside. */
export function rowUnder(plan: MapPlan, x: number, y: number): [row: number, expert: number] {
  const [row, expert] = [Math.floor((y - 2) / plan.rowHeight), Math.floor((x - LEFT) / plan.cell)];
  const inside = row >= 0 && row < plan.rows;
  return [inside ? row : -1, inside && expert >= 0 && expert < plan.experts ? expert : -1];
}

export function drawMap(
  sheet: Sheet,
  theme: Theme,
  store: RunStore,
  plan: MapPlan,
  picture: HTMLCanvasElement,
  shares: Uint8Array,
  routed: (row: number) => Set<number>,
): void {
  const { context, width, height } = sheet;
  const { rowHeight, cell, experts } = plan;
  context.clearRect(0, 0, width, height);
  context.imageSmoothingEnabled = false;
  context.font = `11px ${theme.font}`;
  context.textBaseline = "middle";
  store.facts!.sparse_layers.forEach((layer, row) => {
    const top = 2 + row * rowHeight;
    const gap = rowHeight > 9 ? 2 : 0.5;
    context.drawImage(picture, 0, row, experts, 1, LEFT, top, cell * experts, rowHeight - gap);
    context.fillStyle = layer === store.selection.layer ? theme.accent : theme.faint;
    if (rowHeight >= 12 || row % 4 === 0) {
      context.textAlign = "left";
      context.fillText(`L${layer}`, 4, top + rowHeight / 2);
      context.textAlign = "right";
      context.fillText(meanText(shares.subarray(row * experts, (row + 1) * experts)), width - 4, top + rowHeight / 2);
    }
    if (layer === store.selection.layer)
      outline(context, theme.accent, LEFT - 1, top - 1, cell * experts + 2, rowHeight);
    for (const expert of routed(row)) {
      outline(context, ROUTED_COLOUR, LEFT + expert * cell, top, Math.max(2, cell), rowHeight - gap);
    }
  });
}

function outline(
  context: CanvasRenderingContext2D,
  colour: string,
  x: number,
  y: number,
  width: number,
  height: number,
): void {
  context.strokeStyle = colour;
  context.lineWidth = 1;
  context.strokeRect(x, y + 0.5, width, height - 1);
}

function meanText(shares: Uint8Array): string {
  const known = shares.filter((share) => share !== UNKNOWN_RESIDENCY);
  if (known.length === 0) return "?";
  return `${((known.reduce((sum, share) => sum + share, 0) / known.length / FULL) * 100).toFixed(0)} %`;
}

export interface Grid {
  readonly columns: number;
  readonly size: number;
  readonly height: number;
  readonly experts: number;
}

/** Cells as large as lets all experts of a layer stand in the width and in about twelve rows. */
export function gridOf(experts: number, width: number): Grid {
  const room = Math.max(1, width - LEFT - RIGHT);
  const size = Math.min(22, Math.max(8, Math.floor(room / Math.ceil(experts / 12))));
  const columns = Math.max(1, Math.floor(room / size));
  return { columns, size, height: Math.ceil(experts / columns) * size + 2, experts };
}

export function cellUnder(grid: Grid, x: number, y: number): number {
  const column = Math.floor((x - LEFT) / grid.size);
  const expert = Math.floor(y / grid.size) * grid.columns + column;
  return column >= 0 && column < grid.columns && expert >= 0 && expert < grid.experts ? expert : -1;
}

export function drawCells(
  sheet: Sheet,
  theme: Theme,
  grid: Grid,
  shares: Uint8Array,
  routed: Set<number>,
  selected: number,
): void {
  const { context, width, height } = sheet;
  const inner = grid.size - 2;
  context.clearRect(0, 0, width, height);
  shares.forEach((share, expert) => {
    const x = LEFT + (expert % grid.columns) * grid.size;
    const y = Math.floor(expert / grid.columns) * grid.size + 1;
    context.fillStyle = share === UNKNOWN_RESIDENCY ? theme.line : css(shade(cividis, 0));
    context.fillRect(x, y, inner, inner);
    if (share !== UNKNOWN_RESIDENCY && share > 0) {
      const filled = (share / FULL) * inner;
      context.fillStyle = css(shade(cividis, 1));
      context.fillRect(x, y + inner - filled, inner, filled);
    }
  });
  context.lineWidth = Math.min(2, inner / 4);
  for (const expert of routed) ring(context, grid, expert, ROUTED_COLOUR);
  if (selected >= 0 && selected < grid.experts) ring(context, grid, selected, theme.accent);
}

function ring(context: CanvasRenderingContext2D, grid: Grid, expert: number, colour: string): void {
  context.strokeStyle = colour;
  const x = LEFT + (expert % grid.columns) * grid.size;
  const y = Math.floor(expert / grid.columns) * grid.size + 1;
  context.strokeRect(x - 0.5, y - 0.5, grid.size - 1, grid.size - 1);
}
