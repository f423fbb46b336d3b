// Called from Rust: to look at headers and to change them one by one would cross over for each.

/** What is neither a letter nor a digit: some servers take all of these for the same sign. */
const SIGNS = /[^a-z0-9]/g;

/** A sign in a name for which some servers take a hyphen. */
const OTHER_SIGN = /[^a-z0-9-]/;

/** One address: two headers are joined by a comma. */
const ADDRESS = /^[0-9A-Fa-f.:]+$/;

/** The longest name that is looked for, and one more. */
const LENGTHS = 64;

/** The shape of a name: its first letter and its length, which no other sign in it changes. */
const shapeOf = (name) => name.charCodeAt(0) * LENGTHS + name.length;

/**
 * Names of headers to look for; the lookalikes not in their own spelling. By its shape nearly every
 * other name is known to be none of them, which takes less than to compare it.
 *
 * @param {string[]} any
 * @param {string[]} lookalikes
 */
export function names(any, lookalikes) {
  const all = [...any, ...lookalikes];
  const shapes = new Uint8Array(128 * LENGTHS);
  for (const name of all) shapes[shapeOf(name)] = 1;
  return { shapes, any: new Set(any), inOtherSpelling: new Set(all) };
}

/**
 * Headers give their names in small letters.
 *
 * @param {string} name
 * @param {ReturnType<typeof names>} names
 */
function isAmong(name, { shapes, any, inOtherSpelling }) {
  if (name.length >= LENGTHS || shapes[shapeOf(name)] === 0) return false;
  return OTHER_SIGN.test(name) ? inOtherSpelling.has(name.replace(SIGNS, "-")) : any.has(name);
}

/**
 * The first of the names that a header has, as it was looked for.
 *
 * @param {Headers} headers
 * @param {ReturnType<typeof names>} names
 */
export function find(headers, names) {
  for (const name of headers.keys()) {
    if (isAmong(name, names)) return name.replace(SIGNS, "-");
  }
  return undefined;
}

/**
 * What is the same for every request that goes on: the headers that are withheld, those that say
 * to which address it came, those that say from which, and the header that this is known from.
 *
 * @param {ReturnType<typeof names>} withheld
 * @param {[string, string][]} to
 * @param {string[]} from
 * @param {string} client
 */
export function rules(withheld, to, from, client) {
  return { withheld, to, from, client };
}

/**
 * The request as it goes on: to another address if there is one, without the headers that are
 * withheld, and then with the changes; no value takes a header away. Method, body and redirects,
 * which are the client's to follow, go along.
 *
 * On the way to an address lies the platform's cache, which knows nothing of who calls: without
 * the token, two callers' requests look alike.
 *
 * @param {Request} request
 * @param {string | undefined} address
 * @param {ReturnType<typeof rules>} rules
 * @param {[string, string | undefined][]} changes
 */
export function forwarded(request, address, { withheld, to, from, client }, changes) {
  const next =
    address === undefined
      ? new Request(request)
      : new Request(new Request(address, request), { cache: "no-store" });
  const { headers } = next;
  const { headers: sent } = request;
  for (const name of sent.keys()) {
    if (isAmong(name, withheld)) headers.delete(name);
  }
  for (const [name, value] of changes) {
    if (value === undefined) headers.delete(name);
    else headers.set(name, value);
  }
  for (const [name, value] of to) headers.set(name, value);
  const told = sent.get(client);
  if (told !== null && ADDRESS.test(told)) {
    for (const name of from) headers.set(name, told);
  }
  return watched(next);
}

const BROKEN = "the client's body broke off";

/** What a fetch fails with that was given up because its own client broke off. */
export const broken = () => BROKEN;

/**
 * The request, or one like it whose body is watched: the runtime says the same when a client
 * breaks off and when nobody answers. The body must not end where the client broke off, or it
 * would pass for a whole one: so the stream is left open, and the fetch is given up.
 *
 * @param {Request} request
 */
export function watched(request) {
  const { body, method } = request;
  // Who sends a body with these gets it through; nobody can make such a request anew.
  if (body === null || method === "GET" || method === "HEAD") return request;
  const length = request.headers.get("Content-Length");
  const { readable, writable } =
    length === null ? new IdentityTransformStream() : new FixedLengthStream(Number(length));
  const giveUp = new AbortController();
  const next = new Request(request, { body: readable, signal: giveUp.signal });
  body.pipeTo(writable, { preventAbort: true, preventCancel: true }).catch(() => {
    // Only a body that is broken itself fails here.
    const { closed } = body.getReader();
    closed.catch(() => giveUp.abort(new Error(BROKEN)));
  });
  return next;
}

/**
 * A preflight as it goes on: a new request with nothing of the client's but its path and these
 * headers.
 *
 * @param {Request} request
 * @param {string | undefined} address
 * @param {string[]} names
 */
export function preflight(request, address, names) {
  const { headers: sent } = request;
  const headers = names.map((name) => [name, sent.get(name)]).filter(([, value]) => value !== null);
  const init = { method: "OPTIONS", headers, redirect: "manual" };
  return address === undefined
    ? new Request(request.url, init)
    : new Request(address, { ...init, cache: "no-store" });
}

/**
 * The answer, or what is made of the error.
 *
 * @param {Promise<Response>} answer
 * @param {(error: unknown) => Response} failed
 */
export const orElse = (answer, failed) => answer.catch(failed);
