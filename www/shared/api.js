/**
 * The HTTP surface of the origin, as the page uses it.
 *
 * Every refusal becomes a `Refused` with the problem that the server told (RFC 9457); no
 * answer at all becomes an `Unreachable`. Left out: what either means to the user, which is
 * for the views to say, and any memory of answers.
 */

/** @typedef {import("../pkg/form.js").Me} Me */
/** @typedef {import("../pkg/form.js").TokenRecord} TokenRecord */
/** @typedef {import("../pkg/form.js").CreateTokenRequest} CreateTokenRequest */
/** @typedef {import("../pkg/form.js").Problem} Problem */
/** @typedef {{ tokens: TokenRecord[], active: number, limit: number }} TokenList */
/** @typedef {TokenRecord & { token: string }} CreatedToken */
/**
 * Refused everywhere since `effective_at`, or, where the edges are told through KV, from
 * `effective_by` on at the latest.
 *
 * @typedef {TokenRecord & { effective_at?: string, effective_by?: string, waited_ms?: number }} RevokedToken
 */

/** How long an answer may take, in ms. */
const PATIENCE = 30_000;

/** The same of a revocation, which waits for leases of up to 30 seconds. */
const PATIENCE_REVOKING = 90_000;

/** The server said no, and why. */
export class Refused extends Error {
  /** @param {Problem} problem */
  constructor(problem) {
    super(problem.detail || problem.title);
    this.problem = problem;
  }

  /** Does the user have to sign in? */
  get needsSession() {
    return this.problem.status === 401;
  }
}

/** There was no answer; whether the request arrived is not known. */
export class Unreachable extends Error {}

/** The calls, for one address. */
export class Api {
  #base;
  /** Reads under way, so that two views that need the same ask once. @type {Map<string, Promise<any>>} */
  #reads = new Map();

  /** @param {string} [base] Before every path; empty: this page's own origin. */
  constructor(base = "") {
    this.#base = base.replace(/\/$/, "");
  }

  /** Where programs find the API. */
  get address() {
    return new URL(this.#base || "/", location.href).href.replace(/\/$/, "");
  }

  /** @returns {Promise<Me>} */
  me() {
    return this.#read("/api/v1/me");
  }

  /** @returns {Promise<TokenList>} */
  tokens() {
    return this.#read("/api/v1/tokens");
  }

  /**
   * @param {CreateTokenRequest} request
   * @returns {Promise<CreatedToken>}
   */
  create(request) {
    return this.#write("POST", "/api/v1/tokens", request);
  }

  /**
   * @param {string} id
   * @returns {Promise<RevokedToken>}
   */
  revoke(id) {
    const path = `/api/v1/tokens/${encodeURIComponent(id)}`;
    return this.#write("DELETE", path, undefined, PATIENCE_REVOKING);
  }

  /**
   * @param {string} user
   * @returns {Promise<Me>}
   */
  signIn(user) {
    return this.#write("POST", "/auth/dev", { user });
  }

  /** @returns {Promise<void>} */
  signOut() {
    return this.#write("POST", "/auth/sign-out");
  }

  /** @param {string} path */
  #read(path) {
    const underWay = this.#reads.get(path);
    if (underWay) return underWay;
    const read = this.#send("GET", path).finally(() => {
      if (this.#reads.get(path) === read) this.#reads.delete(path);
    });
    this.#reads.set(path, read);
    return read;
  }

  /**
   * Whoever reads after it must not get an answer that was under way before.
   *
   * @param {string} method
   * @param {string} path
   * @param {unknown} [body]
   * @param {number} [patience]
   */
  #write(method, path, body, patience) {
    return this.#send(method, path, body, patience).finally(() => this.#reads.clear());
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {unknown} [body]
   * @param {number} [patience]
   */
  async #send(method, path, body, patience = PATIENCE) {
    try {
      const response = await fetch(this.#base + path, {
        method,
        headers: {
          Accept: "application/json",
          ...(body !== undefined && { "Content-Type": "application/json" }),
        },
        body: body === undefined ? undefined : JSON.stringify(body),
        cache: "no-store",
        credentials: "same-origin",
        redirect: "error",
        signal: AbortSignal.timeout(patience),
      });
      const text = await response.text();
      if (!response.ok) throw new Refused(problem(response, text));
      return text === "" ? undefined : JSON.parse(text);
    } catch (cause) {
      // Half an answer, or one that is not JSON, tells no more than none.
      throw cause instanceof Refused ? cause : new Unreachable("no answer", { cause });
    }
  }
}

/**
 * The problem in an answer. A proxy on the way may have refused in its own words; then only the
 * status is known.
 *
 * @param {Response} response
 * @param {string} text
 * @returns {Problem}
 */
function problem({ status }, text) {
  try {
    return { ...JSON.parse(text), status };
  } catch {
    return /** @type {Problem} */ ({ status });
  }
}
