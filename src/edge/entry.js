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
/** The piece of the module's memory for the texts of a request; empty when that has grown. */
let place = new Uint8Array();

function crashed(error) {
  if (error instanceof WebAssembly.RuntimeError) {
    console.error("Critical", error);
    state.criticalError = true;
  }
}

// A crash in the middle of asynchronous work reaches nobody else.
addEventListener("error", (event) => crashed(event.error));

/** A header's line: an empty header is not the same as none. */
const line = (value) => (value === null ? "\n" : `\n=${value}`);

/**
 * Writes the texts of a request, and says how many bytes these are; undefined where there are too
 * many. No header has a line feed in its value.
 */
function write(method, address, headers, more) {
  const authorization = headers.get("Authorization") ?? "";
  const organization = line(headers.get("X-Organization-ID"));
  const lines = `${method}\n${address}\n${authorization}${organization}${more}`;
  if (place.length === 0) place = module.linesOfRequest() ?? place;
  const { read, written } = encoder.encodeInto(lines, place);
  return read < lines.length ? undefined : written;
}

/** Forward-auth, where memory has all that it needs. */
function authorizeAtOnce(headers) {
  const method = headers.get("X-Forwarded-Method");
  const uri = headers.get("X-Forwarded-Uri");
  if (method === null || uri === null) return undefined;
  const written = write(method, uri, headers, "");
  return written && module.authorizeAtOnce(written, headers);
}

/** A request to the platform's API, where memory has all that it needs. */
function forwardAtOnce(request, url, headers, env) {
  const connection = line(headers.get("Connection"));
  const upgrade = line(headers.get("Upgrade"));
  const cookie = line(headers.get("Cookie"));
  const written = write(request.method, url, headers, connection + upgrade + cookie);
  const answer = written && module.forwardAtOnce(written, request, headers, env.UPSTREAM);
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
      place = new Uint8Array();
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
