// The edge as it is built, and a way to crash it: a request with the header `X-Crash` makes the
// module ask for more memory than there is in the midst of the export that the header names.

const { Instance } = WebAssembly;
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
  const names = ["authorizeAtOnce", "fetch"];
  const own = Object.fromEntries(names.map((name) => [name, crashing(exports, name)]));
  return { exports: { ...exports, ...own } };
};

// Only now: the module starts when it is imported.
const { default: edge } = await import("./index.js");

export default {
  fetch(request, env, context) {
    due = request.headers.get("X-Crash");
    return edge.fetch(request, env, context);
  },
};
