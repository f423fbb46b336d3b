/**
 * A box with an icon for a notice.
 */

import { h } from "./dom.js";
import { icon } from "./icons.js";

/** @satisfies {Record<string, import("./icons.js").IconName>} */
const ICONS = { info: "info", warning: "warning", danger: "warning", success: "check" };

/**
 * @param {keyof typeof ICONS} kind
 * @param {Record<string, unknown>} attributes
 * @param {...import("./dom.js").Child} content
 * @returns {HTMLElement}
 */
export function banner(kind, attributes, ...content) {
  return h(
    "div",
    { class: `banner ${kind}`, ...attributes },
    icon(ICONS[kind]),
    h("div", {}, ...content),
  );
}
