// Called from Rust: to make these piece by piece would cross over for each of them.

/**
 * Pairs of name and value, for those names that have one. Each value is a line behind `=`; a line
 * without that is none.
 *
 * @param {string[]} names
 * @param {string} lines
 */
export function pairs(names, lines) {
  const all = [];
  const values = lines.split("\n");
  for (let at = 0; at < names.length; at++) {
    if (values[at] !== "") all.push([names[at], values[at].slice(1)]);
  }
  return all;
}

/**
 * The answer that tells them: to this request and to no other.
 *
 * @param {[string, string][]} headers
 */
export function respond(headers) {
  return new Response(null, { status: 204, headers: [...headers, ["Cache-Control", "no-store"]] });
}
