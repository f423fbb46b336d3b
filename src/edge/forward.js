// Called from Rust. Reading and changing headers one by one would cross the boundary for each.
//
// The response of another Worker or of the network stays a promise of JavaScript, which ends with
// its client. A Rust future that awaited it would never be freed if the client disconnected.

import { matches } from "./header_names.js";
import { Ended, TooManyStreams, Watch, isShort, pipe, pump, select, watched } from "./streams.js";

/** One address. Two headers are joined by a comma. */
const ADDRESS = /^[0-9A-Fa-f.:]+$/;

/**
 * @typedef {import("./header_names.js").NameFilter} NameFilter
 * @typedef {{
 *   withheld: NameFilter,
 *   calledAddress: [string, string][],
 *   clientAddressNames: string[],
 *   clientAddressHeader: string,
 *   timeout: number | undefined,
 * }} ForwardRules
 * @typedef {import("./streams.js").StreamRules} StreamRules
 */

/**
 * The rules that all forwarded requests share: the headers to withhold, those that pass on the
 * requested host, those that pass on the client's address, the header that the address is read
 * from, and how long the upstream may take to begin its response, in milliseconds.
 *
 * @param {NameFilter} withheld
 * @param {[string, string][]} calledAddress
 * @param {string[]} clientAddressNames
 * @param {string} clientAddressHeader
 * @param {number | undefined} timeout
 * @returns {ForwardRules}
 */
export const forwardRules = (
  withheld,
  calledAddress,
  clientAddressNames,
  clientAddressHeader,
  timeout,
) => ({ withheld, calledAddress, clientAddressNames, clientAddressHeader, timeout });

/**
 * What Rust makes a response of. The code is that of the problem for which a connection was ended.
 *
 * @typedef {"broken" | "ended" | "too-many-streams" | "timeout" | "unreachable"} Failure
 * @typedef {(failure: Failure, text: string, request: Request) => Response} Failed
 */

/** The client aborted the request body. */
class Broken extends Error {}

/** The upstream did not begin its response in time. */
class TimedOut extends Error {}

/** Why a fetch is aborted. Without one, the runtime's own error counts. */
class Fetch {
  #controller = new AbortController();
  /** @type {unknown} */
  reason;

  get signal() {
    return this.#controller.signal;
  }

  /** @param {unknown} reason */
  abort(reason) {
    this.reason ??= reason;
    this.#controller.abort(reason);
  }
}

/**
 * @param {unknown} error
 * @returns {[Failure, string]}
 */
function failureOf(error) {
  if (error instanceof Ended) return ["ended", error.code];
  if (error instanceof Broken) return ["broken", ""];
  if (error instanceof TimedOut) return ["timeout", ""];
  if (error instanceof TooManyStreams) return ["too-many-streams", ""];
  return ["unreachable", String(error)];
}

/** A response that takes longer to begin is an exchange that lasts. In milliseconds. */
const SLOW = 1_000;

/**
 * Forwards a request to the upstream, and watches what lasts of the exchange. `streams` is absent if
 * no token allowed it. `subprotocol` is selected for a WebSocket if the upstream selects none.
 *
 * @param {Request} request
 * @param {string | undefined} address
 * @param {ForwardRules} rules
 * @param {[string, string | undefined][]} changes
 * @param {Fetcher} upstream
 * @param {StreamRules | undefined} streams
 * @param {string | undefined} subprotocol
 * @param {unknown} env
 * @param {unknown} event
 * @param {Failed} failed
 */
export function exchange(
  request,
  address,
  rules,
  changes,
  upstream,
  streams,
  subprotocol,
  env,
  event,
  failed,
) {
  const next = forwarded(request, address, rules, changes);
  if (streams === undefined) {
    /** @param {Response} response */
    const received = (response) => select(subprotocol, response);
    return send(next, upstream, rules.timeout, request, failed, received);
  }
  const began = Date.now();
  const open = () => new Watch(streams, request, env, event);
  /** @param {Response} response */
  const received = (response) => {
    const selected = select(subprotocol, response);
    const isLate = Date.now() - began >= SLOW;
    return isLate ? late(selected, streams, open) : watched(selected, streams, open);
  };
  const isLong = next.body !== null && !isShort(next.headers, streams);
  return send(next, upstream, rules.timeout, request, failed, received, isLong ? open : undefined);
}

/**
 * The response to a request that took long: only if its token is still good.
 *
 * @param {Response} response
 * @param {StreamRules} streams
 * @param {() => Watch} open
 */
async function late(response, streams, open) {
  const watch = open();
  await watch.opened().finally(() => watch.stop());
  return watched(response, streams, open);
}

/**
 * Forwards a request to the origin unchanged.
 *
 * @param {Request} request
 * @param {Fetcher} origin
 * @param {Failed} failed
 */
export const toOrigin = (request, origin, failed) =>
  send(request, origin, undefined, request, failed);

