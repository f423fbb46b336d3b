// Called from Rust. Reading and changing headers one by one would cross the boundary for each.

/** Neither a letter nor a digit. Some servers treat all of these as the same character. */
const PUNCTUATION = /[^a-z0-9]/g;

/** A character that some servers treat as a hyphen. */
const LIKE_A_HYPHEN = /[^a-z0-9-]/;

/** One address. Two headers are joined by a comma. */
const ADDRESS = /^[0-9A-Fa-f.:]+$/;

/** One more than the length of the longest name that is looked for. */
const LENGTHS = 64;

/**
 * First letter and length of a name, which do not depend on its punctuation.
 *
 * @param {string} name
 */
const shapeOf = (name) => name.charCodeAt(0) * LENGTHS + name.length;

/**
 * @typedef {{ shapes: Uint8Array, any: Set<string>, inOtherSpelling: Set<string> }} NameFilter
 * @typedef {{
 *   withheld: NameFilter,
 *   calledAddress: [string, string][],
 *   clientAddressNames: string[],
 *   clientAddressHeader: string,
 * }} ForwardRules
 */

/**
 * Prepares names to look for: those in `any` in every spelling, those in `lookalikes` in every
 * spelling but their own. A name's shape rules out nearly all others, which is cheaper than
 * comparing them.
 *
 * @param {string[]} any
 * @param {string[]} lookalikes
 * @returns {NameFilter}
 */
export function nameFilter(any, lookalikes) {
  const all = [...any, ...lookalikes];
  const shapes = new Uint8Array(128 * LENGTHS);
  for (const name of all) shapes[shapeOf(name)] = 1;
  return { shapes, any: new Set(any), inOtherSpelling: new Set(all) };
}

/**
 * `Headers` lists names in lower case.
 *
 * @param {string} name
 * @param {NameFilter} names
 */
function matches(name, { shapes, any, inOtherSpelling }) {
  if (name.length >= LENGTHS || shapes[shapeOf(name)] === 0) return false;
  return LIKE_A_HYPHEN.test(name)
    ? inOtherSpelling.has(name.replace(PUNCTUATION, "-"))
    : any.has(name);
}

/**
 * Returns the first matching name, in its usual punctuation.
 *
 * @param {Headers} headers
 * @param {NameFilter} names
 */
export function findName(headers, names) {
  for (const name of headers.keys()) {
    if (matches(name, names)) return name.replace(PUNCTUATION, "-");
  }
  return undefined;
}

/**
 * The rules that all forwarded requests share: the headers to withhold, those that pass on the
 * requested host, those that pass on the client's address, and the header that the address is read
 * from.
 *
 * @param {NameFilter} withheld
 * @param {[string, string][]} calledAddress
 * @param {string[]} clientAddressNames
 * @param {string} clientAddressHeader
 * @returns {ForwardRules}
 */
export function forwardRules(withheld, calledAddress, clientAddressNames, clientAddressHeader) {
  return { withheld, calledAddress, clientAddressNames, clientAddressHeader };
}

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
export function forwarded(request, address, rules, changes) {
  const { withheld, calledAddress, clientAddressNames, clientAddressHeader } = rules;
  const next =
    address === undefined
      ? new Request(request)
      : new Request(new Request(address, request), { cache: "no-store" });
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
  return watched(next);
}

const BROKEN = "the client aborted the request body";

/** The message of the error for a request whose client aborted its body. */
export const broken = () => BROKEN;

/**
 * Returns the request, or a copy whose body is watched.
 *
 * The runtime reports a client that aborts and an upstream that does not respond in the same words.
 * An aborted body must not end, or the upstream would take it for complete. So the stream stays
 * open and the fetch is aborted.
 *
 * @param {Request} request
 */
export function watched(request) {
  const { body, method } = request;
  // GET and HEAD may have a body, but a copy of such a request cannot be created.
  if (body === null || method === "GET" || method === "HEAD") return request;
  const length = request.headers.get("Content-Length");
  const { readable, writable } =
    length === null ? new IdentityTransformStream() : new FixedLengthStream(Number(length));
  const abort = new AbortController();
  const next = new Request(request, { body: readable, signal: abort.signal });
  body.pipeTo(writable, { preventAbort: true, preventCancel: true }).catch(() => {
    // Only a body that is itself broken fails here.
    const { closed } = body.getReader();
    closed.catch(() => abort.abort(new Error(BROKEN)));
  });
  return next;
}

/**
 * Builds the forwarded preflight: a new request with nothing of the client's but its path and
 * these headers.
 *
 * @param {Request} request
 * @param {string | undefined} address
 * @param {string[]} names
 */
export function preflight(request, address, names) {
  const { headers: sent } = request;
  /** @type {[string, string][]} */
  const headers = [];
  for (const name of names) {
    const value = sent.get(name);
    if (value !== null) headers.push([name, value]);
  }
  /** @type {RequestInit} */
  const init = { method: "OPTIONS", headers, redirect: "manual" };
  return address === undefined
    ? new Request(request.url, init)
    : new Request(address, { ...init, cache: "no-store" });
}

/**
 * Returns the response, or the one that `failed` creates from the error.
 *
 * @param {Promise<Response>} response
 * @param {(error: unknown) => Response} failed
 */
export const orElse = (response, failed) => response.catch(failed);
