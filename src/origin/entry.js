// The entry of the origin: requests, and the class of the Registry objects.
//
// The runtime keeps an object for as long as it likes, and its Wasm half is of the instance that
// made it. After a crash that half is made anew, over the same storage, before the next call.

import * as module from "./index.js";
import { call, instance } from "./restart.js";

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

  fetch(request) {
    return call(() => this.#registry().fetch(request));
  }

  alarm(info) {
    return call(() => this.#registry().alarm(info));
  }
}

export default {
  fetch: (request, env, context) => call(() => module.fetch(request, env, context)),
};
