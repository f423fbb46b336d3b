/**
 * The view that shows a new token once.
 *
 * The token is in two elements of this view and in two variables, because a translation may change the
 * elements. `forget` empties all four; the dialog calls it when it closes. The token is never stored or
 * logged.
 */

import { banner } from "../shared/banner.js";
import { copyButton } from "../shared/copy.js";
import { h } from "../shared/dom.js";
import { sentence, VERBATIM } from "../shared/names.js";
import { exampleCommand } from "./example.js";

/**
 * @typedef {object} Options
 * @property {import("../i18n/language.js").Language} language
 * @property {import("../shared/api.js").Api} api
 * @property {import("../shared/api.js").TokenRecord} record
 * @property {string} token
 * @property {(text: string) => void} announce
 * @property {() => void} onclose
 */

/** The view that shows a new token. */
export class CreatedView {
  #token;
  #command;
  #copied = false;
  #field;
  #example;
  #copyToken;

  /** @param {Options} options */
  constructor({ language, api, record, token, announce, onclose }) {
    const texts = language.texts.created;
    const oncopied = (/** @type {string} */ text) => this.#noteCopied(text);
    this.#token = token;
    this.#command = exampleCommand(api, record, token);
    this.#field = h("input", {
      ...VERBATIM,
      id: "created-token",
      class: "input mono notranslate",
      readonly: true,
      autocomplete: "off",
      spellcheck: "false",
      "aria-describedby": "created-once",
      onfocus: () => this.#field.select(),
      // The user selected and copied text without the button.
      oncopy: () => {
        const { selectionStart, selectionEnd, value } = this.#field;
        this.#noteCopied(value.slice(selectionStart ?? 0, selectionEnd ?? 0));
      },
    });
    this.#field.value = token;
    this.#example = h("code", VERBATIM, this.#command);
    this.#copyToken = copyButton({
      id: "copy-token",
      kind: "primary",
      texts,
      name: texts.copyToken,
      text: () => this.#token,
      done: texts.tokenCopied,
      failed: texts.copyTokenFailed,
      select: () => {
        this.#field.focus();
        this.#field.select();
      },
      announce,
      oncopied,
    });
    const command = h(
      "pre",
      // It scrolls, so keyboard users must be able to focus it.
      {
        ...VERBATIM,
        id: "example",
        class: "command notranslate",
        tabindex: "0",
        role: "region",
        "aria-labelledby": "example-title",
        oncopy: () => this.#noteCopied(this.#selectedText()),
      },
      this.#example,
    );
    const copyExample = copyButton({
      id: "copy-example",
      kind: "quiet small",
      texts,
      name: texts.copyExample,
      text: () => this.#command,
      done: texts.exampleCopied,
      failed: texts.copyExampleFailed,
      select: () => {
        command.focus();
        getSelection()?.selectAllChildren(this.#example);
      },
      announce,
      oncopied,
    });
    this.elements = [
      h("header", { class: "dialog-head" }, h("h2", { id: "created-title" }, texts.title)),
      h(
        "div",
        { class: "dialog-body" },
        h("p", { class: "truncate", title: record.name }, ...sentence(texts.lead, record.name)),
        banner(
          "warning",
          { id: "created-once" },
          h("strong", {}, texts.once),
          h("p", {}, texts.onceDetail),
        ),
        h(
          "div",
          { class: "field" },
          h("label", { class: "label", for: "created-token" }, texts.token),
          h("div", { class: "copyable" }, this.#field, this.#copyToken.element),
          this.#copyToken.failure,
        ),
        h(
          "div",
          { class: "field" },
          h(
            "div",
            { class: "field-head" },
            h("h3", { id: "example-title" }, texts.example),
            copyExample.element,
          ),
          command,
          copyExample.failure,
        ),
      ),
      h(
        "footer",
        { class: "dialog-foot" },
        h(
          "button",
          { id: "created-done", type: "button", class: "button", onclick: onclose },
          texts.done,
        ),
      ),
    ];
  }

  /** Whether the user has copied the token in any way. */
  get copied() {
    return this.#copied;
  }

  /** Focuses the button that copies the token. */
  focus() {
    this.#copyToken.element.focus();
  }

  /** Removes the token from the document and from memory. */
  forget() {
    this.#token = "";
    this.#command = "";
    this.#field.value = "";
    this.#field.defaultValue = "";
    this.#example.textContent = "";
  }

  /** Only some browsers have `getSelection` on shadow roots; others do not see into them. */
  #selectedText() {
    const root = /** @type {Document} */ (this.#example.getRootNode());
    return String(root.getSelection?.() ?? getSelection());
  }

  /** Notes a copy of the whole token; a part of it is of no use. @param {string} text */
  #noteCopied(text) {
    this.#copied ||= this.#token !== "" && text.includes(this.#token);
  }
}
