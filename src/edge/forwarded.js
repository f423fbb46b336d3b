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
  return next;
}
