// Open connections: a body or a socket that lasts ends with its token.
//
// A short body passes untouched. Everything else goes through a pump here, inside the request,
// because the platform stops what runs behind a response after 30 seconds. The pump lets bytes pass
// only while the token is known to be good. Rust knows until when; it is asked again by a timer, also
// while nothing flows, and before the first byte after that time.

/**
 * Until when the token is good and when to ask again, in milliseconds since 1970. Or the code of the
 * problem, if the token is not good. `undefined`: unknown, but it is being fetched.
 *
 * @typedef {[until: number, askAt: number] | string | undefined} Verdict
 */

/**
 * What a watch knows of the rules. `tokenOf` finds the token of an allowed request. `ask` begins to
 * fetch what it lacks. `unavailable` is the code of
 * the problem for a status that is unknown. Times are in milliseconds.
 *
 * @typedef {{
 *   tokenOf: (request: Request) => string | undefined,
 *   ask: (token: string, env: unknown, event: unknown) => Verdict,
 *   unavailable: string,
 *   closeDenied: number,
 *   closeUnavailable: number,
 *   shortBody: number,
 *   maxStreams: number,
 *   maxSocketBacklog: number,
 *   patience: number,
 *   maxAge: number,
 * }} StreamRules
 */

/**
 * The watched connections of this isolate. When a client goes away, the platform drops everything
 * of its request, and no code of ours runs any more; its watch is known by a timer that never came.
 *
 * @type {Set<Watch>}
 */
const watches = new Set();

/** How late the timer of a live connection is at most, in milliseconds. */
const LATE = 5_000;

/** How often dropped connections are looked for at most, in milliseconds. */
const SWEEP = 1_000;
let sweptAt = 0;

/** Forgets connections that the platform has dropped. */
function sweep() {
  const now = Date.now();
  if (now - sweptAt < SWEEP) return;
  sweptAt = now;
  for (const watch of watches) {
    if (watch.isDropped(now)) watches.delete(watch);
  }
}

/** How long to wait before asking again for what is being fetched, in milliseconds. */
const RETRY = 50;

/** A connection is ended for its token, or for its age. */
export class Ended extends Error {
  /** @param {string} code */
  constructor(code) {
    super(code);
    this.code = code;
  }
}

/** An isolate cannot watch another connection. */
export class TooManyStreams extends Error {}

/** The reason if a connection has reached its greatest age. */
const TOO_OLD = "stream-too-old";

/** Watches the token of one connection. */
export class Watch {
  #rules;
  #token;
  #env;
  #event;
  #until = 0;
  #endsAt;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** When the timer is due. */
  #due = 0;
  /** @type {Ended | undefined} */
  #ended;
  #isStopped = false;
  /** Called once when the connection must end. @type {((reason: Ended) => void)[]} */
  #onEnd = [];
  /** Those that wait until bytes may flow again. @type {(() => void)[]} */
  #waiting = [];

  /**
   * @param {StreamRules} rules
   * @param {Request} request
   * @param {unknown} env
   * @param {unknown} event
   */
  constructor(rules, request, env, event) {
    sweep();
    if (watches.size >= rules.maxStreams) throw new TooManyStreams();
    watches.add(this);
    this.#rules = rules;
    this.#token = rules.tokenOf(request) ?? "";
    this.#env = env;
    this.#event = event;
    this.#until = Date.now();
    this.#endsAt = this.#until + rules.maxAge;
    this.#ask();
  }

  /** Whether bytes may flow now. */
  get isOpen() {
    return this.#ended === undefined && Date.now() < this.#until;
  }

  get ended() {
    return this.#ended;
  }

  /** @param {number} now */
  isDropped(now) {
    return now > this.#due + LATE;
  }

