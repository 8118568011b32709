// Bundles every src/<name>.ts that ends in `export default widget(...)` into flashmoe_nb/widgets/static/<name>.js.
// The first line of a bundle is the hash of the sources it is made of; tests/widgets/test_bundles.py computes it again.
// `npm run build router_view` builds one.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

const SOURCES = new URL("./src/", import.meta.url);
const BUNDLES = new URL("../flashmoe_nb/widgets/static/", import.meta.url);
const IMPORT = /from "\.\/([\w.]+)"/g;

const fileOf = (imported) => (imported.includes(".") ? imported : `${imported}.ts`);
const read = (name) => readFileSync(new URL(name, SOURCES), "utf8");

function withImports(name, found = new Set()) {
  if (found.has(name)) return found;
  found.add(name);
  if (name.endsWith(".ts")) for (const match of read(name).matchAll(IMPORT)) withImports(fileOf(match[1]), found);
  return found;
}

function sourceHash(name) {
  const digest = createHash("sha256");
  for (const one of [...withImports(name)].sort()) digest.update(`${one}\n${read(one)}`);
  return digest.digest("hex");
}

const wanted = process.argv.slice(2).map((name) => `${name}.ts`);
const widgets = readdirSync(SOURCES).filter(
  (name) => name.endsWith(".ts") && /^export default widget\(/m.test(read(name)),
);
for (const name of widgets) {
  if (wanted.length && !wanted.includes(name)) continue;
  const made = await build({
    entryPoints: [new URL(name, SOURCES).pathname],
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    target: "es2022",
    charset: "utf8",
    legalComments: "none",
    loader: { ".css": "text" },
  });
  const bundle = `// widgets/src sha256 ${sourceHash(name)}\n${made.outputFiles[0].text}`;
  writeFileSync(new URL(name.replace(/\.ts$/, ".js"), BUNDLES), bundle);
  console.log(`${name.replace(/\.ts$/, ".js")} ${bundle.length.toLocaleString("en")} bytes`);
}
