/**
 * A button with a busy state.
 *
 * While busy, it keeps its position, width and focus, shows a spinner and ignores clicks.
 */

import { h, setAttribute } from "./dom.js";

/**
 * @param {string} label
 * @param {Record<string, unknown>} attributes As for `h`; `onclick` is not called while busy.
 * @returns {{ element: HTMLElement, setBusy: (label: string | null) => void }} `setBusy` makes the
 *   button busy with another label; null ends that.
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
    setBusy(busyLabel) {
      const busy = busyLabel !== null;
      setAttribute(element, "aria-disabled", busy && "true");
      spinner.hidden = !busy;
      text.textContent = busyLabel ?? label;
    },
  };
}
