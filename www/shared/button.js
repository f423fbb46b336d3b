/**
 * A button that can be busy.
 *
 * While it is, it keeps its place, its width and the focus, shows that something is going on,
 * and does nothing when pressed.
 */

import { h, setAttribute } from "./dom.js";

/**
 * @param {string} label
 * @param {Record<string, unknown>} attributes As for `h`; `onclick` is not called while busy.
 * @returns {{ element: HTMLElement, busy: (label: string | null) => void }} `busy` shows another
 *   label while something is going on, and null ends that.
 */
export function button(label, { onclick, ...attributes }) {
  const text = h("span", {}, label);
  const spinner = h("span", { class: "spinner", hidden: true });
  const element = h(
    "button",
    {
      type: "button",
      ...attributes,
      onclick: (/** @type {Event} */ event) => {
        if (element.ariaDisabled === "true") event.preventDefault();
        else if (typeof onclick === "function") onclick(event);
      },
    },
    spinner,
    text,
  );
  return {
    element,
    busy(busyLabel) {
      const busy = busyLabel !== null;
      setAttribute(element, "aria-disabled", busy && "true");
      spinner.hidden = !busy;
      text.textContent = busyLabel ?? label;
    },
  };
}
