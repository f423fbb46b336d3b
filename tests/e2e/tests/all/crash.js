// A built Worker that a test can crash. A request with the header `X-Crash: EXPORT` makes the
// module allocate more memory than is available at the next call of that export.

const { Instance } = WebAssembly;
const EXPORTS = ["handle", "fetch", "registry_new", "registry_fetch", "registry_alarm"];
let nextCrash = null;

function crashing(exports, name) {
  return (...values) => {
    if (nextCrash === name) {
      nextCrash = null;
      exports.__wbindgen_malloc(0xffff_fff0, 1);
    }
    return exports[name](...values);
  };
}

WebAssembly.Instance = function (module, imports) {
  const { exports } = new Instance(module, imports);
  const names = EXPORTS.filter((name) => name in exports);
  const replaced = Object.fromEntries(names.map((name) => [name, crashing(exports, name)]));
  return { exports: { ...exports, ...replaced } };
};

// Not a static import: the module is instantiated when it is imported.
const worker = await import("./index.js");

/** The origin's class; the edge has none. */
export const Registry = worker.Registry ?? class {};

export default {
  fetch(request, env, context) {
    nextCrash = request.headers.get("X-Crash") ?? nextCrash;
    return worker.default.fetch(request, env, context);
  },
};
