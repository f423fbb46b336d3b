/**
 * Remembers creations whose token was never shown, because their answer was lost.
 *
 * The browser keeps the idempotency key of a creation from before it is sent until the token is on
 * the screen, also across reloads. A token in the list with such a key is one whose value nobody has
 * seen. A key is not a secret. Keys of requests that created nothing match nothing.
 */

const STORAGE = "patrol-unshown";

/** More answers are not lost at a time. */
const MAX_KEYS = 50;

/** In case the page may not use the browser's storage. @type {string[]} */
let inMemory = [];

/** @returns {string[]} The keys, oldest first. */
function keys() {
  try {
    const stored = JSON.parse(localStorage.getItem(STORAGE) ?? "[]");
    return Array.isArray(stored) ? stored : [];
  } catch {
    return inMemory;
  }
}

/** @param {string[]} keys */
function store(keys) {
  inMemory = keys;
  try {
    localStorage.setItem(STORAGE, JSON.stringify(keys));
  } catch {
    // Then the marks last until the page is reloaded.
  }
}

/** Makes the key of one creation. */
export function newKey() {
  // crypto.randomUUID() exists only in secure contexts, which an embedding page may not be.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Notes that a creation is sent. @param {string} key */
export function noteSent(key) {
  store([...keys().filter((other) => other !== key), key].slice(-MAX_KEYS));
}

/** Notes that its token is shown. @param {string} key */
export function noteShown(key) {
  store(keys().filter((other) => other !== key));
}

/**
 * Whether a token works, but nobody has seen its value.
 *
 * @param {import("../pkg/form.js").TokenRecord} record
 */
export function isUnshown({ status, idempotency_key: key }) {
  return status === "active" && typeof key === "string" && keys().includes(key);
}
