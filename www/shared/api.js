/**
 * The origin's HTTP API, as the page uses it.
 *
 * An error response becomes a `ServerError` with the server's problem details (RFC 9457); a missing
 * or unreadable response becomes an `Unreachable`. The views decide what either means to the user.
 * Responses are not cached.
 */

/** @typedef {import("../pkg/form.js").Me} Me */
/** @typedef {import("../pkg/form.js").TokenRecord} TokenRecord */
/** @typedef {import("../pkg/form.js").CreateTokenRequest} CreateTokenRequest */
/** @typedef {import("../pkg/form.js").Problem} Problem */
/**
 * A page of the tokens that a query asks for. The numbers are those of all tokens.
 *
 * @typedef {object} TokenList
 * @property {TokenRecord[]} tokens
 * @property {string | null} next
 * @property {number} active
 * @property {number} expired
 * @property {number} revoked
 * @property {number} limit How many may be active at once.
 */
/**
 * What is not set is as the server has it: all tokens, newest first.
 *
 * @typedef {{ sort?: string, status?: string, search?: string }} TokenQuery
 */
/** @typedef {TokenRecord & { token: string }} CreatedToken */
/**
 * Rejected everywhere since `effective_at`, or in `kv` mode from `effective_by` at the latest.
 *
 * @typedef {TokenRecord & { effective_at?: string, effective_by?: string, waited_ms?: number }} RevokedToken
 */
/**
 * @typedef {object} Session
 * @property {string} id
 * @property {string} created_at
 * @property {string} expires_at
 * @property {string | null} address
 * @property {string | null} user_agent
 * @property {boolean} current
 */
/**
 * @typedef {object} AuditEntry
 * @property {number} number
 * @property {string} at
 * @property {string} user
 * @property {"user" | "token"} actor
 * @property {string} action
 * @property {string | null} token
 * @property {string[]} organizations
 * @property {string | null} address
 * @property {string} outcome
 */
/**
 * How users can sign in.
 *
 * @typedef {object} Fronts
 * @property {{ name: string, label: string }[]} providers
 * @property {boolean} access
 * @property {boolean} development
 */

/**
 * @typedef {object} RequestOptions
 * @property {unknown} [body]
 * @property {Record<string, string>} [headers]
 * @property {number} [timeout] In ms.
 * @property {AbortSignal} [signal]
 */

/** In ms. */
const TIMEOUT = 30_000;

/** A revocation waits for leases of up to 30 seconds. In ms. */
const REVOKE_TIMEOUT = 90_000;

/** An error response. */
export class ServerError extends Error {
  /** @param {Partial<Problem> & { status: number }} problem A proxy's error may lack all but the status. */
  constructor(problem) {
    super(problem.detail || problem.title);
    this.problem = problem;
  }

  /** Whether the user has to sign in. */
  get needsSession() {
    return this.problem.status === 401;
  }

  /** Whether another user has signed in, in another tab. */
  get isOtherUser() {
    return this.problem.code === "user-changed";
  }
}

/** No readable response arrived; the server may have handled the request. */
export class Unreachable extends Error {
  /**
   * @param {string} server Its origin.
   * @param {unknown} cause
   */
  constructor(server, cause) {
    super(`no response from ${server}`, { cause });
    this.server = server;
  }
}

/**
 * A smaller difference between two clocks is the time that a response takes, and the second to which
 * `Date` is rounded. In ms.
 */
const SAME_TIME = 3_000;

/** Below this address are the API and the page. This module is four folders below. */
const PREFIX = new URL("../../../../", import.meta.url).href;

/** The API at one base address. */
export class Api {
  #base;
  /** Reads in flight, so that two views share one request. @type {Map<string, Promise<unknown>>} */
  #reads = new Map();

  /** Asks the platform for an assertion of its user. @type {(() => Promise<string>) | null} */
  #assertion;
  /** The session of such a user. It is in memory only. @type {string | null} */
  #session = null;
  /** @type {Promise<void> | null} */
  #renewing = null;
  /** By how much the server's clock is ahead of the browser's, in ms. */
  #ahead = 0;

