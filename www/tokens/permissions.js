/**
 * The permissions of a token: groups of scopes with a counter and a search, or a banner if RBAC is
 * off.
 *
 * The search hides scopes. The buttons to select and clear all leave hidden scopes alone, and their
 * labels say so. The organizations determine which scopes are offered, so the groups are built again
 * if these change, and only then.
 */

import { banner } from "../shared/banner.js";
import { h, setAttribute, setText } from "../shared/dom.js";
import { icon } from "../shared/icons.js";

/** @typedef {import("../pkg/form.js").FormView} FormView */
/** @typedef {NonNullable<FormView["scopes"]>} ScopesView */
/** @typedef {import("../pkg/form.js").GroupView} GroupView */

/**
 * @typedef {object} Events
 * @property {(name: string) => void} toggleScope
 * @property {(name: string) => void} toggleGroup
 * @property {() => void} selectAll
 * @property {() => void} selectNone
 * @property {(text: string) => void} search
 */

/** The permissions field of the form. */
export class Permissions {
  #language;
  #events;
  #counter = h("output", { id: "scopes-counter", class: "counter numbers" });
  #error = h("p", { id: "scopes-error", class: "line", "data-error": true, hidden: true });
  #dropped = h("p", { id: "scopes-dropped", class: "dropped", role: "status", hidden: true });
  #none = h("p", { class: "muted none", hidden: true });
  #list = h("div", { class: "groups" });
  #selectAll;
  #selectNone;
  #search;
  #section;
  #rbacOff;
  /** @type {Group[]} */
  #groups = [];
  /** The scopes for which the groups were built. */
  #builtFor = "";

  /**
   * @param {import("../i18n/language.js").Language} language
   * @param {Events} events
   */
  constructor(language, events) {
    this.#language = language;
    this.#events = events;
    const texts = language.texts.create;
    this.#search = h("input", {
      id: "scopes-search",
      type: "search",
      class: "input",
      autocomplete: "off",
      placeholder: texts.search,
      "aria-label": texts.search,
      oninput: () => events.search(this.#search.value),
      // Enter and Esc end the search; they must not submit or close the form.
      onkeydown: (/** @type {KeyboardEvent} */ event) => {
        const clears = event.key === "Escape" && this.#search.value !== "";
        if (clears) events.search("");
        if (clears || event.key === "Enter") event.preventDefault();
      },
    });
    const attributes = { type: "button", class: "button quiet small" };
    this.#selectAll = h("button", { id: "scopes-all", ...attributes, onclick: events.selectAll });
    this.#selectNone = h("button", {
      id: "scopes-none",
      ...attributes,
      onclick: events.selectNone,
    });
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
        h("div", { class: "both" }, this.#selectAll, this.#selectNone),
      ),
      this.#error,
      this.#dropped,
      this.#list,
      this.#none,
    );
    this.#rbacOff = banner("info", { id: "rbac-off" }, texts.rbacOff);
    this.element = h("div", {}, this.#section, this.#rbacOff);
  }

  /** Focuses the first checkbox. */
  focus() {
    (this.#list.querySelector("input") ?? this.#search).focus();
  }

  /** @param {ScopesView | null} scopes */
  draw(scopes) {
    this.#section.hidden = scopes === null;
    this.#rbacOff.hidden = scopes !== null;
    if (scopes === null) return;
    const language = this.#language;
    const texts = language.texts.create;

    const key = scopes.groups.flatMap((group) => group.scopes.map(({ name }) => name)).join(" ");
    if (key !== this.#builtFor) {
      this.#builtFor = key;
      this.#groups = scopes.groups.map((group) => new Group(group, language, this.#events));
      this.#list.replaceChildren(...this.#groups.map(({ element }) => element));
    }
    scopes.groups.forEach((group, index) => this.#groups[index]?.draw(group));

    const isSearching = scopes.search.trim() !== "";
    setText(this.#selectAll, isSearching ? texts.allShown : texts.all);
    setText(this.#selectNone, isSearching ? texts.noneShown : texts.none);
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

/** A group of scopes. */
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
      const drawn = this.#scopes[index];
      if (!drawn) return;
      drawn.box.checked = scope.selected;
      drawn.element.hidden = !scope.visible;
    });
    this.element.hidden = !group.visible;
  }
}

/**
 * @param {string} name
 * @param {string} value
 * @param {() => void} onchange
 */
function checkbox(name, value, onchange) {
  return h("input", { type: "checkbox", name, value, autocomplete: "off", onchange });
}
