// The canvas of RouterView: cells in colour, marks on the experts of the token, and where a pointer is.

import { makeSheet, PixelGrid } from "./canvas";
import { MODES, type ModeName, type Scene } from "./router_modes";
import type { Cell, Window } from "./zoom";

const LEFT = 40;
const TOP = 16;
const MOST_HEIGHT = 480;

export class RouterMap {
  readonly sheet;
  /** From pointer down to up: the brush. */
  brush: { from: Cell; to: Cell; layersOnly: boolean } | null = null;
  private readonly grid = new PixelGrid();
  private window: Window | null = null;
  private rowHeight = 1;

  constructor(el: HTMLElement) {
    this.sheet = makeSheet(el, "experts by layer: a row for each layer, a column for each expert");
  }

  /** The cell under a pointer; its expert is -1 left of the first. Null outside. */
  cellAt(x: number, y: number): Cell | null {
    const window = this.window;
    if (!window || y < TOP || y >= TOP + this.rowHeight * (window.rows.end - window.rows.start)) return null;
    const row = window.rows.start + Math.floor((y - TOP) / this.rowHeight);
    if (x < LEFT) return { row, expert: -1 };
    const expert = window.experts.start + Math.floor((x - LEFT) / this.expertWidth);
    return expert < window.experts.end ? { row, expert } : null;
  }

  draw(scene: Scene, mode: ModeName, window: Window): void {
    this.window = window;
    const rows = window.rows.end - window.rows.start;
    this.rowHeight = Math.max(5, Math.min(26, Math.floor(MOST_HEIGHT / rows)));
    this.sheet.fit(TOP + this.rowHeight * rows + 2);
    const { context, width, height } = this.sheet;
    const { theme } = scene;
    context.clearRect(0, 0, width, height);
    this.cells(scene, mode, window);
    this.marks(scene, mode);
    context.fillStyle = theme.faint;
    context.strokeStyle = theme.text;
    context.font = `11px ${theme.font}`;
    this.labels(scene);
    this.selected(scene, theme.accent);
    this.brushed(theme.accent);
  }

  private get expertWidth(): number {
    const { start, end } = this.window!.experts;
    return (this.sheet.width - LEFT) / (end - start);
  }

  private cells(scene: Scene, mode: ModeName, { experts, rows }: Window): void {
    const { context, width } = this.sheet;
    const columns = experts.end - experts.start;
    const all = scene.store.facts!.num_experts;
    const colour = MODES[mode].colours(scene);
    const height = rows.end - rows.start;
    this.grid.fill(columns, height, (at) => {
      const row = Math.floor(at / columns);
      return colour((rows.start + row) * all + experts.start + (at - row * columns));
    });
    context.imageSmoothingEnabled = false;
    context.drawImage(this.grid.canvas, LEFT, TOP, width - LEFT, this.rowHeight * height);
    context.fillStyle = scene.theme.dark ? "rgb(17 17 17 / 60%)" : "rgb(255 255 255 / 60%)";
    for (let row = 1; row < height; row++) context.fillRect(LEFT, TOP + row * this.rowHeight - 0.5, width - LEFT, 1);
  }

  /** At least three pixels wide: one of 512 is narrower than that, and must still be seen. */
  private marks({ store, token, theme }: Scene, mode: ModeName): void {
    const { context } = this.sheet;
    const { experts, rows } = this.window!;
    const kept = store.keptExperts;
    const ids = store.column("expert_ids").rows(token);
    const weights = store.column("routing_weights").rows(token);
    const wide = Math.max(3, this.expertWidth);
    for (let i = 0; i < ids.length; i++) {
      const row = Math.floor(i / kept);
      if (row < rows.start || row >= rows.end || ids[i] < experts.start || ids[i] >= experts.end) continue;
      const x = LEFT + (ids[i] - experts.start + 0.5) * this.expertWidth - wide / 2;
      const y = TOP + (row - rows.start) * this.rowHeight;
      const tall = this.rowHeight - 1;
      if (mode === "now") {
        context.fillStyle = markColour(weights[i] * kept);
        context.fillRect(x, y, wide, tall);
      } else {
        context.strokeStyle = theme.dark ? "#fff" : "#000";
        context.lineWidth = 1;
        context.strokeRect(x - 0.5, y + 0.5, wide + 1, tall - 1);
      }
    }
  }

  private labels({ store }: Scene): void {
    const { context, width } = this.sheet;
    const { experts, rows } = this.window!;
    const every = Math.max(1, Math.ceil(12 / this.rowHeight));
    context.textBaseline = "middle";
    context.textAlign = "right";
    for (let row = rows.start; row < rows.end; row++) {
      if ((row - rows.start) % every) continue;
      const y = TOP + (row - rows.start + 0.5) * this.rowHeight;
      context.fillText(String(store.facts!.sparse_layers[row]), LEFT - 6, y);
    }
    const step = tickStep((experts.end - experts.start) / Math.max(2, (width - LEFT) / 90));
    context.textAlign = "center";
    for (let expert = Math.ceil(experts.start / step) * step; expert < experts.end; expert += step) {
      const x = LEFT + (expert - experts.start + 0.5) * this.expertWidth;
      context.fillText(String(expert), Math.max(LEFT + 8, Math.min(width - 12, x)), TOP / 2 - 1);
      context.fillRect(x, TOP - 3, 1, 3);
    }
    context.textAlign = "left";
    context.fillText("layer", 0, TOP / 2 - 1);
  }

  private selected({ store }: Scene, accent: string): void {
    const { context, width } = this.sheet;
    const { experts, rows } = this.window!;
    const row = store.layerRow(store.selection.layer);
    if (row < rows.start || row >= rows.end) return;
    const y = TOP + (row - rows.start) * this.rowHeight;
    context.strokeStyle = accent;
    context.lineWidth = 2;
    context.strokeRect(LEFT - 1, y - 0.5, width - LEFT, this.rowHeight);
    const { expert } = store.selection;
    if (expert < experts.start || expert >= experts.end) return;
    const wide = Math.max(5, this.expertWidth);
    const x = LEFT + (expert - experts.start + 0.5) * this.expertWidth;
    context.strokeRect(x - wide / 2 - 2, y - 3, wide + 4, this.rowHeight + 5);
  }

  private brushed(accent: string): void {
    if (!this.brush) return;
    const { context, width } = this.sheet;
    const { experts, rows } = this.window!;
    const { from, to, layersOnly } = this.brush;
    const top = TOP + (Math.min(from.row, to.row) - rows.start) * this.rowHeight;
    const tall = (Math.abs(from.row - to.row) + 1) * this.rowHeight;
    const left = layersOnly ? LEFT : LEFT + (Math.min(from.expert, to.expert) - experts.start) * this.expertWidth;
    const wide = layersOnly ? width - LEFT : (Math.abs(from.expert - to.expert) + 1) * this.expertWidth;
    context.strokeStyle = accent;
    context.lineWidth = 1;
    context.setLineDash([4, 3]);
    context.strokeRect(left + 0.5, top + 0.5, wide, tall);
    context.setLineDash([]);
  }
}

/** Yellow to white by weight; 1 is an even share. */
function markColour(share: number): string {
  const light = Math.round(Math.max(0, Math.min(1, (share - 0.4) / 2)) * 100);
  return `color-mix(in srgb, #fff ${light}%, #fde725)`;
}

function tickStep(least: number): number {
  const power = 2 ** Math.ceil(Math.log2(Math.max(1, least)));
  return power;
}
