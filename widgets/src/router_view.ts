// All layers x all experts on one canvas: the shown token bright, the tokens before it as a heat that decays.

import { makeSheet, PixelGrid } from "./canvas";
import { css, shade, themeOf, viridis } from "./colours";
import { make, setText } from "./dom";
import { widget } from "./mount";
import type { RunStore } from "./store";
import type { MakeView } from "./view";

const LEFT_PX = 34;

const makeRouterView: MakeView = (el, store) => {
  const sheet = makeSheet(el, "experts chosen, a row for each layer");
  const says = make("div", "fm-says", { "aria-live": "off" });
  const grid = new PixelGrid();
  el.append(says);
  return {
    draw() {
      const { sparse_layers: layers, num_experts: experts } = store.facts!;
      const row_px = Math.max(6, Math.min(24, Math.floor(480 / layers.length)));
      sheet.fit(row_px * layers.length);
      const { context, width, height } = sheet;
      const k = store.keptExperts;
      const theme = themeOf(el);
      const token = store.shownToken;
      const heat = heatAt(store, token);
      grid.fill(experts, layers.length, (cell) => shade(viridis, heat[cell]));
      context.fillStyle = theme.paper;
      context.fillRect(0, 0, width, height);
      context.imageSmoothingEnabled = false;
      context.drawImage(grid.canvas, LEFT_PX, 0, width - LEFT_PX, height);
      const ids = store.column("expert_ids").rows(token);
      const expert_px = (width - LEFT_PX) / experts;
      context.fillStyle = css(viridis[255]);
      for (let i = 0; i < ids.length; i++) {
        if (ids[i] >= experts) continue;
        context.fillRect(
          LEFT_PX + ids[i] * expert_px - 1,
          Math.floor(i / k) * row_px,
          Math.max(3, expert_px),
          row_px - 1,
        );
      }
      context.fillStyle = theme.text;
      context.font = `11px ${theme.font}`;
      context.textBaseline = "middle";
      layers.forEach((layer, row) => {
        if (row_px >= 12 || row % 4 === 0) context.fillText(String(layer), 4, (row + 0.5) * row_px);
      });
      setText(says, `token ${token}: ${store.text(token)}`);
      return undefined;
    },
    destroy: () => undefined,
  };
};

function heatAt(store: RunStore, token: number): Float32Array {
  const { sparse_layers, num_experts } = store.facts!;
  const heat = new Float32Array(sparse_layers.length * num_experts);
  const k = store.keptExperts;
  const column = store.column("expert_ids");
  for (let row = Math.max(column.first, token - 24); row <= token; row++) {
    const ids = column.rows(row);
    for (let i = 0; i < ids.length; i++) {
      if (ids[i] < num_experts) heat[Math.floor(i / k) * num_experts + ids[i]] += 0.8 ** (token - row);
    }
  }
  return heat;
}

export default widget({
  name: "RouterView",
  hint: "view.attach(session), or view.attach(fm.load_trace(path))",
  make: makeRouterView,
});
