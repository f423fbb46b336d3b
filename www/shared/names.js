/**
 * Names and other texts that users, operators and providers wrote, inside texts of ours.
 *
 * A name may be written from right to left, or contain characters that turn the text after it around
 * (UAX #9). So it is isolated wherever it stands: as an element of its own, or by control characters
 * where only text is possible. It is not translated either: it must be found again as it is.
 */

import { h } from "./dom.js";

/** @typedef {import("./dom.js").Child} Child */

/** First strong isolate, and its end. */
const [FSI, PDI] = ["\u2068", "\u2069"];

/** Nothing before the Hebrew block is written from right to left or turns a text around. */
const MAY_TURN = /[\u0590-\u{10ffff}]/u;

/** The attributes of what a browser's translation must leave alone. */
export const VERBATIM = { translate: "no", class: "notranslate" };

/**
 * A name in an attribute, or in a text that becomes part of another.
 *
 * @param {string} name
 */
export function isolate(name) {
  const own = contained(name);
  return MAY_TURN.test(own) ? FSI + own + PDI : own;
}

/**
 * A name as an element.
 *
 * @param {string} name
 * @param {Record<string, unknown>} [attributes]
 */
export function named(name, attributes = {}) {
  return h("bdi", { ...VERBATIM, ...attributes }, contained(name));
}

/**
 * A sentence with a name in it.
 *
 * @param {(name: string) => string} text
 * @param {string} name
 * @returns {Child[]}
 */
export function sentence(text, name) {
  // No text of ours contains it.
  const [before, ...after] = text("\0").split("\0");
  return [before, ...after.flatMap((part) => [named(name), part])];
}

/**
 * Names with a separator between them.
 *
 * @param {readonly string[]} names
 * @returns {Child[]}
 */
export const listed = (names) =>
  names.flatMap((name, index) => (index === 0 ? [named(name)] : [", ", named(name)]));

/**
 * Keeps a name from ending its own isolation: ends what it leaves open, drops ends of what it has not
 * begun, and replaces paragraph breaks, which end everything.
 *
 * @param {string} name
 */
function contained(name) {
  let depth = 0;
  let text = "";
  for (const character of name) {
    if (/[\u2066-\u2068]/.test(character)) depth += 1;
    if (character === PDI) {
      if (depth === 0) continue;
      depth -= 1;
    }
    text += /[\p{Cc}\u2029]/u.test(character) ? " " : character;
  }
  return text + PDI.repeat(depth);
}
