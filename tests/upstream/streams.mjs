// What is not a plain JSON answer: long bodies, events, a WebSocket. They exist for tests of the
// edge, which has to pass all of them on as they come.

import { createHash } from "node:crypto";
import { EventEmitter } from "node:events";
import { Readable } from "node:stream";
import { WebSocketServer } from "ws";

/** Emits `value` for each value that is published. */
export const published = new EventEmitter().setMaxListeners(0);

const CHUNK = 64 * 1024;

/** `?bytes=N` pseudo-random bytes, always the same; `&length=1` announces how many. */
export function sendExport(query, response) {
  const bytes = Number(query.get("bytes") ?? CHUNK);
  response.setHeader("Content-Type", "application/octet-stream");
  if (query.get("length") === "1") response.setHeader("Content-Length", bytes);
  Readable.from(pseudoRandom(bytes)).pipe(response);
}

function* pseudoRandom(bytes) {
  let seed = 1;
  for (let left = bytes; left > 0; left -= CHUNK) {
    const chunk = Buffer.alloc(Math.min(left, CHUNK));
    for (let at = 0; at < chunk.length; at++) {
      // xorshift32: quick, and no compression helps with it.
      seed ^= seed << 13;
      seed ^= seed >>> 17;
      seed ^= seed << 5;
      chunk[at] = seed & 0xff;
    }
    yield chunk;
  }
}

/** Counts and digests the body as it comes; keeps none of it. */
export async function digestBody(request) {
  const digest = createHash("sha256");
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    digest.update(chunk);
  }
  return { bytes, sha256: digest.digest("hex") };
}

/** One event at once, then one for each published value: a test never needs a timer. */
export function sendEvents(response) {
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-cache" });
  response.write("event: hello\ndata: {}\n\n");
  const send = (value) => response.write(`event: value\ndata: ${JSON.stringify(value)}\n\n`);
  published.on("value", send);
  const alive = setInterval(() => response.write(":\n\n"), 15_000);
  response.on("close", () => {
    published.off("value", send);
    clearInterval(alive);
  });
}

const sockets = new WebSocketServer({ noServer: true });

/** Sends back whatever it gets. */
export function acceptSocket(request, socket, head) {
  sockets.handleUpgrade(request, socket, head, (accepted) => {
    accepted.on("message", (message, binary) => accepted.send(message, { binary }));
  });
}
