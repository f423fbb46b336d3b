/**
 * The list of tokens as a table, or as cards on narrow screens.
 *
 * It draws the view of the form module's `TokenTable`. A row is built once for each token and then
 * updated, so it keeps the focus and expanded badges. The ARIA roles are explicit because the cards'
 * `display` would remove the implicit ones.
 */

import { h, setAttribute, setChildren, setText } from "../shared/dom.js";
import { icon } from "../shared/icons.js";
import { isolate, listed, named } from "../shared/names.js";
import { scopeBadges } from "./badges.js";

/** @typedef {import("../pkg/form.js").TableView} TableView */
/** @typedef {import("../pkg/form.js").TokenRow} TokenRow */
/** @typedef {import("../pkg/form.js").Column} Column */
/** @typedef {import("../i18n/language.js").Language} Language */

/** @type {Column[]} */
export const COLUMNS = ["name", "scopes", "created", "last_used", "expires", "status"];

/**
 * @typedef {object} Options
 * @property {Language} language
 * @property {string} title The id of the heading that names the table.
 * @property {(id: string) => string} organizationName
 * @property {(id: string) => string | null} lastUsedAddress The IP address that last used a token.
 * @property {(id: string) => boolean} isUnshown Whether nobody has seen the token's value.
 * @property {(column: Column) => void} onsort
 * @property {(row: TokenRow) => void} onrevoke
 */

/** The table of tokens. */
export class Table {
  #options;
  /** @type {Map<Column, HTMLElement>} */
  #heads = new Map();
  #body = h("tbody", { role: "rowgroup" });
  /** @type {Map<string, RowElement>} */
  #rows = new Map();

  /** @param {Options} options */
  constructor(options) {
    this.#options = options;
    const { columns } = options.language.texts.tokens;
    const heads = COLUMNS.map((column) => {
      const sort = { type: "button", class: "sort", onclick: () => options.onsort(column) };
      const head = h(
        "th",
        { role: "columnheader", scope: "col", "data-column": column },
        h("button", sort, columns[column], icon("up")),
      );
      this.#heads.set(column, head);
      return head;
    });
    heads.push(
      h(
        "th",
        { role: "columnheader", scope: "col" },
        h("span", { class: "unseen" }, columns.action),
      ),
    );
    this.element = h(
      "table",
      { id: "tokens", role: "table", "aria-labelledby": options.title },
      h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, heads)),
      this.#body,
    );
  }

  /** @param {TableView} view */
  drawSort(view) {
    for (const [column, head] of this.#heads) {
      const sorted = view.sort.column === column;
      const order = view.sort.descending ? "descending" : "ascending";
      setAttribute(head, "aria-sort", sorted ? order : "none");
    }
  }

  /** @param {TableView} view */
  draw(view) {
    this.drawSort(view);
    /** @type {Map<string, RowElement>} */
    const rows = new Map();
    for (const data of view.rows) {
      const row = this.#rows.get(data.id) ?? new RowElement(data, this.#options);
      rows.set(data.id, row);
      row.draw(data);
    }
    this.#rows = rows;
    setChildren(
      this.#body,
      Array.from(rows.values(), ({ element }) => element),
    );
  }

  get lastRow() {
    return this.#body.lastElementChild;
  }

  /**
   * Returns the heading of a token's row, which can take the focus.
   *
   * @param {string} id
   * @returns {HTMLElement | undefined}
   */
  heading(id) {
    return this.#rows.get(id)?.heading;
  }
}

/** The row of a token. */
class RowElement {
  #language;
  #row;
  #lastUsed = timeCell();
  #address = h("span", { class: "second" });
  #expires = timeCell();
  #status = h("span", { class: "status" });
  #revokedAgo = h("span", { class: "second" });
  #revoke;
  #lastUsedAddress;
  #isUnshown;
  #unshown;

