// Sizes and start times of the modules in some folders, as JSON.
//
// Node has the same engine as the runtime. The imports are empty functions: calls that a module
// makes at its start are not part of these figures.
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { gzipSync } from "node:zlib";

const SAMPLES = 15;
const median = (times) => times.sort((a, b) => a - b)[times.length >> 1];

const tag = WebAssembly.JSTag ?? new WebAssembly.Tag({ parameters: ["externref"] });
const modules = {};
for (const folder of process.argv.slice(2)) {
  const file = readdirSync(folder).find((name) => name.endsWith(".wasm"));
  const bytes = readFileSync(join(folder, file));
  const compile = [];
  const instantiate = [];
  for (let sample = 0; sample < SAMPLES; sample++) {
    // A different custom section makes it another module, which no cache has.
    const other = new Uint8Array([...bytes, 0, 3, 1, 120, sample]);
    const began = performance.now();
    const module = new WebAssembly.Module(other);
    const compiled = performance.now();
    const imports = {};
    for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
      // The tag of JavaScript exceptions.
      (imports[from] ??= {})[name] = kind === "tag" ? tag : () => 0;
    }
    const linked = performance.now();
    new WebAssembly.Instance(module, imports);
    instantiate.push(performance.now() - linked);
    compile.push(compiled - began);
  }
  const name = folder === "www/pkg" ? "form" : basename(folder);
  modules[name] = {
    raw: bytes.length,
    gzip: gzipSync(bytes, { level: 9 }).length,
    compile_ms: median(compile),
    instantiate_ms: median(instantiate),
  };
}
console.log(JSON.stringify(modules));
