// The Worker's entry: hands each request to the Wasm module.
//
// In place of the entry that worker-build generates, which makes several proxies for every
// request. It keeps the one thing that those are for: a Wasm module that has crashed is started
// anew before the next request. It decides nothing; what it reads of a request goes to Rust.

import * as module from "./index.js";

/** @type {{ criticalError: boolean, instanceId: number }} set by the module when it crashes */
const state = module.__worker_init_state();

const AUTHORIZE = module.authorizePath();

const encoder = new TextEncoder();
/** More than any request that is allowed; a longer one goes the long way. */
const scratch = new Uint8Array(8 * 1024);

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
  // One text crosses over cheaper than four. No header's value has a line feed in it.
  let lines = `${method}\n${uri}`;
  const authorization = headers.get("Authorization");
  if (authorization !== null) {
    lines += `\n${authorization}`;
    const organization = headers.get("X-Organization-ID");
    if (organization !== null) lines += `\n${organization}`;
  }
  const { read, written } = encoder.encodeInto(lines, scratch);
  if (read < lines.length) return undefined;
  return module.authorizeAtOnce(scratch.subarray(0, written), headers);
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
