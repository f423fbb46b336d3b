/**
 * The form module: the rules of the form and the list, in Rust compiled to WebAssembly.
 *
 * Importing this file starts loading it. Its classes can be used once `ready` resolves.
 */

import load, { TokenForm, TokenTable } from "../pkg/form.js";

/** Rejects if WebAssembly is not supported or the module cannot be loaded. */
export const ready = load();
// Callers handle the error; until one awaits it, it must not count as unhandled.
ready.catch(() => {});

export { TokenForm, TokenTable };
