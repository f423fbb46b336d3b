// The Worker's entry: hands each request to the Wasm module.
//
// It decides nothing; what it reads of a request goes to Rust.

import * as module from "./index.js";
import { noteCrash, restartIfCrashed } from "./restart.js";

const AUTHORIZE = module.authorizePath();

const encoder = new TextEncoder();
/** The piece of the module's memory for the texts of a request; empty when that has grown. */
let place = new Uint8Array();

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
    if (restartIfCrashed()) place = new Uint8Array();
    try {
      return answerAtOnce(request, env) ?? module.fetch(request, env, context);
    } catch (error) {
      noteCrash(error);
      throw error;
    }
  },
};