  /** @param {(reason: Ended) => void} end */
  onEnd(end) {
    if (this.#ended) end(this.#ended);
    else this.#onEnd.push(end);
  }

  /** Waits until bytes may flow. Throws if the connection has ended. */
  async opened() {
    while (!this.isOpen) {
      if (this.#ended) throw this.#ended;
      if (Date.now() >= this.#until) this.#ask();
      if (!this.isOpen && !this.#ended) {
        await new Promise((resolve) => this.#waiting.push(() => resolve(undefined)));
      }
    }
  }

  /** The connection has ended by itself. */
  stop() {
    if (this.#isStopped) return;
    this.#isStopped = true;
    watches.delete(this);
    clearTimeout(this.#timer);
    this.#onEnd = [];
    this.#wake();
  }

  #wake() {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** @param {string} code */
  #end(code) {
    if (this.#ended || this.#isStopped) return;
    this.#ended = new Ended(code);
    for (const end of this.#onEnd.splice(0)) end(this.#ended);
    this.stop();
  }

  #ask() {
    if (this.#isStopped) return;
    let verdict;
    try {
      verdict = this.#rules.ask(this.#token, this.#env, this.#event);
    } catch {
      // The module has crashed. Another instance knows nothing of this connection.
      this.#end(this.#rules.unavailable);
      return;
    }
    const now = Date.now();
    if (now >= this.#endsAt) {
      this.#end(TOO_OLD);
    } else if (verdict === undefined || verdict === this.#rules.unavailable) {
      this.#wait(now);
    } else if (typeof verdict === "string") {
      this.#end(verdict);
    } else {
      const [until, askAt] = verdict;
      this.#until = until;
      const next = now < askAt ? askAt : Math.min(until, now + RETRY);
      this.#askAt(Math.min(next, this.#endsAt), now);
      this.#wake();
    }
  }

  /**
   * Nothing is known: the connection stands still, but not for long.
   *
   * @param {number} now
   */
  #wait(now) {
    if (now >= this.#until + this.#rules.patience) this.#end(this.#rules.unavailable);
    else this.#askAt(Math.max(this.#until, now + RETRY), now);
  }

  /**
   * @param {number} time
   * @param {number} now
   */
  #askAt(time, now) {
    clearTimeout(this.#timer);
    const delay = Math.max(time - now, 1);
    this.#due = now + delay;
    this.#timer = setTimeout(() => this.#ask(), delay);
  }
}

/**
 * Whether a body passes untouched. `Content-Length` is a number, or the runtime refuses the message.
 *
 * @param {Headers} headers
 * @param {StreamRules} rules
 */
export const isShort = (headers, { shortBody }) => {
  const length = headers.get("Content-Length");
  return length !== null && Number(length) <= shortBody;
};

/**
 * A stream for a body of this length. `null`: the length is unknown.
 *
 * @param {string | null} length
 */
export const pipe = (length) =>
  length === null ? new IdentityTransformStream() : new FixedLengthStream(Number(length));

/** How much of a body is read at once, in bytes. */
const SMALLEST_BUFFER = 4 * 1024;
const LARGEST_BUFFER = 64 * 1024;

/**
 * Pumps a body while its token is good. A body that ends early never looks complete to whoever reads
 * it: its stream is aborted, or with `keepsOpen` left as it is. Rejects if either side breaks, or the
 * connection ends.
 *
 * @param {ReadableStream} body
 * @param {WritableStream} writable
 * @param {Watch} watch
 * @param {{ keepsOpen?: boolean }} [options]
 */
export async function pump(body, writable, watch, { keepsOpen = false } = {}) {
  const reader = body.getReader({ mode: "byob" });
  const writer = writable.getWriter();
  // One buffer for the whole body: a long one would otherwise leave its size behind as garbage.
  let buffer = new ArrayBuffer(SMALLEST_BUFFER);
  /** @param {unknown} reason */
  const abort = (reason) => {
    reader.cancel(reason).catch(() => {});
    if (!keepsOpen) writer.abort(reason).catch(() => {});
  };
  watch.onEnd(abort);
  try {
    for (;;) {
      const { done, value } = await reader.read(new Uint8Array(buffer));
      if (!watch.isOpen) await watch.opened();
      // The end of a reader that was cancelled is not the end of its body.
      if (done) break;
      await writer.write(value);
      const isFull = value.byteLength === value.buffer.byteLength;
      buffer =
        isFull && value.byteLength < LARGEST_BUFFER
          ? new ArrayBuffer(2 * value.byteLength)
          : value.buffer;
    }
    await writer.close();
  } catch (error) {
    abort(error);
    throw watch.ended ?? error;
  }
}

/**
 * The response that the client gets: the upstream's own if it is short, else one that is watched.
 *
 * @param {Response} response
 * @param {StreamRules} rules
 * @param {() => Watch} open
 */
export function watched(response, rules, open) {
  const { body } = response;
  if (body === null) {
    const socket = response.webSocket;
    return socket ? watchedSocket(response, socket, rules, open()) : response;
  }
  const { headers } = response;
  if (isShort(headers, rules)) return response;
  const watch = open();
  // Nothing has been sent yet, so the client can still be told why.
  if (watch.ended) throw watch.ended;
  const { readable, writable } = pipe(headers.get("Content-Length"));
  pump(body, writable, watch)
    .catch(() => {})
    .finally(() => watch.stop());
  return new Response(readable, {
    status: response.status,
    statusText: response.statusText,
    headers,
    encodeBody: "manual",
  });
}

/** Headers of a handshake that each side makes for itself (RFC 6455, section 4.2.2). */
const HANDSHAKE = ["Connection", "Sec-WebSocket-Accept", "Sec-WebSocket-Extensions", "Upgrade"];

/** The close codes that only a runtime may use (RFC 6455, section 7.4.1). */
const NO_CODE = 1005;
const ABNORMAL = 1006;
const GOING_AWAY = 1001;
const TOO_BIG = 1009;

/**
 * @param {Response} response
 * @param {WebSocket} upstream
 * @param {StreamRules} rules
 * @param {Watch} watch
 */
function watchedSocket(response, upstream, rules, watch) {
  const [client, server] = Object.values(new WebSocketPair());
  /** Messages that wait until bytes may flow. @type {[WebSocket, string | ArrayBuffer][]} */
  const waiting = [];

  /** @type {(code: number, reason: string) => void} */
  const closeBoth = (code, reason) => {
    close(server, code, reason);
    close(upstream, code, reason);
    watch.stop();
  };
  /** @type {(to: WebSocket, message: string | ArrayBuffer) => void} */
  const send = (to, message) => {
    if (to.readyState !== WebSocket.OPEN) return;
    to.send(message);
    if (to.bufferedAmount > rules.maxSocketBacklog) closeBoth(TOO_BIG, "the reader is too slow");
  };
  const flush = async () => {
    await watch.opened();
    for (const [to, message] of waiting.splice(0)) send(to, message);
  };
  /** @type {(to: WebSocket, message: string | ArrayBuffer) => void} */
  const relay = (to, message) => {
    if (watch.isOpen && waiting.length === 0) {
      send(to, message);
    } else if (!watch.ended) {
      waiting.push([to, message]);
      if (waiting.length === 1) flush().catch(() => waiting.splice(0));
      if (waiting.length > MAX_WAITING) closeBoth(TOO_BIG, "too many messages wait");
    }
  };

  watch.onEnd(({ code }) => {
    waiting.splice(0);
    if (code === TOO_OLD) closeBoth(GOING_AWAY, code);
    else if (code === rules.unavailable) closeBoth(rules.closeUnavailable, code);
    else closeBoth(rules.closeDenied, code);
  });
  for (const [from, to] of [
    [server, upstream],
    [upstream, server],
  ]) {
    from.binaryType = "arraybuffer";
    from.addEventListener("message", ({ data }) => relay(to, data));
    from.addEventListener("close", ({ code, reason }) => {
      close(to, code === ABNORMAL ? GOING_AWAY : code, reason);
      close(from, code, reason);
      watch.stop();
    });
    from.addEventListener("error", () => closeBoth(GOING_AWAY, ""));
    from.accept();
  }
  return accepted(response, client);
}

/**
 * The response that accepts a socket, with the upstream's headers.
 *
 * @param {Response} response
 * @param {WebSocket} webSocket
 */
function accepted(response, webSocket) {
  const headers = new Headers(response.headers);
  for (const name of HANDSHAKE) headers.delete(name);
  return new Response(null, { status: 101, headers, webSocket });
}

const SUBPROTOCOL = "Sec-WebSocket-Protocol";

/**
 * Selects a subprotocol for a socket, unless the upstream has.
 *
 * @param {string | undefined} subprotocol
 * @param {Response} response
 */
export function select(subprotocol, response) {
  const { webSocket } = response;
  if (subprotocol === undefined || !webSocket || response.headers.has(SUBPROTOCOL)) return response;
  const selected = accepted(response, webSocket);
  selected.headers.set(SUBPROTOCOL, subprotocol);
  return selected;
}

/** How many messages wait at most while the status of a token is unknown. */
const MAX_WAITING = 1_000;

/**
 * @param {WebSocket} socket
 * @param {number} code
 * @param {string} reason
 */
function close(socket, code, reason) {
  try {
    if (code === NO_CODE || code === ABNORMAL) socket.close();
    else socket.close(code, reason);
  } catch {
    // It is closed already.
  }
}

/**
 * The rules that all watched connections share.
 *
 * @param {StreamRules["tokenOf"]} tokenOf
 * @param {StreamRules["ask"]} ask
 * @param {string} unavailable
 * @param {number[]} numbers
 * @returns {StreamRules}
 */
export function streamRules(tokenOf, ask, unavailable, numbers) {
  const [closeDenied, closeUnavailable, shortBody, maxStreams, maxSocketBacklog, patience, maxAge] =
    numbers;
  return {
    tokenOf,
    ask,
    unavailable,
    closeDenied,
    closeUnavailable,
    shortBody,
    maxStreams,
    maxSocketBacklog,
    patience,
    maxAge,
  };
}