/**
 * Forwards a preflight to the upstream: a new request with nothing of the client's but its path and
 * these headers.
 *
 * @param {Request} request
 * @param {string | undefined} address
 * @param {string[]} names
 * @param {Fetcher} upstream
 * @param {ForwardRules} rules
 * @param {Failed} failed
 */
export function preflight(request, address, names, upstream, { timeout }, failed) {
  const { headers: sent } = request;
  /** @type {[string, string][]} */
  const headers = [];
  for (const name of names) {
    const value = sent.get(name);
    if (value !== null) headers.push([name, value]);
  }
  /** @type {RequestInit} */
  const init = { method: "OPTIONS", headers, redirect: "manual" };
  const next =
    address === undefined
      ? new Request(request.url, init)
      : new Request(address, { ...init, cache: "no-store" });
  return send(next, upstream, timeout, request, failed);
}

/**
 * Sends a request. `received` makes the client's response of the other side's, and `open` watches
 * the body of the request.
 *
 * @param {Request} next
 * @param {Fetcher} fetcher
 * @param {number | undefined} timeout
 * @param {Request} request
 * @param {Failed} failed
 * @param {(response: Response) => Response | Promise<Response>} [received]
 * @param {() => Watch} [open]
 */
function send(next, fetcher, timeout, request, failed, received = (response) => response, open) {
  // GET and HEAD may have a body, but a copy of such a request cannot be created.
  const hasBody = next.body !== null && next.method !== "GET" && next.method !== "HEAD";
  const fetch = hasBody || timeout !== undefined ? new Fetch() : undefined;
  const timer = timeout && setTimeout(() => fetch?.abort(new TimedOut()), timeout);
  /** @param {unknown} error */
  const fail = (error) => {
    clearTimeout(timer);
    return failed(...failureOf(fetch?.reason ?? error), request);
  };
  try {
    const sent = fetch
      ? fetcher.fetch(hasBody ? withBody(next, fetch, open) : next, { signal: fetch.signal })
      : fetcher.fetch(next);
    return sent
      .then((response) => {
        clearTimeout(timer);
        return received(response);
      })
      .catch(fail);
  } catch (error) {
    return fail(error);
  }
}

/**
 * The request, with a body that aborts the fetch if it breaks.
 *
 * The runtime reports a client that aborts and an upstream that does not respond in the same words.
 * And an aborted body must not end, or the upstream would take it for complete. So the stream stays
 * open, and the fetch is aborted.
 *
 * @param {Request} request
 * @param {Fetch} fetch
 * @param {(() => Watch) | undefined} open
 */
function withBody(request, fetch, open) {
  const body = /** @type {ReadableStream} */ (request.body);
  const { readable, writable } = pipe(request.headers.get("Content-Length"));
  const next = new Request(request, { body: readable });
  if (open) {
    const watch = open();
    watch.onEnd((ended) => fetch.abort(ended));
    pump(body, writable, watch, { keepsOpen: true })
      .catch((error) => fetch.abort(error instanceof Ended ? error : new Broken()))
      .finally(() => watch.stop());
  } else {
    body.pipeTo(writable, { preventAbort: true, preventCancel: true }).catch(() => {
      // Only a body that is itself broken fails here.
      const { closed } = body.getReader();
      closed.catch(() => fetch.abort(new Broken()));
    });
  }
  return next;
}

/** A compressed body passes as it is, also through a pump. */
const UNDECODED = { encodeResponseBody: "manual" };
const UNDECODED_AND_UNCACHED = { ...UNDECODED, cache: "no-store" };

/**
 * Builds the forwarded request: to another address if there is one, without the withheld headers,
 * then with the changes; a change without a value removes the header. Method, body and redirect
 * mode are those of the client, which follows redirects itself.
 *
 * Requests to an address pass the platform's cache, which cannot tell callers apart: without the
 * token, the requests of two callers look alike.
 *
 * @param {Request} request
 * @param {string | undefined} address
 * @param {ForwardRules} rules
 * @param {[string, string | undefined][]} changes
 */
function forwarded(request, address, rules, changes) {
  const { withheld, calledAddress, clientAddressNames, clientAddressHeader } = rules;
  const next =
    address === undefined
      ? new Request(request, UNDECODED)
      : new Request(new Request(address, request), UNDECODED_AND_UNCACHED);
  const { headers } = next;
  const { headers: sent } = request;
  for (const name of sent.keys()) {
    if (matches(name, withheld)) headers.delete(name);
  }
  for (const [name, value] of changes) {
    if (value === undefined) headers.delete(name);
    else headers.set(name, value);
  }
  for (const [name, value] of calledAddress) headers.set(name, value);
  const clientAddress = sent.get(clientAddressHeader);
  if (clientAddress !== null && ADDRESS.test(clientAddress)) {
    for (const name of clientAddressNames) headers.set(name, clientAddress);
  }
  return next;
}
