// The Worker's entry: hands each request to the Wasm module.
//
// It decides nothing: it writes the strings of a request where Rust reads them (`incoming.rs`).

import * as module from "./index.js";
import { noteCrash, restartIfCrashed } from "./restart.js";

const encoder = new TextEncoder();

/**
 * The module's buffer for the strings of a request. Empty once the module's memory has grown.
 *
 * @type {Uint8Array}
 */
let buffer = new Uint8Array();

/**
 * The headers that Rust reads of each request.
 *
 * @type {string[] | undefined}
 */
let names;

/**
 * Writes a request, line by line, and returns the length in bytes. An empty header differs from an
 * absent one.
 *
 * @param {Request} request
 */
function write({ method, url, headers }) {
  names ??= module.headerNames();
  let lines = `${method}\n${url}`;
  for (const name of names) {
    const value = headers.get(name);
    lines += value === null ? "\n" : `\n=${value}`;
  }
  const { read, written } = encoder.encodeInto(lines, buffer);
  if (read === lines.length) return written;
  // No character takes more than three bytes.
  buffer = module.linesBuffer(3 * lines.length);
  return encoder.encodeInto(lines, buffer).written;
}

export default {
  /**
   * @param {Request} request
   * @param {unknown} env
   * @param {unknown} context
   */
  fetch(request, env, context) {
    if (restartIfCrashed()) buffer = new Uint8Array();
    try {
      return module.handle(write(request), request, env, context);
    } catch (error) {
      noteCrash(error);
      throw error;
    }
  },
};
