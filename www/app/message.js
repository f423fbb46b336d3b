/**
 * A view that has only something to say, and one way on.
 */

import { h } from "../shared/dom.js";

/**
 * @param {string} title
 * @param {string} text
 * @param {Node} action
 * @param {boolean} [alone] Is there no shell around it?
 * @returns {import("./main.js").View}
 */
export function messageView(title, text, action, alone = false) {
  const element = h(
    alone ? "main" : "div",
    { class: alone ? "alone" : "view" },
    h("div", { class: "message" }, h("h1", {}, title), h("p", { class: "muted" }, text), action),
  );
  return { title, element };
}
