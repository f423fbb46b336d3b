// Called from Rust. Building these objects piece by piece would cross the boundary for each piece.

/**
 * Pairs names with values, leaving out names without a value. A value is a line after `=`; a line
 * without `=` means no value.
 *
 * @param {string[]} names
 * @param {string} lines
 * @returns {[string, string][]}
 */
export function pairs(names, lines) {
  /** @type {[string, string][]} */
  const all = [];
  const values = lines.split("\n");
  names.forEach((name, at) => {
    const value = values[at];
    if (value) all.push([name, value.slice(1)]);
  });
  return all;
}

/**
 * The forward-auth response. It is valid for this request only, so it must not be cached. The status
 * is 200, because Envoy takes no other for a yes.
 *
 * @param {[string, string][]} headers
 */
export function respond(headers) {
  return new Response(null, { status: 200, headers: [...headers, ["Cache-Control", "no-store"]] });
}
