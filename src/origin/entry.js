// The entry of the origin: requests, and the class of the Registry objects.
//
// The runtime keeps an object for as long as it likes, and its Wasm half is of the instance that
// made it. An object that crashes is ended, and the runtime makes another over the same storage:
// kept, it would never finish an alarm again. Where something else has crashed in the isolate, the
// Wasm half is made anew before the next call.

import * as module from "./index.js";
import { call, instance, isCrash } from "./restart.js";

export class Registry {
  #context;
  #env;
  #made;
  #madeBy;

  constructor(context, env) {
    this.#context = context;
    this.#env = env;
    call(() => this.#registry());
  }

  #registry() {
    if (this.#madeBy !== instance()) {
      this.#made = new module.Registry(this.#context, this.#env);
      this.#madeBy = instance();
    }
    return this.#made;
  }

  #call(work) {
    try {
      return call(() => work(this.#registry()));
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
