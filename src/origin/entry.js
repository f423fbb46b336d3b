// The origin's entry: requests, and the class of the Registry objects.
//
// Each Registry object has a Rust half, which belongs to the Wasm instance that created it. When an
// object crashes, this entry aborts it, and the runtime creates a new one over the same storage.
// Otherwise a crashed object would stay, and never finish another alarm. When something else
// crashed in the isolate, the object gets a new Rust half before its next call.
//
// When a client goes away, the runtime stops its request in the middle of an await, and a Rust
// future that waits is never freed. So Rust never waits for a client: bodies are read here. And what
// Rust does wait for belongs to `waitUntil`, where it reaches its end.

import * as module from "./index.js";
import { call, instance, isCrash } from "./restart.js";

export class Registry {
  #context;
  #env;
  #registry;
  #instance;

  constructor(context, env) {
    this.#context = context;
    this.#env = env;
    call(() => this.#current());
  }

  #current() {
    if (this.#instance !== instance()) {
      this.#registry = new module.Registry(this.#context, this.#env);
      this.#instance = instance();
    }
    return this.#registry;
  }

  #call(work) {
    try {
      return call(() => work(this.#current()));
    } catch (error) {
      if (isCrash(error)) this.#context.abort("the module has crashed");
      throw error;
    }
  }

  fetch(request) {
    return this.#call((registry) => registry.fetch(request));
  }

  alarm(info) {
    return this.#call((registry) => registry.alarm(info));
  }
}

/**
 * Reads a body, or as much of it as shows that it is too large. `undefined`: the client broke it
 * off.
 *
 * @param {ReadableStream} body
 * @returns {Promise<Uint8Array | undefined>}
 */
async function read(body) {
  const size = module.maxBody() + 1;
  try {
    const { value } = await body
      .getReader({ mode: "byob" })
      .readAtLeast(size, new Uint8Array(size));
    return value ?? new Uint8Array();
  } catch {
    return undefined;
  }
}

/**
 * @param {Request} request
 * @param {Uint8Array | undefined} body
 * @param {unknown} env
 * @param {ExecutionContext} context
 */
function answer(request, body, env, context) {
  const answered = call(() => module.fetch(request, body, env, context));
  context.waitUntil(answered.catch(() => {}));
  return answered;
}

export default {
  async fetch(request, env, context) {
    // No other method has a body that matters.
    const hasBody = request.method === "POST" && request.body !== null;
    const body = hasBody ? await read(request.body) : new Uint8Array();
    return answer(request, body, env, context);
  },
};
