// Turns a view into what anywidget loads: one store a model, a frame around each view, draws at most once a frame.

import { capture } from "./capture";
import { make, setText } from "./dom";
import { count, percent } from "./format";
import { pressKey } from "./keys";
import { openPage } from "./page";
import { RunStore } from "./store";
import styles from "./style.css";
import { type Model, Transport } from "./transport";
import type { WidgetOptions } from "./view";

const PICTURE_AFTER_MS = 1500;
const STATUS_EVERY_MS = 150;

/** Frames are drawn on the cores that decode: with four or fewer, 30 a second are enough. */
const LEAST_FRAME_MS = navigator.hardwareConcurrency <= 4 ? 30 : 0;

interface RenderProps {
  model: Model;
  el: HTMLElement;
}

export interface Widget {
  initialize(props: { model: Model }): void;
  render(props: RenderProps): () => void;
}

/** A widget's default export; anywidget calls it once a model. */
export function widget(options: WidgetOptions): () => Widget {
  const factory = (): Widget => {
    let transport: Transport | undefined;
    return {
      initialize({ model }) {
        transport = new Transport(model, new RunStore());
      },
      render({ model, el }) {
        transport ??= new Transport(model, new RunStore());
        return mount(options, el, transport);
      },
    };
  };
  openPage(factory);
  return factory;
}

function mount(options: WidgetOptions, el: HTMLElement, transport: Transport): () => void {
  const { store, send } = transport;
  const ready = options.ready ?? ((store) => store.facts !== null);
  const frame = makeFrame(options, ready);
  el.append(frame.root);
  const view = options.make(frame.body, store, send);
  let changed = true;
  let [asked, drawnAt, pictured, stated] = [0, 0, 0, 0];
  const ask = () => {
    asked ||= requestAnimationFrame(paint);
  };
  const change = () => {
    changed = true;
    ask();
  };
  const paint = (now: number) => {
    asked = 0;
    if (now - drawnAt < LEAST_FRAME_MS) {
      ask();
      return;
    }
    frame.show(store);
    const all = changed;
    changed = false;
    if (ready(store) && view.draw(now, all)) ask();
    note(transport);
    drawnAt = now;
    stated ||= setTimeout(state, STATUS_EVERY_MS);
    clearTimeout(pictured);
    pictured = setTimeout(picture, PICTURE_AFTER_MS);
  };
  const state = () => {
    stated = 0;
    frame.status(transport);
  };
  const picture = async () => {
    transport.settle();
    if (!ready(store) || !store.connected || document.hidden || drawnAt === 0) return;
    const png = await capture(frame.root);
    if (png) transport.picture(png);
  };
  const endings = [store.onChange(change), watchTheme(frame.root, change), watchSize(frame.root, change)];
  frame.root.addEventListener("keydown", (event) => {
    if (!pressKey(event, store, send)) return;
    event.preventDefault();
    event.stopPropagation();
  });
  ask();
  return () => {
    for (const end of endings) end();
    cancelAnimationFrame(asked);
    clearTimeout(pictured);
    clearTimeout(stated);
    view.destroy();
    frame.root.remove();
  };
}

/** What this frame showed, for the next acknowledgement. */
function note({ store, painted }: Transport): void {
  painted.frames++;
  const newest = store.tokens - 1;
  if (newest === painted.token) return;
  painted.token = newest;
  const late = Date.now() - (store.place!.epoch_ms + store.column("end_ms").at(newest));
  if (newest >= 0 && !store.place!.complete && painted.latencies.length < 100)
    painted.latencies.push(Math.round(late * 10) / 10);
}

interface Frame {
  readonly root: HTMLElement;
  readonly body: HTMLElement;
  /** The head, and the view or the hint. */
  show(store: RunStore): void;
  status(transport: Transport): void;
}

function makeFrame(options: WidgetOptions, ready: (store: RunStore) => boolean): Frame {
  const style = make("style", "", {}, styles);
  const of = make("span", "fm-of");
  const head = make("div", "fm-head", {}, make("span", "fm-name", {}, options.name), of);
  const body = make("div", "fm-body");
  const empty = make("div", "fm-empty", {}, "Nothing to show yet. ", make("code", "", {}, options.hint));
  const error = make("div", "fm-error", { role: "alert" });
  const status = make("div", "fm-status");
  const root = make("div", "fm-root", { role: "group", "aria-label": options.name, tabindex: "0" });
  root.append(style, head, body, empty, error, status);
  return {
    root,
    body,
    show(store) {
      body.hidden = !ready(store);
      empty.hidden = ready(store);
      setText(of, store.facts ? headline(store) : "");
      setText(error, store.error);
      error.hidden = store.error === "";
    },
    status({ store, painted }) {
      const { messages, rows, snapshots } = store.received;
      Object.assign(status.dataset, { tokens: store.tokens, painted: painted.token, frames: painted.frames });
      Object.assign(status.dataset, { messages, rows, snapshots, connected: store.connected, shown: store.shownToken });
      setText(status, store.facts ? statusText(store, painted.token) : "");
    },
  };
}

function headline(store: RunStore): string {
  const state = store.place?.complete ? "recorded" : "recording";
  return `${store.facts!.label} · ${state} · ${store.facts!.machine}`;
}

/** Rows that came in one message with others were coalesced; a gap is asked for again, so nothing is lost. */
function statusText(store: RunStore, painted: number): string {
  const { messages, rows } = store.received;
  const shown = `${count(store.tokens)} tokens, ${count(store.reads)} reads, newest painted: ${painted < 0 ? "none" : painted}`;
  const live = messages > 1 && rows > 0 ? ` · ${count(rows)} live in ${count(messages)} messages` : "";
  const routed = store.routedFirst;
  const cut = routed > 0 ? ` · routing from token ${count(routed)} on (${percent(1 - routed / store.tokens)})` : "";
  const kernel = messages === 0 ? "" : " · no kernel: what it sent last";
  return shown + live + cut + (store.connected ? "" : kernel);
}

function watchSize(root: HTMLElement, changed: () => void): () => void {
  const observer = new ResizeObserver(changed);
  observer.observe(root);
  return () => observer.disconnect();
}

/** Marks the root `fm-dark` by the brightness of its text, and `fm-plain` on a page without Jupyter's variables. */
function watchTheme(root: HTMLElement, changed: () => void): () => void {
  const media = matchMedia("(prefers-color-scheme: dark)");
  const look = () => {
    const jupyter = getComputedStyle(root).getPropertyValue("--jp-ui-font-color1") !== "";
    root.classList.toggle("fm-plain", !jupyter);
    root.classList.toggle("fm-dark", jupyter ? isDark(root) : media.matches);
    changed();
  };
  const observer = new MutationObserver(look);
  observer.observe(document.body, { attributes: true });
  media.addEventListener("change", look);
  requestAnimationFrame(look);
  return () => {
    observer.disconnect();
    media.removeEventListener("change", look);
  };
}

function isDark(root: HTMLElement): boolean {
  const [red, green, blue] = (getComputedStyle(root).backgroundColor.match(/[\d.]+/g) ?? ["255", "255", "255"]).map(
    Number,
  );
  return 0.299 * red + 0.587 * green + 0.114 * blue < 128;
}