  /**
   * @param {TokenRow} row
   * @param {Options} options
   */
  constructor(row, { language, organizationName, lastUsedAddress, isUnshown, onrevoke }) {
    this.#language = language;
    this.#lastUsedAddress = lastUsedAddress;
    this.#isUnshown = isUnshown;
    this.#row = row;
    const { tokens } = language.texts;
    const organizations = row.organizations.map(organizationName);
    const unshown = { class: "second unshown", title: tokens.unshownDetail, hidden: true };
    this.#unshown = h("span", unshown, tokens.unshown);
    this.heading = h(
      "th",
      { role: "rowheader", scope: "row", class: "name", tabindex: "-1" },
      h("span", { class: "clamped", title: row.name }, named(row.name)),
      h(
        "span",
        { class: "clamped second", title: organizations.map(isolate).join(", ") },
        listed(organizations),
      ),
      this.#unshown,
    );
    this.#revoke = h(
      "button",
      {
        type: "button",
        class: "button small revoke",
        "aria-label": tokens.revokeNamed(isolate(row.name)),
        onclick: () => onrevoke(this.#row),
      },
      tokens.revoke,
    );
    const created = h("time", { datetime: row.createdAt, title: language.exact(row.createdAt) });
    created.textContent = language.date(row.createdAt);
    this.element = h(
      "tr",
      { role: "row", "data-id": row.id },
      this.heading,
      this.#cell("scopes", scopeBadges(row, language)),
      this.#cell("created", created),
      this.#cell("last_used", this.#lastUsed.date, this.#lastUsed.relative, this.#address),
      this.#cell("expires", this.#expires.date, this.#expires.relative),
      this.#cell("status", this.#status, this.#revokedAgo),
      h("td", { role: "cell", class: "action" }, this.#revoke),
    );
  }

  /**
   * @param {Column} column
   * @param {...Node} content
   */
  #cell(column, ...content) {
    const label = this.#language.texts.tokens.columns[column];
    return h(
      "td",
      { role: "cell", "data-column": column },
      // Only visible on cards, which have no column heads.
      h("span", { class: "label" }, label),
      h("div", { class: "value" }, ...content),
    );
  }

  /** @param {TokenRow} row */
  draw(row) {
    this.#row = row;
    const language = this.#language;
    const { tokens } = language.texts;
    setAttribute(this.element, "data-status", row.status);
    setAttribute(this.element, "data-warning", row.warning);
    this.#unshown.hidden = !this.#isUnshown(row.id);
    const address = this.#lastUsedAddress(row.id);
    if (row.lastUsedAt === null) {
      setText(this.#lastUsed.date, tokens.never);
    } else {
      drawDate(this.#lastUsed.date, row.lastUsedAt, language);
      setText(this.#lastUsed.relative, language.message(row.lastUsed));
      setText(this.#address, address === null ? "" : tokens.usedFrom(address));
    }
    this.#lastUsed.relative.hidden = row.lastUsedAt === null;
    this.#address.hidden = row.lastUsedAt === null || address === null;
    setAttribute(this.#lastUsed.date, "class", row.lastUsedAt === null && "muted");
    drawDate(this.#expires.date, row.expiresAt, language);
    setText(this.#status, tokens.status[row.status]);
    // For a revoked token, the relative time says when it was revoked, below its status.
    const [shown, hidden] =
      row.status === "revoked"
        ? [this.#revokedAgo, this.#expires.relative]
        : [this.#expires.relative, this.#revokedAgo];
    setText(shown, language.message(row.expires));
    setAttribute(this.#revokedAgo, "title", row.revokedAt && language.exact(row.revokedAt));
    shown.hidden = false;
    hidden.hidden = true;
    this.#revoke.hidden = row.status !== "active";
  }
}

/** A date with the relative time below it. */
function timeCell() {
  return { date: h("time"), relative: h("span", { class: "second" }) };
}

/**
 * @param {HTMLElement} element
 * @param {string} time
 * @param {Language} language
 */
function drawDate(element, time, language) {
  setText(element, language.date(time));
  setAttribute(element, "datetime", time);
  setAttribute(element, "title", language.exact(time));
}