  /**
   * @param {string | null} [base] What is in front of `api/v1`; by default, where this module is from.
   * @param {(() => Promise<string>) | null} [assertion] Without it, the session is a cookie.
   */
  constructor(base, assertion = null) {
    this.#base = new URL(base ? base.replace(/\/?$/, "/") : PREFIX, location.href);
    this.#assertion = assertion;
  }

  /** The absolute address of a path, for programs. @param {string} path */
  addressOf(path) {
    return new URL(path, this.#base).href;
  }

  /**
   * The time, as in `Date.now()`. It is the server's, by its last response: the browser's clock may be
   * wrong by days.
   */
  now() {
    return Date.now() + this.#ahead;
  }

  /** The origin of the platform's API. */
  get origin() {
    return this.#base.origin;
  }

  /**
   * A new function for the same user. Nothing else changes.
   *
   * @param {() => Promise<string>} assertion
   */
  set assertion(assertion) {
    this.#assertion = assertion;
  }

  /** @returns {Promise<Me>} */
  me() {
    return this.#read("api/v1/me");
  }

  /**
   * @param {TokenQuery & { limit?: string, after?: string }} query
   * @param {AbortSignal} signal
   * @param {Me} [user] Whose tokens these must be, as for `create`.
   * @returns {Promise<TokenList>}
   */
  tokens(query, signal, user) {
    const text = new URLSearchParams(query).toString();
    const headers = expecting(user);
    return this.#send("GET", `api/v1/tokens${text && `?${text}`}`, { headers, signal });
  }

  /**
   * @param {CreateTokenRequest} request
   * @param {Me} user The user whom the page shows: nothing is done in the name of another, who has
   *   signed in since.
   * @param {string} key Sent again with the same request, it creates no second token.
   * @returns {Promise<CreatedToken>}
   */
  create(request, user, key) {
    const headers = { "Idempotency-Key": `"${key}"` };
    return this.#write("POST", "api/v1/tokens", user, { body: request, headers });
  }

  /**
   * @param {string} id
   * @param {Me | null} user As for `create`.
   * @returns {Promise<RevokedToken>}
   */
  revoke(id, user) {
    const path = `api/v1/tokens/${encodeURIComponent(id)}`;
    return this.#write("DELETE", path, user, { timeout: REVOKE_TIMEOUT });
  }

  /** @returns {Promise<{ sessions: Session[] }>} */
  sessions() {
    return this.#read("api/v1/sessions");
  }

  /**
   * @param {string} id
   * @param {Me} user As for `create`.
   * @returns {Promise<void>}
   */
  endSession(id, user) {
    return this.#write("DELETE", `api/v1/sessions/${encodeURIComponent(id)}`, user);
  }

  /**
   * @param {number | null} [before] The page after this one, from its `next`.
   * @returns {Promise<{ entries: AuditEntry[], next: number | null }>}
   */
  audit(before) {
    return this.#read(`api/v1/audit${before ? `?before=${before}` : ""}`);
  }

  /**
   * @param {string} user
   * @returns {Promise<Me>}
   */
  signIn(user) {
    return this.#write("POST", "auth/dev", null, { body: { user } });
  }

  /** @returns {Promise<Fronts>} */
  fronts() {
    return this.#read("auth/fronts");
  }

  /**
   * The address at which a user signs in by a provider.
   *
   * @param {string} provider
   * @param {string} to Where to go then: a path of this site.
   */
  signInAddress(provider, to) {
    return this.addressOf(`auth/sign-in?${new URLSearchParams({ provider, to })}`);
  }

  /**
   * @param {Me} user As for `create`.
   * @returns {Promise<{ next: string | null }>} `next` is where to sign out at the provider too.
   */
  signOut(user) {
    return this.#write("POST", "auth/sign-out", user);
  }

  /**
   * @template T
   * @param {string} path
   * @returns {Promise<T>}
   */
  #read(path) {
    const inFlight = this.#reads.get(path);
    if (inFlight) return /** @type {Promise<T>} */ (inFlight);
    /** @type {Promise<T>} */
    const read = this.#send("GET", path).finally(() => {
      if (this.#reads.get(path) === read) this.#reads.delete(path);
    });
    this.#reads.set(path, read);
    return read;
  }

  /**
   * A read that follows a write must not share a response from before it.
   *
   * @template T
   * @param {string} method
   * @param {string} path
   * @param {Me | null} user
   * @param {RequestOptions} [options]
   * @returns {Promise<T>}
   */
  #write(method, path, user, { headers, ...options } = {}) {
    const all = { ...headers, ...expecting(user) };
    const sent = this.#send(method, path, { ...options, headers: all });
    return sent.finally(() => this.#reads.clear());
  }

  /**
   * Sends a request. With assertions, begins a session first, and a new one if it has ended; a request
   * that needs one has done nothing yet.
   *
   * @param {string} method
   * @param {string} path
   * @param {RequestOptions} [options]
   * @returns {Promise<any>}
   */
  async #send(method, path, options) {
    const request = () => this.#request(method, path, options);
    if (this.#assertion === null) return request();
    if (this.#session === null) await this.#renew(this.#assertion);
    try {
      return await request();
    } catch (error) {
      if (!(error instanceof ServerError && error.needsSession)) throw error;
      await this.#renew(this.#assertion);
      return request();
    }
  }

  /** @param {() => Promise<string>} getAssertion */
  #renew(getAssertion) {
    const renew = async () => {
      const assertion = await inTime(getAssertion());
      this.#session = null;
      const { session } = await this.#request("POST", "auth/session", { body: { assertion } });
      this.#session = session;
    };
    this.#renewing ??= renew().finally(() => {
      this.#renewing = null;
    });
    return this.#renewing;
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {RequestOptions} [options]
   */
  async #request(method, path, { body, headers, timeout = TIMEOUT, signal } = {}) {
    const timedOut = AbortSignal.timeout(timeout);
    try {
      const response = await fetch(this.addressOf(path), {
        method,
        headers: {
          Accept: "application/json",
          ...(body !== undefined && { "Content-Type": "application/json" }),
          ...(this.#session !== null && { "X-Patrol-Session": this.#session }),
          ...headers,
        },
        body: body === undefined ? undefined : JSON.stringify(body),
        cache: "no-store",
        credentials: this.#assertion === null ? "same-origin" : "omit",
        redirect: "error",
        signal: signal ? AbortSignal.any([signal, timedOut]) : timedOut,
      });
      this.#readClock(response.headers.get("Date"));
      const text = await response.text();
      if (!response.ok) throw new ServerError(problemDetails(response.status, text));
      return text === "" ? undefined : JSON.parse(text);
    } catch (cause) {
      throw cause instanceof ServerError ? cause : new Unreachable(this.origin, cause);
    }
  }

  /** @param {string | null} date */
  #readClock(date) {
    const ahead = Date.parse(date ?? "") - Date.now();
    if (Number.isNaN(ahead)) return;
    this.#ahead = Math.abs(ahead) < SAME_TIME ? 0 : ahead;
  }
}

/**
 * The header that names the user whom the page shows.
 *
 * @param {Me | null} [user]
 * @returns {Record<string, string> | undefined}
 */
function expecting(user) {
  return user ? { "X-Patrol-Expected-User": user.id } : undefined;
}

/**
 * The platform's assertion. Without one there is no session, and nothing has been sent.
 *
 * @param {Promise<string>} assertion
 * @returns {Promise<string>}
 */
async function inTime(assertion) {
  const { promise, reject } = Promise.withResolvers();
  const timer = setTimeout(() => reject(new Error("no assertion in time")), TIMEOUT);
  try {
    return await Promise.race([assertion, promise]);
  } catch (error) {
    reportError(error);
    throw new ServerError({ status: 401 });
  } finally {
    clearTimeout(timer);
  }
}

/**
 * @param {number} status
 * @param {string} text
 * @returns {Partial<Problem> & { status: number }}
 */
function problemDetails(status, text) {
  try {
    return { ...JSON.parse(text), status };
  } catch {
    // A proxy's error page.
    return { status };
  }
}
