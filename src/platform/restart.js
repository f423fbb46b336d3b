// Replaces the Wasm module after a crash.
//
// A trap (a panic, or memory that ran out) leaves the module in an unknown state. The next call
// into it gets a new instance with empty memory. So a crash fails the request that caused it and
// those that waited in the same isolate, but no later one.

import * as module from "./index.js";

/**
 * The module sets `criticalError` when it crashes.
 *
 * @type {{ criticalError: boolean, instanceId: number }}
 */
const state = module.__worker_init_state();

/**
 * Whether the error is a trap, not one that the module returned.
 *
 * @param {unknown} error
 */
export const isCrash = (error) => error instanceof WebAssembly.RuntimeError;

/**
 * Notes a crash, if the error is one.
 *
 * @param {unknown} error
 */
export function noteCrash(error) {
  if (isCrash(error)) {
    console.error("Critical", error);
    state.criticalError = true;
  }
}

// Nothing else reports a crash in the middle of asynchronous work.
addEventListener("error", (event) => noteCrash(event.error));

/** Call this before each call into the module. Returns whether the module was replaced. */
export function restartIfCrashed() {
  if (!state.criticalError) return false;
  console.log("The module was replaced after a crash");
  module.__wbg_reset_state();
  state.criticalError = false;
  state.instanceId++;
  return true;
}

/**
 * Calls into the module.
 *
 * @template T
 * @param {() => T} work
 */
export function call(work) {
  restartIfCrashed();
  try {
    return work();
  } catch (error) {
    noteCrash(error);
    throw error;
  }
}

/** The number of the current instance. Objects of another instance are useless. */
export const instance = () => state.instanceId;
