// A built Worker that says at `/held` what its module holds, and how far its requests have come.

const { Instance } = WebAssembly;
let exports;

WebAssembly.Instance = function (module, imports) {
  const instance = new Instance(module, imports);
  ({ exports } = instance);
  return instance;
};

// Not a static import: the module is instantiated when it is imported.
const worker = await import("./index.js");

/** How many requests, and how many calls of Registry objects, have reached the module. */
const reached = { requests: 0, waiting: 0, calls: 0 };

function held() {
  const { memory, __wbindgen_externrefs: table } = exports;
  let objects = 0;
  for (let slot = 0; slot < table.length; slot++) {
    // A free slot is empty.
    if (table.get(slot) != null) objects++;
  }
  return { objects, bytes: memory.buffer.byteLength, ...reached };
}

/** The origin's class; the edge has none. */
export class Registry extends (worker.Registry ?? class {}) {
  fetch(request) {
    const answer = super.fetch(request);
    reached.calls++;
    return answer;
  }
}

export default {
  fetch(request, env, context) {
    if (new URL(request.url).pathname === "/held") return Response.json(held());
    const answer = worker.default.fetch(request, env, context);
    reached.requests++;
    if (answer instanceof Promise) reached.waiting++;
    return answer;
  },
};
