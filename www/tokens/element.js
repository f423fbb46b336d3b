/**
 * <patrol-tokens>: the section Personal Access Tokens, whole.
 *
 *   <script type="module" src="/assets/patrol-tokens.js"></script>
 *   <patrol-tokens></patrol-tokens>
 *
 * It loads what it shows, and creates and revokes tokens, with the session that the browser
 * has. It lives in a shadow root, so that no rule of the page that it stands in reaches it,
 * nor the other way round; custom properties (style/base.css) set on it change its looks.
 *
 * Attributes: `lang`, a language; without it the page's own. `base`, what stands before
 * /api/v1 in every address; without it the page's own origin is asked.
 *
 * When the session has ended it fires `patrol-session-required`. A page that can sign the user
 * in without leaving calls `event.detail.waitFor(promise)`, and resolves the promise with
 * whether somebody is signed in; the element then goes on where it was. If nobody does, it says
 * that one has to sign in.
 *
 * Left out: sign-in itself, and everything of a profile that is not a token.
 */

import { Api, Refused, Unreachable } from "../shared/api.js";
import { sheet } from "../shared/sheet.js";
import { Language, preferred } from "../i18n/language.js";
import { CreateDialog } from "./create.js";
import { ready, TokenTable } from "./form-module.js";
import { RevokeDialog } from "./revoke.js";
import { Section } from "./section.js";

/** @typedef {import("../shared/api.js").Me} Me */
/** @typedef {import("../shared/api.js").TokenList} TokenList */
/** @typedef {import("../shared/api.js").TokenRecord} TokenRecord */
/** @typedef {import("../pkg/form.js").TableView} TableView */
/** @typedef {import("../pkg/form.js").Row} Row */

/** How often "3 h ago" is told anew, in ms. */
const TICK = 30_000;

/** A list older than this is loaded again when the user comes back to it, in ms. */
const STALE = 15_000;

const sheets = await Promise.all(
  ["base", "tokens"].map((name) => sheet(new URL(`../style/${name}.css`, import.meta.url))),
);

/** The element. */
export class PatrolTokens extends HTMLElement {
  static observedAttributes = ["lang", "base"];

  #root = this.attachShadow({ mode: "open" });
  #api = new Api();
  #language = new Language(preferred());
  /** @type {Me | null} */
  #me = null;
  /** @type {TokenList | null} */
  #list = null;
  /** Counts what was begun to be shown; only the newest is. */
  #turn = 0;
  #loadedAt = 0;
  /** @type {TokenTable | null} */
  #table = null;
  /** @type {Section | null} */
  #section = null;
  /** @type {CreateDialog | RevokeDialog | null} */
  #dialog = null;
  /** @type {Promise<boolean> | null} */
  #signingIn = null;
  #clock = 0;

  constructor() {
    super();
    this.#root.adoptedStyleSheets = sheets;
  }

