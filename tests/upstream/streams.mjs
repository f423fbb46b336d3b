// Long bodies, events and a WebSocket, for tests of the edge, which must stream all of them.

import { createHash } from "node:crypto";
import { EventEmitter } from "node:events";
import { Readable } from "node:stream";
import { WebSocketServer } from "ws";
import { topics } from "./data.mjs";

/** Emits `value` for each value that is published. */
export const published = new EventEmitter().setMaxListeners(0);

const CHUNK = 64 * 1024;

/** Sends `?bytes=N` pseudo-random bytes, always the same. `&length=1` adds `Content-Length`. */
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
    for (let i = 0; i < chunk.length; i++) {
      // xorshift32: fast and incompressible.
      seed ^= seed << 13;
      seed ^= seed >>> 17;
      seed ^= seed << 5;
      chunk[i] = seed & 0xff;
    }
    yield chunk;
  }
}

/** Counts and hashes the body as it arrives, without buffering it. */
export async function digestBody(request) {
  const digest = createHash("sha256");
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    digest.update(chunk);
  }
  return { bytes, sha256: digest.digest("hex") };
}

/** Sends one event at once, so that tests need no timer, then one for each published value. */
export function sendEvents(response) {
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-cache" });
  response.write("event: hello\ndata: {}\n\n");
  const send = (value) => response.write(`event: value\ndata: ${JSON.stringify(value)}\n\n`);
  published.on("value", send);
  const keepAlive = setInterval(() => response.write(":\n\n"), 15_000);
  response.on("close", () => {
    published.off("value", send);
    clearInterval(keepAlive);
  });
}

/**
 * Responds when a value is published to the topic `?topic=T`, and publishes a value there first, so
 * that tests know that the request has arrived. `&length=1` adds `Content-Length`.
 */
export function sendWhenPublished(query, response) {
  const wanted = query.get("topic");
  const send = ({ topic }) => {
    if (topic !== wanted) return;
    published.off("value", send);
    const body = "held";
    if (query.get("length") === "1") response.setHeader("Content-Length", body.length);
    else response.writeHead(200);
    response.end(body);
  };
  topics.set(wanted, "awaited");
  published.on("value", send);
}

/** Selects the first subprotocol that the client offers, but never this one. */
const NOT_SELECTED = "unselected";

const sockets = new WebSocketServer({
  noServer: true,
  handleProtocols: (offered) => [...offered].find((name) => name !== NOT_SELECTED) ?? false,
});

/** A message that makes this side close the socket, with this code and reason. */
const CLOSE = /^close (\d+) (.*)$/;

/** Accepts a WebSocket that echoes every message. `headers` is answered by those of the handshake. */
export function acceptSocket(request, socket, head) {
  sockets.handleUpgrade(request, socket, head, (accepted) => {
    accepted.on("message", (message, binary) => {
      const close = binary ? null : CLOSE.exec(message.toString());
      if (close) accepted.close(Number(close[1]), close[2]);
      else if (message.toString() === "headers") accepted.send(JSON.stringify(request.rawHeaders));
      else accepted.send(message, { binary });
    });
  });
}
