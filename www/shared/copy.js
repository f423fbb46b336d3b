/**
 * A button that copies a text to the clipboard.
 *
 * Browsers may deny that, and over plain http or in a frame without permission there is no clipboard
 * at all. Then a sentence says so, and the text is selected for the user to copy. What is copied comes
 * from a variable: a translation may have changed what the page shows.
 */

import { h, setAttribute, setText } from "./dom.js";
import { icon } from "./icons.js";

/** How long a button says "Copied", in ms. */
const FEEDBACK_TIME = 2500;

/**
 * @typedef {object} Options
 * @property {string} id
 * @property {string} kind More classes of the button.
 * @property {{ copy: string, copied: string }} texts
 * @property {string} name What the button does, for screen readers.
 * @property {() => string} text What it copies.
 * @property {string} done What is announced then.
 * @property {string} failed What is shown and announced if that fails.
 * @property {() => void} select Selects the text on the page.
 * @property {(text: string) => void} announce
 * @property {(text: string) => void} oncopied
 */

/**
 * @param {Options} options
 * @returns {{ element: HTMLElement, failure: HTMLElement }} The button, and the sentence that appears if
 *   it fails.
 */
export function copyButton({ id, kind, texts, name, announce, ...options }) {
  const label = h("span", {}, texts.copy);
  const sign = h("span", { class: "sign" }, icon("copy"));
  const failure = h("p", { id: `${id}-failed`, class: "line", "data-error": true, hidden: true });
  let timer = 0;
  const setCopied = (/** @type {boolean} */ copied) => {
    setText(label, copied ? texts.copied : texts.copy);
    setAttribute(element, "aria-label", copied ? `${texts.copied}. ${name}` : name);
    sign.replaceChildren(icon(copied ? "check" : "copy"));
    setAttribute(element, "data-state", copied && "copied");
  };
  const element = h(
    "button",
    {
      id,
      type: "button",
      class: `button copy ${kind}`,
      "aria-label": name,
      onclick: async () => {
        const text = options.text();
        const done = await write(text);
        failure.hidden = done;
        setText(failure, done ? "" : options.failed);
        announce(done ? options.done : options.failed);
        clearTimeout(timer);
        setCopied(done);
        if (done) {
          options.oncopied(text);
          timer = setTimeout(() => setCopied(false), FEEDBACK_TIME);
        } else {
          options.select();
          failure.scrollIntoView({ block: "nearest" });
        }
      },
    },
    sign,
    label,
  );
  return { element, failure };
}

/**
 * @param {string} text
 * @returns {Promise<boolean>} Whether the clipboard has it now.
 */
async function write(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
