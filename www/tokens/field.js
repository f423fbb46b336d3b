/**
 * A labeled field with a line below it that shows a hint or an error.
 *
 * An error replaces the hint without moving anything. Otherwise a click on the next control could
 * miss it.
 */

import { h, setAttribute, setText } from "../shared/dom.js";

let count = 0;

/**
 * @typedef {object} Options
 * @property {string} label
 * @property {string} hint
 * @property {HTMLElement} control The element that the label and the line belong to.
 * @property {HTMLElement} [wrapper] An element around the control.
 * @property {boolean} [group] Whether the control is a group of controls.
 * @property {HTMLElement} [aside] Shown to the right of the label.
 * @property {string} [describedBy] The id of another description.
 */

/** A field of a form. */
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
    const isInput = control instanceof HTMLInputElement || control instanceof HTMLSelectElement;
    const name = isInput
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
    // ARIA does not allow it on a group; there, the description has the error.
    if (this.#control.matches("input, select")) {
      setAttribute(this.#control, "aria-invalid", error !== null && "true");
    }
  }
}
