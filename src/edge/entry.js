// The Worker's entry: hands each request to the Wasm module.
//
// In place of the entry that worker-build generates, which makes several proxies for every
// request. It keeps the one thing that those are for: a Wasm module that has crashed is started
// anew before the next request. It decides nothing; what it reads of a request goes to Rust.

import * as module from "./index.js";

/** @type {{ criticalError: boolean, instanceId: number }} set by the module when it crashes */
const state = module.__worker_init_state();

const AUTHORIZE = module.authorizePath();

function crashed(error) {
  if (error instanceof WebAssembly.RuntimeError) {
    console.error("Critical", error);
    state.criticalError = true;
  }
}

// A crash in the middle of asynchronous work reaches nobody else.
addEventListener("error", (event) => crashed(event.error));

/** The answer to forward-auth, where memory has all that it needs. */
function answerAtOnce({ url, headers }) {
  if (!url.endsWith(AUTHORIZE)) return undefined;
  const method = headers.get("X-Forwarded-Method");
  const uri = headers.get("X-Forwarded-Uri");
  if (method === null || uri === null) return undefined;
  return module.authorizeAtOnce(
    method,
    uri,
    headers.get("Authorization") ?? undefined,
    headers.get("X-Organization-ID") ?? undefined,
    headers,
  );
}

export default {
  fetch(request, env, context) {
    if (state.criticalError) {
      console.log("The module is started anew");
      module.__wbg_reset_state();
      state.criticalError = false;
      state.instanceId++;
    }
    try {
      return answerAtOnce(request) ?? module.fetch(request, env, context);
    } catch (error) {
      crashed(error);
      throw error;
    }
  },
};
