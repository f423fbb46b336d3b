/**
 * A labelled field with one line below it: a hint, or in its place the error.
 *
 * A field with a hint has the line always, so nothing moves when an error comes while the user
 * is on the way to the next control.
 */

import { h, setAttribute, setText } from "../shared/dom.js";

let count = 0;

/**
 * @typedef {object} Options
 * @property {string} label
 * @property {string} hint
 * @property {HTMLElement} control What has the error.
 * @property {HTMLElement} [wrapper] What stands in the page, if that is not the control itself.
 * @property {boolean} [group] The control is several ones.
 * @property {HTMLElement} [aside] To the right of the label.
 * @property {string} [describedBy] The id of one more description.
 */

/** One field. */
export class Field {
  #line;
  #control;

  /** @param {Options} options */
  constructor({ label, hint, control, wrapper = control, group = false, aside, describedBy }) {
    const id = control.id || `field-${(count += 1)}`;
    const lineId = `${id}-line`;
    this.hint = hint;
    this.#control = control;
    this.#line = h("p", { class: "line", id: lineId }, hint);
    const labelled = control instanceof HTMLInputElement || control instanceof HTMLSelectElement;
    const name = labelled
      ? h("label", { class: "label", for: id }, label)
      : h("span", { class: "label", id: `${id}-label` }, label);
    setAttribute(control, "aria-describedby", [lineId, describedBy].filter(Boolean).join(" "));
    if (group) {
      setAttribute(control, "role", "group");
      setAttribute(control, "aria-labelledby", `${id}-label`);
    }
    this.element = h(
      "div",
      { class: "field" },
      h("div", { class: "field-head" }, name, aside),
      wrapper,
      this.#line,
    );
  }

  /** @param {string | null} error */
  draw(error) {
    const line = error ?? this.hint;
    setText(this.#line, line);
    this.#line.hidden = line === "";
    setAttribute(this.#line, "data-error", error !== null);
    setAttribute(this.element, "data-invalid", error !== null);
    // On a group it would not be valid; there the description says it.
    if (this.#control.matches("input, select")) {
      setAttribute(this.#control, "aria-invalid", error !== null && "true");
    }
  }
}
