/**
 * The list of tokens as a table, which becomes cards where it is narrow.
 *
 * It draws what the form module's `TokenTable` says and decides nothing. A row is built once
 * for each token and then only changed, so focus and opened badges stay where they are.
 * The roles are spelt out because the cards' `display` would take them away.
 */

import { h, setAttribute, setChildren, setText } from "../shared/dom.js";
import { icon } from "../shared/icons.js";
import { scopeBadges } from "./badges.js";

/** @typedef {import("../pkg/form.js").TableView} TableView */
/** @typedef {import("../pkg/form.js").Row} Row */
/** @typedef {import("../pkg/form.js").Column} Column */
/** @typedef {import("../i18n/language.js").Language} Language */

/** @type {Column[]} */
export const COLUMNS = ["name", "scopes", "created", "last_used", "expires", "status"];

/**
 * @typedef {object} Options
 * @property {Language} language
 * @property {string} title The id of the heading that names the table.
 * @property {(id: string) => string} organization The name of an organization.
 * @property {(id: string) => string | null} usedFrom The address that a token was last used from.
 * @property {(column: Column) => void} onsort
 * @property {(row: Row) => void} onrevoke
 */

/** The table. */
export class Table {
  #options;
  /** @type {Map<Column, HTMLElement>} */
  #heads = new Map();
  #body = h("tbody", { role: "rowgroup" });
  /** @type {Map<string, TokenRow>} */
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
  draw(view) {
    for (const [column, head] of this.#heads) {
      const sorted = view.sort.column === column;
      const order = view.sort.descending ? "descending" : "ascending";
      setAttribute(head, "aria-sort", sorted ? order : "none");
    }
    const rows = view.rows.map((data) => {
      const row = this.#rows.get(data.id) ?? new TokenRow(data, this.#options);
      this.#rows.set(data.id, row);
      row.draw(data);
      return row.element;
    });
    setChildren(this.#body, rows);
  }

  /**
   * What takes the focus for the row of a token.
   *
   * @param {string} id
   * @returns {HTMLElement | undefined}
   */
  heading(id) {
    return this.#rows.get(id)?.heading;
  }
}

/** The row of one token. */
class TokenRow {
  #language;
  #row;
  #lastUsed = cell();
  #usedFromText = h("span", { class: "second" });
  #expires = cell();
  #status = h("span", { class: "status" });
  #ended = h("span", { class: "second" });
  #revoke;
  #usedFrom;

  /**
   * @param {Row} row
   * @param {Options} options
   */
  constructor(row, { language, organization, usedFrom, onrevoke }) {
    this.#language = language;
    this.#usedFrom = usedFrom;
    this.#row = row;
    const { tokens } = language.texts;
    const organizations = row.organizations.map(organization).join(", ");
    this.heading = h(
      "th",
      { role: "rowheader", scope: "row", class: "name", tabindex: "-1" },
      h("span", { class: "clamped", title: row.name }, row.name),
      h("span", { class: "clamped second", title: organizations }, organizations),
    );
    this.#revoke = h(
      "button",
      {
        type: "button",
        class: "button small revoke",
        "aria-label": tokens.revokeNamed(row.name),
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
      this.#cell("last_used", this.#lastUsed.first, this.#lastUsed.second, this.#usedFromText),
      this.#cell("expires", this.#expires.first, this.#expires.second),
      this.#cell("status", this.#status, this.#ended),
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
      // On cards only, where there is no head.
      h("span", { class: "label" }, label),
      h("div", { class: "value" }, ...content),
    );
  }

  /** @param {Row} row */
  draw(row) {
    this.#row = row;
    const language = this.#language;
    const { tokens } = language.texts;
    setAttribute(this.element, "data-status", row.status);
    setAttribute(this.element, "data-warning", row.warning);
    const address = this.#usedFrom(row.id);
    if (row.lastUsedAt === null) {
      setText(this.#lastUsed.first, tokens.never);
    } else {
      date(this.#lastUsed.first, row.lastUsedAt, language);
      setText(this.#lastUsed.second, language.message(row.lastUsed));
      setText(this.#usedFromText, address === null ? "" : tokens.usedFrom(address));
    }
    this.#lastUsed.second.hidden = row.lastUsedAt === null;
    this.#usedFromText.hidden = row.lastUsedAt === null || address === null;
    setAttribute(this.#lastUsed.first, "class", row.lastUsedAt === null && "muted");
    date(this.#expires.first, row.expiresAt, language);
    setText(this.#status, tokens.status[row.status]);
    // A revoked token does not expire any more: what is told is how long it is revoked.
    const [told, empty] =
      row.status === "revoked"
        ? [this.#ended, this.#expires.second]
        : [this.#expires.second, this.#ended];
    setText(told, language.message(row.expires));
    setAttribute(this.#ended, "title", row.revokedAt && language.exact(row.revokedAt));
    told.hidden = false;
    empty.hidden = true;
    this.#revoke.hidden = row.status !== "active";
  }
}

/** A date and, below it, how far away that is. */
function cell() {
  return { first: h("time"), second: h("span", { class: "second" }) };
}

/**
 * @param {HTMLElement} element
 * @param {string} time
 * @param {Language} language
 */
function date(element, time, language) {
  setText(element, language.date(time));
  setAttribute(element, "datetime", time);
  setAttribute(element, "title", language.exact(time));
}
