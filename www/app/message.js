/**
 * A view with a message and one action.
 */

import { h } from "../shared/dom.js";

/**
 * @param {string} title
 * @param {string} text
 * @param {Node} action
 * @param {boolean} [alone] Whether it is shown without the shell.
 * @param {HTMLElement | null} [notice] Shown above the message.
 * @returns {import("./main.js").View}
 */
export function messageView(title, text, action, alone = false, notice = null) {
  const element = h(
    alone ? "main" : "div",
    { class: alone ? "alone" : "view" },
    h(
      "div",
      { class: "message" },
      notice,
      h("h1", {}, title),
      h("p", { class: "muted" }, text),
      action,
    ),
  );
  return { title, element };
}
