/**
 * The content of <patrol-tokens>: heading, tools, and the list in one of its states (loading, ready,
 * empty, no-match, error). It draws and passes events to the element.
 */

import { banner } from "../shared/banner.js";
import { button } from "../shared/button.js";
import { h, setAttribute, setText } from "../shared/dom.js";
import { icon } from "../shared/icons.js";
import { COLUMNS, Table } from "./table.js";

/** @typedef {import("../pkg/form.js").TableView} TableView */
/** @typedef {import("../pkg/form.js").Filter} Filter */
/** @typedef {import("../pkg/form.js").Column} Column */
/** @typedef {import("../pkg/form.js").TokenRow} TokenRow */

/**
 * @typedef {object} Options
 * @property {() => void} oncreate
 * @property {(filter: Filter) => void} onfilter
 * @property {(text: string) => void} onsearch
 * @property {(column: Column) => void} onsort
 * @property {() => void} onclear The user removes filter and search.
 * @property {() => void} onretry
 * @property {() => Promise<void>} onmore The user reaches the end of the list.
 * @property {(row: TokenRow) => void} onrevoke
 * @property {(id: string) => string} organizationName
 * @property {(id: string) => string | null} lastUsedAddress The IP address that last used a token.
 * @property {(id: string) => boolean} isUnshown Whether nobody has seen the token's value.
 */

/** @type {Filter[]} */
const FILTERS = ["all", "active", "expired", "revoked"];

const SKELETON_ROWS = 4;

/** How far below the screen the end of the list is when more is loaded. */
const LOOK_AHEAD = "600px";

/** The section Personal Access Tokens. */
export class Section {
  #language;
  #texts;
  #options;
  #title;
  #active = h("p", { id: "active-count", class: "active-count numbers" });
  #create;
  #limit;
  #tools;
  /** @type {Map<Filter, { input: HTMLInputElement, count: HTMLElement }>} */
  #filters = new Map();
  #search;
  #sortColumn;
  #sortDirection;
  #table;
  #list = h("div", { id: "token-list", class: "list" });
  #more;
  #moreFailed = h("p", { id: "more-failed", class: "error", role: "alert" });
  #end;
  #observer;
  #shown = h("p", { id: "shown-count", class: "shown muted numbers", role: "status" });

