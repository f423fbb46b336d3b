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
/** Nearly every request fits; a longer one goes the long way. */
const scratch = new Uint8Array(16 * 1024);

function crashed(error) {
  if (error instanceof WebAssembly.RuntimeError) {
    console.error("Critical", error);
    state.criticalError = true;
  }
}

// A crash in the middle of asynchronous work reaches nobody else.
addEventListener("error", (event) => crashed(event.error));

/**
 * The texts of a request as one, in lines: that crosses over cheaper than one after the other.
 * No header has a line feed in its value. Undefined where there are too many.
 */
function bytes(method, address, headers, names) {
  const authorization = headers.get("Authorization") ?? "";
  const organization = headers.get("X-Organization-ID");
  // An empty header is not the same as none.
  const named = organization === null ? "" : `=${organization}`;
  const lines = `${method}\n${address}\n${authorization}\n${named}${names}`;
  const { read, written } = encoder.encodeInto(lines, scratch);
  return read < lines.length ? undefined : scratch.subarray(0, written);
}

/** Forward-auth, where memory has all that it needs. */
function authorizeAtOnce(headers) {
  const method = headers.get("X-Forwarded-Method");
  const uri = headers.get("X-Forwarded-Uri");
  if (method === null || uri === null) return undefined;
  const lines = bytes(method, uri, headers, "");
  return lines && module.authorizeAtOnce(lines, headers);
}

/** A request to the platform's API, where memory has all that it needs. */
function forwardAtOnce(request, url, headers, env) {
  let names = "";
  for (const name of headers.keys()) names += `\n${name}`;
  const lines = bytes(request.method, url, headers, names);
  const answer = lines && module.forwardAtOnce(lines, request, env.UPSTREAM);
  return answer instanceof Promise ? answer.catch(module.upstreamFailed) : answer;
}

function answerAtOnce(request, env) {
  const { url, headers } = request;
  // The path begins behind the host, which is not empty.
  const path = url.indexOf("/", "http://".length + 1);
  return url.length === path + AUTHORIZE.length && url.endsWith(AUTHORIZE)
    ? authorizeAtOnce(headers)
    : forwardAtOnce(request, url, headers, env);
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
      return answerAtOnce(request, env) ?? module.fetch(request, env, context);
    } catch (error) {
      crashed(error);
      throw error;
    }
  },
};
