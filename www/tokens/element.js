/**
 * <patrol-tokens>: the whole section Personal Access Tokens.
 *
 *   <script type="module" src="/.patrol/ui/assets/patrol-tokens.js"></script>
 *   <patrol-tokens></patrol-tokens>
 *
 * It loads the list, and creates and revokes tokens with the browser's session. It lives in a
 * shadow root, so the page's styles do not apply inside, nor its own outside. Set custom properties
 * (style/base.css) on it to change its appearance.
 *
 * Attributes: `lang` is the language; by default, the page's. `base` is what is in front of `api/v1`
 * in the API's addresses; by default, the prefix that the element is served below. A change of `base` closes an open dialog and loads
 * the list from the new address.
 *
 * Property: `assertion` is a function that returns a promise of a JWT of the platform. With it, the
 * element works on pages of other sites: the session is in memory and not a cookie.
 *
 * When the session has expired, it fires `patrol-session-required`. A page that can sign the user in
 * without leaving calls `event.detail.waitFor(promise)`. If the promise resolves to true, the
 * element continues where it was. Otherwise it asks the user to sign in.
 *
 * When another user has signed in, in another tab, it does nothing in that user's name: it shows the
 * tokens of that user, says so, and fires `patrol-user-changed`.
 *
 * Sign-in itself and the rest of a profile page are not part of it.
 */

import { Api, ServerError, Unreachable } from "../shared/api.js";
import { explain } from "../shared/explain.js";
import { loadSheet } from "../shared/sheet.js";
import { Language, preferredLanguage } from "../i18n/language.js";
import { CreateDialog } from "./create.js";
import { ready, TokenTable } from "./form-module.js";
import { RevokeDialog } from "./revoke.js";
import { Section } from "./section.js";
import { isUnshown } from "./unshown.js";

/** @typedef {import("../shared/api.js").Me} Me */
/** @typedef {import("../shared/api.js").TokenList} TokenList */
/** @typedef {import("../shared/api.js").TokenRecord} TokenRecord */
/** @typedef {import("../pkg/form.js").TableView} TableView */
/** @typedef {import("../pkg/form.js").TokenRow} TokenRow */

/** How often relative times such as "3 h ago" are updated, in ms. */
const CLOCK_INTERVAL = 30_000;

/** A list older than this is reloaded when the user returns to the page, in ms. */
const STALE_AFTER = 15_000;

const sheets = await Promise.all(
  ["base", "tokens"].map((name) => loadSheet(new URL(`../style/${name}.css`, import.meta.url))),
);

/** The custom element. */
export class PatrolTokens extends HTMLElement {
  static observedAttributes = ["lang", "base"];

  #root = this.attachShadow({ mode: "open" });
  #base = "";
  /** @type {(() => Promise<string>) | null} */
  #assertion = null;
  #api = new Api();
  #language = new Language(preferredLanguage());
  /** @type {Me | null} */
  #me = null;
  /** @type {TokenList | null} */
  #list = null;
  /** Increases with every list that is requested or shown; older responses are dropped. */
  #version = 0;
  #loadedAt = 0;
  /** @type {TokenTable | null} */
  #table = null;
  /** @type {Section | null} */
  #section = null;
  /** @type {CreateDialog | null} */
  #createDialog = null;
  /** It can be on top of the other. @type {RevokeDialog | null} */
  #revokeDialog = null;
  /** How many more lists to load, because a change has failed: it may take effect late. */
  #reloads = 0;
  /** @type {Promise<boolean> | null} */
  #signingIn = null;
  #clock = 0;

  constructor() {
    super();
    this.#root.adoptedStyleSheets = sheets;
  }

