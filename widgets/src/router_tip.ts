// What is known of one expert at the shown token, in words.

import { msText, percent } from "./format";
import { SOURCE_NAMES } from "./reads";
import { FULL } from "./residency";
import { type RunStore, UNKNOWN_RESIDENCY } from "./store";
import { NEVER, type Usage } from "./usage";
import type { Cell } from "./zoom";

export function describe(store: RunStore, usage: Usage, token: number, { row, expert }: Cell): string {
  const facts = store.facts!;
  const layer = facts.sparse_layers[row];
  if (expert < 0) return `layer ${layer}`;
  const cell = row * facts.num_experts + expert;
  const lines = [`layer ${layer}, expert ${expert}`, choice(store, token, row, expert)];
  const times = usage.counts[cell];
  const last = usage.lastToken[cell];
  const ago = last === NEVER ? "" : last === token ? ", last for this token" : `, last ${token - last} tokens ago`;
  lines.push(`chosen ${times === 1 ? "once" : `${times} times`}${ago}`);
  if (usage.lastRead[cell] !== NEVER) lines.push(lastRead(store, usage.lastRead[cell]));
  const share = store.residency[cell];
  if (share !== UNKNOWN_RESIDENCY) lines.push(`page cache holds ${percent(share / FULL)}`);
  return lines.join("\n");
}

function choice(store: RunStore, token: number, row: number, expert: number): string {
  const chosen = store.chosen(token, row);
  const rank = chosen.indexOf(expert);
  if (rank < 0) return `not chosen for token ${token}`;
  const weight = store.column("routing_weights").at(token, row * store.keptExperts + rank);
  return `rank ${rank + 1} of ${chosen.length}, weight ${weight.toFixed(3)}`;
}

function lastRead(store: RunStore, read: number): string {
  const at = (name: string) => store.column(name).at(read);
  const took = msText(at("read_end_ms") - at("read_start_ms"));
  return `last read in ${took} from ${SOURCE_NAMES[at("read_source")]} (token ${at("read_token")})`;
}
