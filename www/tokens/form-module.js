/**
 * The form module: the rules of the form and of the list, in Rust, as WebAssembly.
 *
 * It begins to load when this file does. What is exported is ready to use once `ready` is.
 */

import load, { TokenForm, TokenTable } from "../pkg/form.js";

/** Fails where WebAssembly cannot run or the module cannot be loaded. */
export const ready = load();
// Whoever needs it handles the failure; until then it is not an unhandled one.
ready.catch(() => {});

export { TokenForm, TokenTable };
