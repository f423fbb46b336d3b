// A built Worker that says at `/held` what its module holds, and how far its requests have come. From
// `/hold` to `/release`, Registry objects do not answer.

const { Instance } = WebAssembly;
let exports;

WebAssembly.Instance = function (module, imports) {
  const instance = new Instance(module, imports);
  ({ exports } = instance);
  return instance;
};

// Not a static import: the module is instantiated when it is imported.
const worker = await import("./index.js");

const reached = { requests: 0, waiting: 0, calls: 0 };
let isHolding = false;

function held() {
  const { memory, __wbindgen_externrefs: table } = exports;
  let objects = 0;
  for (let slot = 0; slot < table.length; slot++) {
    const object = table.get(slot);
    if (object !== null && object !== undefined) objects++;
  }
  return { objects, bytes: memory.buffer.byteLength, ...reached };
}

/** The origin's class; the edge has none. */
export class Registry extends (worker.Registry ?? class {}) {
  async fetch(request) {
    const answer = super.fetch(request);
    reached.calls++;
    while (isHolding) await scheduler.wait(1);
    return answer;
  }
}

const own = {
  "/held": held,
  "/hold": () => (isHolding = true),
  "/release": () => (isHolding = false),
};

export default {
  fetch(request, env, context) {
    const answerOwn = own[new URL(request.url).pathname];
    if (answerOwn) return Response.json(answerOwn());
    const answer = worker.default.fetch(request, env, context);
    reached.requests++;
    if (answer instanceof Promise) reached.waiting++;
    return answer;
  },
};
