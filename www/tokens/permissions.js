/**
 * The permissions of a token: groups of scopes, a counter, a search; or, where RBAC is off,
 * the banner that there is nothing to choose.
 *
 * A group's own box is on, off or in between. The search only hides, and what it hides is not
 * touched by the buttons for all and none, which say so. What is offered changes
 * with the organizations, so the groups are built again when it does, and only then.
 */

import { banner } from "../shared/banner.js";
import { h, setAttribute, setText } from "../shared/dom.js";
import { icon } from "../shared/icons.js";

/** @typedef {import("../pkg/form.js").FormView} FormView */
/** @typedef {NonNullable<FormView["scopes"]>} Scopes */
/** @typedef {import("../pkg/form.js").GroupView} GroupView */

/**
 * @typedef {object} Events
 * @property {(name: string) => void} toggleScope
 * @property {(name: string) => void} toggleGroup
 * @property {() => void} selectAll
 * @property {() => void} selectNone
 * @property {(text: string) => void} search
 */

/** The part of the form. */
export class Permissions {
  #language;
  #events;
  #counter = h("output", { id: "scopes-counter", class: "counter numbers" });
  #error = h("p", { id: "scopes-error", class: "line", "data-error": true, hidden: true });
  #dropped = h("p", { id: "scopes-dropped", class: "dropped", role: "status", hidden: true });
  #none = h("p", { class: "muted none", hidden: true });
  #list = h("div", { class: "groups" });
  #all;
  #allNot;
  #search;
  #section;
  #off;
  /** @type {Group[]} */
  #groups = [];
  #offered = "";

  /**
   * @param {import("../i18n/language.js").Language} language
   * @param {Events} events
   */
  constructor(language, events) {
    this.#language = language;
    this.#events = events;
    const texts = language.texts.create;
    this.#search = /** @type {HTMLInputElement} */ (
      h("input", {
        id: "scopes-search",
        type: "search",
        class: "input",
        autocomplete: "off",
        placeholder: texts.search,
        "aria-label": texts.search,
        oninput: () => events.search(this.#search.value),
        // Here Enter and Esc are the end of a search, not of the form.
        onkeydown: (/** @type {KeyboardEvent} */ event) => {
          const clears = event.key === "Escape" && this.#search.value !== "";
          if (clears) events.search("");
          if (clears || event.key === "Enter") event.preventDefault();
        },
      })
    );
    const choice = { type: "button", class: "button quiet small" };
    this.#all = h("button", { id: "scopes-all", ...choice, onclick: events.selectAll });
    this.#allNot = h("button", { id: "scopes-none", ...choice, onclick: events.selectNone });
    this.#section = h(
      "section",
      {
        id: "permissions",
        class: "permissions",
        role: "group",
        "aria-labelledby": "permissions-title",
        "aria-describedby": "scopes-error",
      },
      h(
        "div",
        { class: "permissions-head" },
        h("h3", { id: "permissions-title" }, texts.permissions),
        this.#counter,
        h("div", { class: "with-icon" }, icon("search"), this.#search),
        h("div", { class: "both" }, this.#all, this.#allNot),
      ),
      this.#error,
      this.#dropped,
      this.#list,
      this.#none,
    );
    this.#off = banner("info", { id: "rbac-off" }, texts.rbacOff);
    this.element = h("div", {}, this.#section, this.#off);
  }

  /** Puts the focus on the first thing that can be chosen. */
  focus() {
    (this.#list.querySelector("input") ?? this.#search).focus();
  }

  /** @param {Scopes | null} scopes */
  draw(scopes) {
    this.#section.hidden = scopes === null;
    this.#off.hidden = scopes !== null;
    if (scopes === null) return;
    const language = this.#language;
    const texts = language.texts.create;

    const offered = scopes.groups
      .flatMap((group) => group.scopes.map(({ name }) => name))
      .join(" ");
    if (offered !== this.#offered) {
      this.#offered = offered;
      this.#groups = scopes.groups.map((group) => new Group(group, language, this.#events));
      this.#list.replaceChildren(...this.#groups.map(({ element }) => element));
    }
    this.#groups.forEach((group, index) => group.draw(scopes.groups[index]));

    const searching = scopes.search.trim() !== "";
    setText(this.#all, searching ? texts.allShown : texts.all);
    setText(this.#allNot, searching ? texts.noneShown : texts.none);
    setText(this.#counter, texts.selected(scopes.selected, scopes.total));
    if (this.#search.value !== scopes.search) this.#search.value = scopes.search;
    setText(this.#error, scopes.error ? language.message(scopes.error) : "");
    this.#error.hidden = scopes.error === null;
    setAttribute(this.#section, "data-invalid", scopes.error !== null);
    this.#dropped.hidden = scopes.dropped.length === 0;
    const dropped = scopes.dropped.map((label) => language.policy(label));
    setText(this.#dropped, dropped.length ? texts.dropped(language.list(dropped)) : "");
    this.#none.hidden = scopes.groups.some((group) => group.visible);
    setText(this.#none, scopes.groups.length === 0 ? texts.noneOffered : texts.noMatch);
  }
}

/** One group. */
class Group {
  #box;
  #count = h("span", { class: "muted numbers" });
  /** @type {{ box: HTMLInputElement, element: HTMLElement }[]} */
  #scopes;

  /**
   * @param {GroupView} group
   * @param {import("../i18n/language.js").Language} language
   * @param {Events} events
   */
  constructor(group, language, events) {
    const name = language.policy(group.name);
    this.#box = checkbox("group", group.name, () => events.toggleGroup(group.name));
    this.#scopes = group.scopes.map((scope) => {
      const box = checkbox("scope", scope.name, () => events.toggleScope(scope.name));
      const label = language.policy(scope.label);
      const description = language.policy(scope.description);
      const id = `scope-${scope.name.replace(":", "-")}`;
      setAttribute(box, "aria-describedby", id);
      return {
        box,
        element: h(
          "div",
          { class: "scope" },
          h("label", { title: scope.name }, box, h("span", {}, label)),
          h("p", { id, class: "muted" }, description),
        ),
      };
    });
    this.element = h(
      "div",
      {
        class: "group",
        role: "group",
        "aria-label": name,
        "data-group": group.name,
        "data-color": group.color,
      },
      h(
        "div",
        { class: "group-head" },
        h("label", {}, this.#box, h("span", { class: "dot" }), h("span", {}, name)),
        this.#count,
      ),
      h(
        "div",
        { class: "scopes" },
        this.#scopes.map(({ element }) => element),
      ),
    );
  }

  /** @param {GroupView} group */
  draw(group) {
    this.#box.checked = group.state === "all";
    this.#box.indeterminate = group.state === "some";
    setAttribute(this.element, "data-state", group.state);
    setText(this.#count, `${group.selected} / ${group.total}`);
    group.scopes.forEach((scope, index) => {
      const { box, element } = this.#scopes[index];
      box.checked = scope.selected;
      element.hidden = !scope.visible;
    });
    this.element.hidden = !group.visible;
  }
}

/**
 * @param {string} name
 * @param {string} value
 * @param {() => void} onchange
 * @returns {HTMLInputElement}
 */
function checkbox(name, value, onchange) {
  const attributes = { type: "checkbox", name, value, autocomplete: "off", onchange };
  return /** @type {HTMLInputElement} */ (h("input", attributes));
}
