// The origin's entry: requests, and the class of the Registry objects.
//
// Each Registry object has a Rust half, which belongs to the Wasm instance that created it. When an
// object crashes, this entry aborts it, and the runtime creates a new one over the same storage.
// Otherwise a crashed object would stay, and never finish another alarm. When something else
// crashed in the isolate, the object gets a new Rust half before its next call.

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

export default {
  fetch: (request, env, context) => call(() => module.fetch(request, env, context)),
};