  /**
   * @param {import("../i18n/language.js").Language} language
   * @param {Options} options
   */
  constructor(language, options) {
    const texts = language.texts.tokens;
    this.#language = language;
    this.#texts = texts;
    this.#options = options;
    this.#title = h("h2", { id: "tokens-title", tabindex: "-1" }, texts.title);
    this.#create = h(
      "button",
      {
        id: "create-token",
        type: "button",
        class: "button primary",
        "aria-haspopup": "dialog",
        onclick: options.oncreate,
      },
      icon("plus"),
      texts.create,
    );
    this.#limit = banner("warning", { id: "limit-reached", hidden: true }, h("p"));
    this.#search = h("input", {
      id: "token-search",
      type: "search",
      class: "input",
      autocomplete: "off",
      placeholder: texts.search,
      "aria-label": texts.search,
      oninput: () => options.onsearch(this.#search.value),
    });
    const sort = () => options.onsort(/** @type {Column} */ (this.#sortColumn.value));
    this.#sortColumn = h(
      "select",
      {
        id: "sort-column",
        class: "input",
        "aria-label": texts.sortBy,
        autocomplete: "off",
        onchange: sort,
      },
      COLUMNS.map((column) => h("option", { value: column }, texts.columns[column])),
    );
    this.#sortDirection = h(
      "button",
      {
        id: "sort-direction",
        type: "button",
        class: "button square",
        onclick: sort,
      },
      icon("up"),
    );
    this.#tools = h(
      "div",
      { class: "tools" },
      this.#filterChoices(),
      h("div", { class: "with-icon search" }, icon("search"), this.#search),
      // For cards, which have no column heads to click.
      h(
        "div",
        { class: "sorting" },
        h("span", { class: "select" }, this.#sortColumn, icon("chevron")),
        this.#sortDirection,
      ),
    );
    this.#table = new Table({
      language,
      title: "tokens-title",
      organizationName: options.organizationName,
      lastUsedAddress: options.lastUsedAddress,
      isUnshown: options.isUnshown,
      onsort: options.onsort,
      onrevoke: options.onrevoke,
    });
    this.#more = button(texts.more, {
      id: "load-more",
      class: "button",
      onclick: () => this.#loadMore(),
    });
    this.#end = h("div", { class: "list-end", hidden: true }, this.#moreFailed, this.#more.element);
    this.#observer = new IntersectionObserver(
      (entries) => {
        if (entries.some(({ isIntersecting }) => isIntersecting)) options.onmore();
      },
      { rootMargin: LOOK_AHEAD },
    );
    this.element = h(
      "section",
      { class: "tokens", "aria-labelledby": "tokens-title" },
      h(
        "header",
        { class: "head" },
        h("div", {}, this.#title, h("p", { class: "muted" }, texts.lead)),
        h("div", { class: "head-actions" }, this.#active, this.#create),
      ),
      this.#limit,
      this.#tools,
      this.#list,
      this.#end,
      this.#shown,
    );
  }

  /** Shows the outline of a table, so that nothing moves when the list arrives. */
  showLoading() {
    const bone = (/** @type {string} */ column) => h("span", { class: "bone", "data-of": column });
    const row = () => h("div", { class: "bones" }, COLUMNS.map(bone));
    this.#enable(false);
    this.#state(
      "loading",
      h("p", { class: "unseen", role: "status" }, this.#texts.loading),
      h(
        "div",
        { class: "skeleton", "aria-hidden": "true" },
        Array.from({ length: SKELETON_ROWS }, row),
      ),
    );
    setText(this.#shown, "");
    this.#drawEnd(false);
  }

  /**
   * Says that the list could not be loaded.
   *
   * @param {string} why
   * @param {boolean} canChoose Whether filter and search still work.
   */
  showError(why, canChoose) {
    const texts = this.#texts;
    const retry = h(
      "button",
      { id: "retry", type: "button", class: "button", onclick: this.#options.onretry },
      texts.retry,
    );
    this.#enable(canChoose);
    this.#state("error", notice("warning", texts.errorTitle, why, retry, "alert"));
    setText(this.#shown, "");
    this.#drawEnd(false);
  }

  /**
   * Draws what the user has chosen, while the list for it is on its way.
   *
   * @param {TableView} view
   */
  showChoice(view) {
    this.#drawTools(view);
    this.#table.drawSort(view);
    setAttribute(this.#list, "aria-busy", "true");
    this.#drawEnd(false);
  }

  /** Shows that the next page is on its way. */
  showMoreLoading() {
    this.#more.setBusy(this.#texts.loadingMore);
    setText(this.#moreFailed, "");
    this.#observer.disconnect();
  }

  /** @param {string} why */
  showMoreFailed(why) {
    this.#more.setBusy(null);
    setText(this.#moreFailed, `${this.#texts.moreFailed} ${why}`);
  }

  /** Ends what goes on while the section is on the page. */
  disconnect() {
    this.#observer.disconnect();
  }

  /** @param {TableView} view */
  draw(view) {
    const texts = this.#texts;
    this.#enable(true);
    setText(this.#active, texts.active(view.active, view.limit));
    const isFull = view.active >= view.limit;
    this.#limit.hidden = !isFull;
    setText(
      this.#limit.querySelector("p") ?? this.#limit,
      isFull ? texts.limitReached(view.limit) : "",
    );

    this.#drawTools(view);
    this.#drawEnd(view.more);
    const { shown, counts } = view;
    const count = texts.shown(shown, counts.all, (count) => this.#language.number(count));
    setText(this.#shown, view.empty === "no-tokens" ? "" : count);

    if (view.empty === "no-tokens") {
      this.#state("empty", notice("key", texts.emptyTitle, texts.empty));
    } else if (view.empty === "no-match") {
      const clear = h(
        "button",
        { id: "clear-filter", type: "button", class: "button", onclick: this.#options.onclear },
        texts.clear,
      );
      this.#state("no-match", notice("search", texts.noMatchTitle, texts.noMatch, clear));
    } else {
      this.#table.draw(view);
      setAttribute(this.#list, "aria-busy", false);
      if (!this.#table.element.isConnected) this.#state("ready", this.#table.element);
    }
  }

  /** @param {TableView} view */
  #drawTools(view) {
    const texts = this.#texts;
    // Without tokens, there is nothing to filter.
    this.#tools.hidden = view.empty === "no-tokens";
    for (const [filter, { input, count }] of this.#filters) {
      input.checked = filter === view.filter;
      setText(count, this.#language.number(view.counts[filter]));
    }
    if (this.#search.value !== view.search) this.#search.value = view.search;
    this.#sortColumn.value = view.sort.column;
    const direction = view.sort.descending ? "descending" : "ascending";
    setAttribute(this.#sortDirection, "data-direction", direction);
    setAttribute(this.#sortDirection, "aria-label", texts.direction[direction]);
  }

  /** @param {boolean} more Whether there is another page. */
  #drawEnd(more) {
    this.#more.setBusy(null);
    setText(this.#moreFailed, "");
    this.#end.hidden = !more;
    // Observed anew, it is reported if it is still on the screen.
    this.#observer.disconnect();
    if (more) this.#observer.observe(this.#end);
  }

  /** The user presses the button: the first of the new rows takes the focus. */
  async #loadMore() {
    const last = this.#table.lastRow;
    await this.#options.onmore();
    const heading = last?.nextElementSibling?.querySelector("th");
    if (heading) heading.focus();
  }

  /**
   * Returns a heading that can take the focus: that of a token's row, or of the section if the row
   * is not visible.
   *
   * @param {string} id
   * @returns {HTMLElement}
   */
  heading(id) {
    const heading = this.#table.heading(id);
    return heading?.isConnected ? heading : this.#title;
  }

  #filterChoices() {
    const texts = this.#texts;
    const choices = FILTERS.map((filter) => {
      const input = h("input", {
        type: "radio",
        name: "filter",
        value: filter,
        class: "unseen",
        autocomplete: "off",
        onchange: () => this.#options.onfilter(filter),
      });
      const count = h("span", { class: "muted numbers" });
      this.#filters.set(filter, { input, count });
      return h("label", { class: "segment" }, input, h("span", {}, texts.filters[filter]), count);
    });
    return h(
      "fieldset",
      { class: "segments" },
      h("legend", { class: "unseen" }, texts.filter),
      choices,
    );
  }

  /** @param {boolean} enabled */
  #enable(enabled) {
    setAttribute(this.#create, "disabled", !enabled);
    setAttribute(this.#tools, "inert", !enabled);
  }

  /**
   * @param {"loading" | "ready" | "empty" | "no-match" | "error"} state
   * @param {...Node} content
   */
  #state(state, ...content) {
    setAttribute(this.#list, "aria-busy", state === "loading" && "true");
    if (this.#list.dataset.state === state && state !== "error") return;
    this.#list.dataset.state = state;
    this.#list.replaceChildren(...content);
  }
}

/**
 * @param {import("../shared/icons.js").IconName} sign
 * @param {string} title
 * @param {string} text
 * @param {Node} [action] A button that helps.
 * @param {string} [role]
 * @returns {HTMLElement}
 */
function notice(sign, title, text, action, role) {
  return h(
    "div",
    { class: "notice", role },
    h("span", { class: "notice-sign" }, icon(sign)),
    h("h3", {}, title),
    h("p", { class: "muted" }, text),
    action,
  );
}
