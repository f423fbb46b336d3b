// A Worker as it is built, and a way to crash it: a request with the header `X-Crash` makes the
// module ask for more memory than there is in the midst of the export that the header names, when
// that is called next.

const { Instance } = WebAssembly;
const EXPORTS = ["authorizeAtOnce", "fetch", "registry_new", "registry_fetch", "registry_alarm"];
let due = null;

function crashing(exports, name) {
  return (...given) => {
    if (due === name) {
      due = null;
      exports.__wbindgen_malloc(0xffff_fff0, 1);
    }
    return exports[name](...given);
  };
}

WebAssembly.Instance = function (module, imports) {
  const { exports } = new Instance(module, imports);
  const names = EXPORTS.filter((name) => name in exports);
  const own = Object.fromEntries(names.map((name) => [name, crashing(exports, name)]));
  return { exports: { ...exports, ...own } };
};

// Only now: the module starts when it is imported.
const worker = await import("./index.js");

/** The origin's. */
export const Registry = worker.Registry ?? class {};

export default {
  fetch(request, env, context) {
    due = request.headers.get("X-Crash") ?? due;
    return worker.default.fetch(request, env, context);
  },
};