  connectedCallback() {
    this.#api = new Api(this.getAttribute("base") ?? "");
    this.#build();
    this.#clock = setInterval(() => this.#tick(), TICK);
    document.addEventListener("visibilitychange", this.#comeBack);
    this.#load();
  }

  disconnectedCallback() {
    clearInterval(this.#clock);
    document.removeEventListener("visibilitychange", this.#comeBack);
    // It may hold a token.
    this.#dialog?.close();
  }

  attributeChangedCallback() {
    if (this.isConnected && this.#section) this.#build();
  }

  /**
   * May the page take the element away? If a token is shown that nobody has copied, the user
   * is asked, and the answer is no for now.
   *
   * @returns {boolean}
   */
  mayLeave() {
    if (!(this.#dialog instanceof CreateDialog) || !this.#dialog.holdsUncopied) return true;
    this.#dialog.requestClose();
    return false;
  }

  #build() {
    const tag = this.lang || this.closest("[lang]")?.getAttribute("lang") || preferred();
    this.#language = new Language(tag);
    this.#section = new Section(this.#language, {
      create: () => this.#create(),
      filter: (filter) => this.#draw(this.#table?.setFilter(filter)),
      search: (text) => this.#draw(this.#table?.setSearch(text)),
      sort: (column) => this.#draw(this.#table?.sortBy(column)),
      clear: () => {
        this.#table?.setFilter("all");
        this.#draw(this.#table?.setSearch(""));
      },
      retry: () => this.#load(),
      revoke: (row) => this.#revoke(row),
      organization: (id) => this.#me?.organizations.find((one) => one.id === id)?.name ?? id,
      usedFrom: (id) => this.#list?.tokens.find((one) => one.id === id)?.last_used_address ?? null,
    });
    this.#root.replaceChildren(this.#section.element);
    this.#draw(this.#table?.view());
  }

  /** @param {TableView | undefined} view */
  #draw(view) {
    if (view) this.#section?.draw(view);
  }

  /** Loads everything, and shows that if there is nothing to be seen yet. */
  async #load() {
    if (!this.#table) this.#section?.showLoading();
    try {
      await ready;
      await this.#signedIn(() => this.#fetch());
    } catch (error) {
      // What is on the screen is better than nothing.
      if (!this.#table) this.#section?.showError(this.#explain(error));
    }
  }

  async #fetch() {
    const turn = (this.#turn += 1);
    const [me, list] = await Promise.all([this.#api.me(), this.#api.tokens()]);
    // A change that was shown meanwhile is newer.
    if (turn !== this.#turn) return;
    this.#me = me;
    this.#show(list);
  }

  /** @param {TokenList} list */
  #show(list) {
    this.#list = list;
    this.#loadedAt = Date.now();
    const named = this.#me?.organizations.map(({ id, name }) => [id, name]) ?? [];
    const input = { ...list, now: Date.now(), organizations: Object.fromEntries(named) };
    if (this.#table) this.#draw(this.#table.update(input));
    else this.#draw((this.#table = new TokenTable(input)).view());
  }

  /**
   * Shows what has just been answered; the list itself follows.
   *
   * @param {TokenRecord} record
   */
  #showChange(record) {
    if (!this.#list) return;
    const others = this.#list.tokens.filter(({ id }) => id !== record.id);
    const isNew = others.length === this.#list.tokens.length;
    const tokens = isNew
      ? [record, ...others]
      : this.#list.tokens.map((token) => (token.id === record.id ? record : token));
    const active = tokens.filter(({ status }) => status === "active").length;
    this.#turn += 1;
    this.#show({ ...this.#list, tokens, active });
    this.#load();
  }

  #tick() {
    if (document.visibilityState === "visible") this.#draw(this.#table?.setNow(Date.now()));
  }

  #comeBack = () => {
    if (document.visibilityState !== "visible") return;
    this.#tick();
    if (this.#table && !this.#dialog && Date.now() - this.#loadedAt > STALE) this.#load();
  };

  #create() {
    const input = this.#formInput();
    if (!input) return;
    const dialog = new CreateDialog({
      root: this.#root,
      language: this.#language,
      api: this.#api,
      input,
      renew: async () => {
        if (!(await this.#signIn())) return null;
        await this.#fetch();
        return this.#formInput();
      },
      oncreated: (record) => this.#showChange(record),
      onclosed: this.#closed,
    });
    this.#dialog = dialog;
    dialog.open();
  }

  #closed = () => {
    this.#dialog = null;
  };

  #formInput() {
    if (!this.#me || !this.#list) return null;
    const { active, limit } = this.#list;
    const words = this.#language.texts.policy;
    return { me: this.#me, active, limit, now: Date.now(), words };
  }

  /** @param {Row} row */
  #revoke(row) {
    const dialog = new RevokeDialog({
      root: this.#root,
      language: this.#language,
      row,
      delay: this.#me?.revocation_delay_seconds ?? 0,
      // A second time gives the same answer, so this one can simply be repeated.
      revoke: () => this.#signedIn(() => this.#api.revoke(row.id)),
      onrevoked: (record) => this.#showChange(record),
      onfailed: () => this.#load(),
      onclosed: this.#closed,
      returnTo: () => this.#section?.heading(row.id),
    });
    this.#dialog = dialog;
    dialog.open();
  }

  /**
   * Does something for which a session is needed; if there is none, signs in and does it again.
   *
   * @template T
   * @param {() => Promise<T>} call
   * @returns {Promise<T>}
   */
  async #signedIn(call) {
    try {
      return await call();
    } catch (error) {
      const needed = error instanceof Refused && error.needsSession;
      if (!needed || !(await this.#signIn())) throw error;
      return call();
    }
  }

  /**
   * Asks the page around to sign the user in.
   *
   * @returns {Promise<boolean>} Whether somebody is signed in now.
   */
  #signIn() {
    this.#signingIn ??= this.#askForSession().finally(() => {
      this.#signingIn = null;
    });
    return this.#signingIn;
  }

  async #askForSession() {
    /** @type {unknown} */
    let answer = false;
    const detail = {
      waitFor(/** @type {Promise<boolean>} */ promise) {
        answer = promise;
      },
    };
    const options = { bubbles: true, composed: true, detail };
    this.dispatchEvent(new CustomEvent("patrol-session-required", options));
    return (await answer) === true;
  }

  /** @param {unknown} error */
  #explain(error) {
    const { problems, tokens } = this.#language.texts;
    if (error instanceof Unreachable) return problems.unreachable;
    if (error instanceof Refused) return error.needsSession ? problems.session : problems.unknown;
    // A mistake of ours, or a module that does not load: for who looks into the console.
    reportError(error);
    return typeof WebAssembly === "object" ? problems.unreachable : tokens.unsupported;
  }
}

customElements.define("patrol-tokens", PatrolTokens);
