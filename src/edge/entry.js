// The Worker's entry: hands each request to the Wasm module.
//
// It decides nothing: it passes the parts of a request to Rust.

import * as module from "./index.js";
import { noteCrash, restartIfCrashed } from "./restart.js";

/**
 * The paths of forward-auth, for a proxy in front that removes the path of `PUBLIC_URL`, and for the
 * public. Known once a request has read the settings; until then all take the async path.
 *
 * @type {string | undefined}
 */
let authorize;
let publicAuthorize = "";

const encoder = new TextEncoder();
/** The module's buffer for the lines of a request. Empty once the module's memory has grown. */
let buffer = new Uint8Array();

/**
 * Writes a header as a line. An empty header differs from an absent one.
 *
 * @param {string | null} value
 */
const line = (value) => (value === null ? "\n" : `\n=${value}`);

/**
 * Writes the lines of a request and returns their length in bytes, or `undefined` if they do not
 * fit. No header value contains a line feed.
 *
 * @param {string} method
 * @param {string} address
 * @param {Headers} headers
 * @param {string} more
 */
function write(method, address, headers, more) {
  const authorization = headers.get("Authorization") ?? "";
  const organization = line(headers.get("X-Organization-ID"));
  const lines = `${method}\n${address}\n${authorization}${organization}${more}`;
  if (buffer.length === 0) buffer = module.linesOfRequest() ?? buffer;
  const { read, written } = encoder.encodeInto(lines, buffer);
  return read < lines.length ? undefined : written;
}

/**
 * Answers forward-auth if everything needed is cached; otherwise returns `undefined`.
 *
 * @param {Headers} headers
 */
function authorizeAtOnce(headers) {
  const method = headers.get("X-Forwarded-Method");
  const uri = headers.get("X-Forwarded-Uri");
  if (method === null || uri === null) return undefined;
  const written = write(method, uri, headers, "");
  return written && module.authorizeAtOnce(written, headers);
}

/**
 * Forwards a request to the platform's API if everything needed is cached; otherwise returns
 * `undefined`.
 *
 * @param {Request} request
 * @param {string} url
 * @param {Headers} headers
 * @param {{ UPSTREAM?: unknown }} env
 * @param {unknown} context
 */
function forwardAtOnce(request, url, headers, env, context) {
  const connection = line(headers.get("Connection"));
  const upgrade = line(headers.get("Upgrade"));
  const cookie = line(headers.get("Cookie"));
  const written = write(request.method, url, headers, connection + upgrade + cookie);
  return written && module.forwardAtOnce(written, request, headers, env.UPSTREAM, env, context);
}

/**
 * Takes the fast path (`fast_path.rs`). Returns `undefined` if the request needs the async path.
 *
 * @param {Request} request
 * @param {{ UPSTREAM?: unknown }} env
 * @param {unknown} context
 */
function answerAtOnce(request, env, context) {
  if (authorize === undefined) {
    [authorize, publicAuthorize] = module.authorizePaths() ?? [];
    if (authorize === undefined) return undefined;
  }
  const { url, headers } = request;
  return isAuthorize(url, authorize)
    ? authorizeAtOnce(headers)
    : forwardAtOnce(request, url, headers, env, context);
}

/**
 * Whether an address is that of forward-auth.
 *
 * @param {string} url
 * @param {string} authorize
 */
function isAuthorize(url, authorize) {
  if (!url.endsWith(authorize)) return false;
  // The path begins after the host, which is not empty.
  const path = url.length - url.indexOf("/", "http://".length + 1);
  return (
    path === authorize.length || (path === publicAuthorize.length && url.endsWith(publicAuthorize))
  );
}

export default {
  /**
   * @param {Request} request
   * @param {{ UPSTREAM?: unknown }} env
   * @param {unknown} context
   */
  fetch(request, env, context) {
    if (restartIfCrashed()) buffer = new Uint8Array();
    try {
      return answerAtOnce(request, env, context) ?? module.fetch(request, env, context);
    } catch (error) {
      noteCrash(error);
      throw error;
    }
  },
};