  connectedCallback() {
    this.#upgradeProperty();
    this.#useBase();
    this.#build();
    this.#clock = setInterval(this.#onClock, CLOCK_INTERVAL);
    document.addEventListener("visibilitychange", this.#onVisibilityChange);
    addEventListener("online", this.#reloadAgain);
    this.#load();
  }

  disconnectedCallback() {
    clearInterval(this.#clock);
    document.removeEventListener("visibilitychange", this.#onVisibilityChange);
    removeEventListener("online", this.#reloadAgain);
    // One may show a token.
    this.#closeDialogs();
  }

  attributeChangedCallback() {
    if (!this.isConnected || !this.#section) return;
    this.#useBase();
    this.#build();
    if (!this.#table) this.#load();
  }

  /**
   * Whether the page may remove the element. If it shows a token that nobody has copied, it asks
   * the user and returns false.
   *
   * @returns {boolean}
   */
  mayLeave() {
    if (!this.#createDialog?.holdsUncopied) return true;
    this.#createDialog.requestClose();
    return false;
  }

  /**
   * A function that asks the platform for an assertion of its user. With it, the element needs no
   * cookie and works on pages of other sites.
   *
   * @param {(() => Promise<string>) | null} assertion
   */
  set assertion(assertion) {
    const isSameUser = this.#assertion !== null && assertion !== null;
    this.#assertion = assertion;
    if (isSameUser) {
      // A framework may set a new function whenever it draws: an open dialog must stay.
      this.#api.assertion = assertion;
      return;
    }
    this.#useApi();
    if (!this.isConnected || !this.#section) return;
    this.#build();
    this.#load();
  }

  get assertion() {
    return this.#assertion;
  }

  /** Takes over a property that was set before this class was defined. */
  #upgradeProperty() {
    if (!Object.hasOwn(this, "assertion")) return;
    const { assertion } = this;
    // @ts-expect-error The property of this object hides that of its class.
    delete this.assertion;
    this.assertion = assertion;
  }

  #useBase() {
    const base = this.getAttribute("base") ?? "";
    if (base === this.#base) return;
    this.#base = base;
    this.#useApi();
  }

  /** Forgets everything that was loaded from another base, or for another user. */
  #useApi() {
    this.#closeDialogs();
    this.#api = new Api(this.#base, this.#assertion);
    this.#version += 1;
    this.#me = null;
    this.#list = null;
    this.#table?.free();
    this.#table = null;
  }

  #build() {
    const tag = this.lang || this.closest("[lang]")?.getAttribute("lang") || preferredLanguage();
    const old = this.#section?.element;
    this.#language = new Language(tag);
    this.#section = new Section(this.#language, {
      oncreate: () => this.#create(),
      onfilter: (filter) => this.#draw(this.#table?.setFilter(filter)),
      onsearch: (text) => this.#draw(this.#table?.setSearch(text)),
      onsort: (column) => this.#draw(this.#table?.sortBy(column)),
      onclear: () => {
        this.#table?.setFilter("all");
        this.#draw(this.#table?.setSearch(""));
      },
      onretry: () => this.#load(),
      onrevoke: (row) => this.#revoke(row),
      organizationName: (id) => this.#me?.organizations.find((one) => one.id === id)?.name ?? id,
      lastUsedAddress: (id) =>
        this.#list?.tokens.find((one) => one.id === id)?.last_used_address ?? null,
      isUnshown: (id) => {
        const record = this.#list?.tokens.find((one) => one.id === id);
        return record !== undefined && isUnshown(record);
      },
    });
    // A dialog stays open: it may show a token.
    old?.remove();
    this.#root.prepend(this.#section.element);
    this.#draw(this.#table?.view());
  }

  /** @param {TableView | undefined} view */
  #draw(view) {
    if (view) this.#section?.draw(view);
  }

  /** Loads the list. Shows progress and errors only if there is no list on the screen yet. */
  async #load() {
    const api = this.#api;
    if (!this.#table) this.#section?.showLoading();
    try {
      await ready;
      await this.#withSession(() => this.#fetch());
    } catch (error) {
      // Asking again would have the page ask for a sign-in that the user has declined.
      if (error instanceof ServerError && error.needsSession) this.#reloads = 0;
      if (api === this.#api && !this.#table) this.#section?.showError(this.#explain(error));
    }
  }

  async #fetch() {
    const version = (this.#version += 1);
    const [me, list] = await Promise.all([this.#api.me(), this.#api.tokens()]);
    // The user may have changed a token since, which this list may not show.
    if (version !== this.#version) return;
    this.#reloads = Math.max(0, this.#reloads - 1);
    const isOther = this.#me !== null && this.#me.id !== me.id;
    this.#me = me;
    this.#show(list);
    const input = this.#formInput();
    if (input) this.#createDialog?.refresh(input, list.tokens);
    if (isOther) {
      const options = { bubbles: true, composed: true };
      this.dispatchEvent(new CustomEvent("patrol-user-changed", options));
    }
  }

  /** @param {TokenList} list */
  #show(list) {
    this.#list = list;
    this.#loadedAt = Date.now();
    const { organizations = [], groups = [] } = this.#me ?? {};
    const names = Object.fromEntries(organizations.map(({ id, name }) => [id, name]));
    const input = { ...list, now: this.#api.now(), groups, organizations: names };
    if (this.#table) this.#draw(this.#table.update(input));
    else this.#draw((this.#table = new TokenTable(input)).view());
  }

  /**
   * Shows a token that was just created or revoked, then reloads the list.
   *
   * @param {TokenRecord} record
   * @param {Api} api Where the record is from.
   */
  #showChange(record, api) {
    if (!this.#list || api !== this.#api) return;
    const others = this.#list.tokens.filter(({ id }) => id !== record.id);
    const isNew = others.length === this.#list.tokens.length;
    const tokens = isNew
      ? [record, ...others]
      : this.#list.tokens.map((token) => (token.id === record.id ? record : token));
    const active = tokens.filter(({ status }) => status === "active").length;
    this.#version += 1;
    this.#show({ ...this.#list, tokens, active });
    this.#load();
  }

  /** Loads the list after a change that has failed, and once more a little later. */
  #reload() {
    this.#reloads = 2;
    return this.#load();
  }

  #reloadAgain = () => {
    if (this.#reloads > 0) this.#load();
  };

  #onClock = () => {
    this.#updateTimes();
    this.#reloadAgain();
  };

  #closeDialogs() {
    this.#revokeDialog?.close();
    this.#createDialog?.close();
  }

  #updateTimes() {
    if (document.visibilityState === "visible") this.#draw(this.#table?.setNow(this.#api.now()));
  }

  #onVisibilityChange = () => {
    if (document.visibilityState !== "visible") return;
    this.#updateTimes();
    const isStale = Date.now() - this.#loadedAt > STALE_AFTER;
    const isOpen = this.#createDialog ?? this.#revokeDialog;
    if (this.#table && !isOpen && isStale) this.#load();
  };

  #create() {
    const input = this.#formInput();
    if (!input) return;
    const api = this.#api;
    const dialog = new CreateDialog({
      root: this.#root,
      language: this.#language,
      api,
      input,
      renewSession: async () => {
        if (!(await this.#signIn())) return null;
        await this.#fetch();
        return this.#formInput();
      },
      reload: async () => {
        await this.#fetch();
        return this.#formInput();
      },
      oncreated: (record) => this.#showChange(record, api),
      onfailed: () => {
        if (api === this.#api && this.isConnected) this.#reload();
      },
      onrevoke: ({ id, name, last_used_at }, focusAfterwards) => {
        this.#revoke({ id, name, lastUsedAt: last_used_at }, focusAfterwards);
      },
      onclosed: () => {
        this.#createDialog = null;
        this.#reloadAgain();
      },
    });
    this.#createDialog = dialog;
    dialog.open();
    // What the account holds now.
    this.#load();
  }

  #formInput() {
    if (!this.#me || !this.#list) return null;
    const { active, limit } = this.#list;
    const words = this.#language.texts.policy;
    return { me: this.#me, active, limit, now: this.#api.now(), words };
  }

  /**
   * @param {Pick<TokenRow, "id" | "name" | "lastUsedAt">} row
   * @param {() => HTMLElement | undefined} [focusAfterwards]
   */
  #revoke(row, focusAfterwards = () => this.#section?.heading(row.id)) {
    const api = this.#api;
    const dialog = new RevokeDialog({
      root: this.#root,
      language: this.#language,
      row,
      delay: this.#me?.revocation_delay_seconds ?? 0,
      // Revoking is idempotent, so it can be repeated after signing in.
      revoke: () => this.#withSession(() => api.revoke(row.id, this.#me)),
      onrevoked: (record) => this.#showChange(record, api),
      onfailed: () => this.#reload(),
      onclosed: () => {
        this.#revokeDialog = null;
        this.#reloadAgain();
      },
      focusAfterwards,
    });
    this.#revokeDialog = dialog;
    dialog.open();
  }

  /**
   * Makes a call. If the session has expired, signs the user in and repeats the call.
   *
   * @template T
   * @param {() => Promise<T>} call
   * @returns {Promise<T>}
   */
  async #withSession(call) {
    const api = this.#api;
    try {
      return await call();
    } catch (error) {
      // The element has been given another base or user since.
      if (api !== this.#api) throw error;
      if (error instanceof ServerError && error.isOtherUser) await this.#fetch();
      const needsSession = error instanceof ServerError && error.needsSession;
      if (!needsSession || !(await this.#signIn())) throw error;
      return call();
    }
  }

  /**
   * Asks the page to sign the user in.
   *
   * @returns {Promise<boolean>} Whether the user is signed in now.
   */
  #signIn() {
    this.#signingIn ??= this.#requestSession().finally(() => {
      this.#signingIn = null;
    });
    return this.#signingIn;
  }

  async #requestSession() {
    /** @type {unknown} */
    let signedIn = false;
    const detail = {
      waitFor(/** @type {Promise<boolean>} */ promise) {
        signedIn = promise;
      },
    };
    const options = { bubbles: true, composed: true, detail };
    this.dispatchEvent(new CustomEvent("patrol-session-required", options));
    return (await signedIn) === true;
  }

  /** @param {unknown} error */
  #explain(error) {
    if (!(error instanceof Unreachable || error instanceof ServerError)) {
      // A bug, or the form module could not be loaded: it belongs in the console.
      reportError(error);
      if (typeof WebAssembly !== "object") return this.#language.texts.tokens.unsupported;
    }
    return explain(error, this.#language);
  }
}

customElements.define("patrol-tokens", PatrolTokens);
