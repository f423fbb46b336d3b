/**
 * Where a token works: a checkbox for each organization, or the name of the only one.
 *
 * The organizations change if another user signs in while the form is open. Only then are the
 * checkboxes built again.
 */

import { h } from "../shared/dom.js";
import { listed, named } from "../shared/names.js";
import { Field } from "./field.js";

/** @typedef {import("../pkg/form.js").FormView["organizations"]} View */

/** The organizations field of the form. */
export class Organizations {
  #language;
  #onchange;
  /** The choices for which the field was built, as JSON. */
  #builtFor = "";
  /** @type {Field | null} */
  #field = null;
  /** @type {Map<string, HTMLInputElement>} */
  #boxes = new Map();

  element = h("div");

  /**
   * @param {import("../i18n/language.js").Language} language
   * @param {(id: string, chosen: boolean) => void} onchange
   */
  constructor(language, onchange) {
    this.#language = language;
    this.#onchange = onchange;
  }

  focus() {
    this.#boxes.values().next().value?.focus();
  }

  /**
   * @param {View} view
   * @param {string | null} error
   */
  draw({ several, choices }, error) {
    const key = JSON.stringify(choices.map(({ id, name, roles }) => [id, name, roles]));
    if (key !== this.#builtFor || !this.#field) {
      this.#builtFor = key;
      this.#field = this.#build(several, choices);
      this.element.replaceChildren(this.#field.element);
    }
    for (const { id, chosen } of choices) {
      const box = this.#boxes.get(id);
      if (box) box.checked = chosen;
    }
    this.#field.draw(error);
  }

  /**
   * @param {boolean} several
   * @param {View["choices"]} choices
   */
  #build(several, choices) {
    const texts = this.#language.texts.create;
    this.#boxes.clear();
    const boxes = () => choices.map((choice) => this.#choice(choice));
    return new Field({
      label: texts.organizations,
      hint: several ? texts.organizationsHint : "",
      control: several
        ? h("div", { id: "token-organizations", class: "choices" }, boxes())
        : h("p", { id: "token-organizations" }, listed(choices.map(({ name }) => name))),
      group: several,
    });
  }

  /** @param {View["choices"][number]} choice */
  #choice({ id, name, roles }) {
    const language = this.#language;
    const box = h("input", {
      type: "checkbox",
      name: "organization",
      value: id,
      autocomplete: "off",
      onchange: () => this.#onchange(id, box.checked),
    });
    this.#boxes.set(id, box);
    const role = language.list(roles.map((role) => language.policy(role)));
    return h("label", { class: "choice" }, box, named(name), h("span", { class: "muted" }, role));
  }
}
