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
/** @typedef {import("../shared/api.js").TokenQuery} TokenQuery */
/** @typedef {import("../shared/api.js").TokenRecord} TokenRecord */
/** @typedef {import("../pkg/form.js").TableView} TableView */
/** @typedef {import("../pkg/form.js").TokenRow} TokenRow */

/** How often relative times such as "3 h ago" are updated, in ms. */
const CLOCK_INTERVAL = 30_000;

/** A list older than this is reloaded when the user returns to the page, in ms. */
const STALE_AFTER = 15_000;

/** The tokens of a page, unless the server is asked for more. */
const PAGE_SIZE = 50;

const MAX_PAGE_SIZE = 200;

/** The user may type on, in ms. */
const SEARCH_DELAY = 250;

/** How much of a search is sent. The server takes 1,024 bytes, and each of these has at most 3. */
const MAX_SEARCH = 255;

/** A token that was pasted must not become part of an address: servers log those. It finds nothing. */
const TOKEN = /(?:patrol_)?eyJ[\w.-]*/g;

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
  /** All pages that were loaded, as one. @type {TokenList | null} */
  #list = null;
  /** Its tokens by their id. @type {Map<string, TokenRecord>} */
  #records = new Map();
  /** What it is the list of. @type {TokenQuery} */
  #query = {};
  /** What the user wants to see, and what is on the screen. @type {TableView | null} */
  #view = null;
  /** A new token is on top until the user chooses another list. @type {TokenRecord | null} */
  #newest = null;
  #typing = 0;
  /** Increases with every list that is requested or shown; older responses are dropped. */
  #version = 0;
  /** Ends the requests of the current version. */
  #aborting = new AbortController();
  /** The version that is on its way. @type {number | null} */
  #fetching = null;
  /** The version whose next page is on its way. @type {number | null} */
  #fetchingMore = null;
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
    clearTimeout(this.#typing);
    this.#section?.disconnect();
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
    this.#aborting.abort();
    clearTimeout(this.#typing);
    this.#me = null;
    this.#list = null;
    this.#records.clear();
    this.#query = {};
    this.#view = null;
    this.#newest = null;
    this.#table?.free();
    this.#table = null;
  }

  #build() {
    const tag = this.lang || this.closest("[lang]")?.getAttribute("lang") || preferredLanguage();
    const old = this.#section?.element;
    this.#language = new Language(tag);
    this.#section?.disconnect();
    this.#section = new Section(this.#language, {
      oncreate: () => this.#create(),
      onfilter: (filter) => this.#choose(this.#table?.setFilter(filter)),
      onsearch: (text) => this.#choose(this.#table?.setSearch(text), SEARCH_DELAY),
      onsort: (column) => this.#choose(this.#table?.sortBy(column)),
      onclear: () => {
        this.#table?.setFilter("all");
        this.#choose(this.#table?.setSearch(""));
      },
      onretry: () => this.#load(),
      onmore: () => this.#loadMore(),
      onrevoke: (row) => this.#revoke(row),
      organizationName: (id) => this.#me?.organizations.find((one) => one.id === id)?.name ?? id,
      lastUsedAddress: (id) => this.#records.get(id)?.last_used_address ?? null,
      isUnshown: (id) => {
        const record = this.#records.get(id);
        return record !== undefined && isUnshown(record);
      },
    });
    // A dialog stays open: it may show a token.
    old?.remove();
    this.#root.prepend(this.#section.element);
    this.#draw(this.#table?.view());
    if (!this.#table || this.#isShown) return;
    this.#section.showLoading();
    this.#load();
  }

  /** Whether the list on the screen is the one that the user wants to see. */
  get #isShown() {
    return this.#view !== null && isSame(this.#query, queryOf(this.#view));
  }

  /** @param {TableView | undefined} view */
  #draw(view) {
    if (!view) return;
    this.#view = view;
    // The rows of another list have been drawn enough.
    if (this.#isShown) this.#section?.draw(view);
  }

  /**
   * Shows the user's choice at once, and then the list for it.
   *
   * @param {TableView | undefined} view
   * @param {number} [delay] In ms.
   */
  #choose(view, delay = 0) {
    if (!view) return;
    // An answer to an earlier choice is of no use any more.
    this.#version += 1;
    this.#aborting.abort();
    this.#newest = null;
    this.#view = view;
    this.#section?.showChoice(view);
    clearTimeout(this.#typing);
    this.#typing = setTimeout(() => this.#load(), delay);
  }

  /** Loads the list. Shows progress and errors only if the list is not on the screen yet. */
  async #load() {
    const api = this.#api;
    if (!this.#table) this.#section?.showLoading();
    try {
      await ready;
      await this.#withSession(() => this.#fetch());
    } catch (error) {
      // Asking again would have the page ask for a sign-in that the user has declined.
      if (error instanceof ServerError && error.needsSession) this.#reloads = 0;
      if (api === this.#api && !this.#isShown) {
        this.#section?.showError(this.#explain(error), this.#table !== null);
      }
    }
  }

  async #fetch() {
    const version = (this.#version += 1);
    this.#aborting.abort();
    this.#aborting = new AbortController();
    const { signal } = this.#aborting;
    const query = this.#view ? queryOf(this.#view) : {};
    const isSameList = isSame(query, this.#query);
    const size = isSameList ? (this.#list?.tokens.length ?? 0) : 0;
    const isNewestFirst = isSame(query, {});
    this.#fetching = version;
    const user = this.#api.me();
    let me, list, newest;
    try {
      [me, list, newest] = await Promise.all([
        user,
        this.#read(query, size, signal, user),
        this.#createDialog && !isNewestFirst ? this.#api.tokens({}, signal) : null,
      ]);
    } catch (error) {
      if (version === this.#version) throw error;
    } finally {
      if (this.#fetching === version) this.#fetching = null;
    }
    // The user may have changed a token since, or wants another list.
    if (version !== this.#version || !me || !list) return;
    this.#reloads = Math.max(0, this.#reloads - 1);
    const isOther = this.#me !== null && this.#me.id !== me.id;
    if (isOther) this.#newest = null;
    this.#me = me;
    this.#query = query;
    this.#show(list);
    const input = this.#formInput();
    if (input) this.#createDialog?.refresh(input, (newest ?? list).tokens);
    if (isOther) {
      const options = { bubbles: true, composed: true };
      this.dispatchEvent(new CustomEvent("patrol-user-changed", options));
    }
  }

  /**
   * Reads a list from its beginning, at least one page and as far as it was loaded.
   *
   * @param {TokenQuery} query
   * @param {number} size The number of tokens that were loaded.
   * @param {AbortSignal} signal
   * @param {Promise<Me>} user
   * @returns {Promise<TokenList>}
   */
  async #read(query, size, signal, user) {
    const limit = size > PAGE_SIZE && { limit: String(Math.min(size, MAX_PAGE_SIZE)) };
    const list = await this.#api.tokens({ ...query, ...limit }, signal);
    while (list.next !== null && list.tokens.length < size) {
      const page = { ...query, ...limit, after: list.next };
      const { tokens, next } = await this.#api.tokens(page, signal, await user);
      list.tokens.push(...tokens);
      list.next = next;
    }
    return list;
  }

  /** Loads the next page, unless something is on its way. */
  async #loadMore() {
    const version = this.#version;
    const after = this.#list?.next;
    if (!after || this.#fetching !== null || this.#fetchingMore === version) return;
    const { signal } = this.#aborting;
    this.#fetchingMore = version;
    this.#section?.showMoreLoading();
    try {
      const page = await this.#withSession(() => {
        return this.#api.tokens({ ...this.#query, after }, signal, this.#me ?? undefined);
      });
      if (version !== this.#version || !this.#list) return;
      this.#fetchingMore = null;
      this.#show({ ...page, tokens: [...this.#list.tokens, ...page.tokens] });
    } catch (error) {
      if (version === this.#version) this.#section?.showMoreFailed(this.#explain(error));
    } finally {
      if (this.#fetchingMore === version) this.#fetchingMore = null;
    }
  }

  /** @param {TokenList} list */
  #show(list) {
    const id = this.#newest?.id;
    const known = list.tokens.find((token) => token.id === id) ?? this.#newest;
    // A token that was used meanwhile can come again in the order of the last use.
    const tokens = known ? [known, ...list.tokens] : list.tokens;
    this.#records = new Map(tokens.map((token) => [token.id, token]));
    this.#list = { ...list, tokens: [...this.#records.values()] };
    this.#loadedAt = Date.now();
    const more = list.next !== null;
    const groups = this.#me?.groups ?? [];
    const input = { ...this.#list, more, now: this.#api.now(), groups };
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
    const { active, expired, revoked } = this.#list;
    const counts = { active, expired, revoked };
    const isNew = record.status === "active";
    const before = this.#records.get(record.id)?.status ?? (isNew ? null : "active");
    if (before) counts[before] -= 1;
    counts[record.status] += 1;
    const tokens = this.#list.tokens.map((token) => (token.id === record.id ? record : token));
    if (isNew) this.#newest = record;
    this.#version += 1;
    this.#show({ ...this.#list, ...counts, tokens });
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

/**
 * What the server is asked for. Left out is what it does anyway.
 *
 * @param {TableView} view
 * @returns {TokenQuery}
 */
function queryOf({ sort: { column, descending }, filter, search: typed }) {
  const sort = `${descending ? "-" : ""}${column}`;
  const search = typed.trim().replaceAll(TOKEN, "eyJ…").slice(0, MAX_SEARCH);
  return {
    ...(sort !== "-created" && { sort }),
    ...(filter !== "all" && { status: filter }),
    ...(search !== "" && { search }),
  };
}

/**
 * @param {TokenQuery} a
 * @param {TokenQuery} b
 */
function isSame(a, b) {
  return a.sort === b.sort && a.status === b.status && a.search === b.search;
}

customElements.define("patrol-tokens", PatrolTokens);
