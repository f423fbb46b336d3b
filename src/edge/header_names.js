// Looks for header names in any punctuation. Called from Rust: passing all names of a request there
// costs more than checking it.

/** Neither a letter nor a digit. Some servers treat all of these as the same character. */
const PUNCTUATION = /[^a-z0-9]/g;

/** A character that some servers treat as a hyphen. */
const LIKE_A_HYPHEN = /[^a-z0-9-]/;

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
export function matches(name, { shapes, any, inOtherSpelling }) {
  if (name.length >= LENGTHS || shapes[shapeOf(name)] === 0) return false;
  return LIKE_A_HYPHEN.test(name)
    ? inOtherSpelling.has(name.replace(PUNCTUATION, "-"))
    : any.has(name);
}

/**
 * Returns the first matching header name, in its usual punctuation.
 *
 * @param {Request} request
 * @param {NameFilter} names
 */
export function findName({ headers }, names) {
  for (const name of headers.keys()) {
    if (matches(name, names)) return name.replace(PUNCTUATION, "-");
  }
  return undefined;
}
