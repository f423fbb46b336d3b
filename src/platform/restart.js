// Starts the Wasm module anew after a crash.
//
// A trap (a panic, memory that ran out) leaves the module in a state that nothing can be said of.
// The next call into it gets a new instance, with empty memory. So a crash costs the request that
// it happened in, those that waited in the same isolate, and no later one.

import * as module from "./index.js";

/** @type {{ criticalError: boolean, instanceId: number }} set by the module when it crashes */
const state = module.__worker_init_state();

/** A trap, and not an error that the module gives. */
export const isCrash = (error) => error instanceof WebAssembly.RuntimeError;

/** Notes a crash, if the error is one. */
export function noteCrash(error) {
  if (isCrash(error)) {
    console.error("Critical", error);
    state.criticalError = true;
  }
}

// A crash in the middle of asynchronous work reaches nobody else.
addEventListener("error", (event) => noteCrash(event.error));

/** Before each call into the module; whether it was started anew. */
export function restartIfCrashed() {
  if (!state.criticalError) return false;
  console.log("The module is started anew");
  module.__wbg_reset_state();
  state.criticalError = false;
  state.instanceId++;
  return true;
}

/** Makes a call into the module. */
export function call(work) {
  restartIfCrashed();
  try {
    return work();
  } catch (error) {
    noteCrash(error);
    throw error;
  }
}

/** Which instance of the module is in use: what another one has made is of no use. */
export const instance = () => state.instanceId;
