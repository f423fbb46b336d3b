// Called from Rust: to change headers one by one would cross over for each of them.

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
 * @param {string[]} withheld
 * @param {[string, string | undefined][]} changes
 */
export function forwarded(request, address, withheld, changes) {
  const next =
    address === undefined
      ? new Request(request)
      : new Request(new Request(address, request), { cache: "no-store" });
  const { headers } = next;
  for (const name of withheld) headers.delete(name);
  for (const [name, value] of changes) {
    if (value === undefined) headers.delete(name);
    else headers.set(name, value);
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
 * The answer, or what is made of the error.
 *
 * @param {Promise<Response>} answer
 * @param {(error: unknown) => Response} failed
 */
export const orElse = (answer, failed) => answer.catch(failed);
