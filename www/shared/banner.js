/**
 * Something to know, in a box with an icon.
 */

import { h } from "./dom.js";
import { icon } from "./icons.js";

/**
 * @param {"info" | "warning" | "danger" | "success"} kind
 * @param {Record<string, unknown>} attributes
 * @param {...import("./dom.js").Child} content
 * @returns {HTMLElement}
 */
export function banner(kind, attributes, ...content) {
  const sign = { info: "info", warning: "warning", danger: "warning", success: "check" }[kind];
  return h("div", { class: `banner ${kind}`, ...attributes }, icon(sign), h("div", {}, ...content));
}
