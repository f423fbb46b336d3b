// Called from Rust, whose futures cannot stop waiting for a promise: what they hold is freed when it
// settles. A call that the other side never answers would hold it for good.

/** A wait for a promise, which can be abandoned. */
export class Wait {
  /** @param {Promise<unknown>} promise */
  constructor(promise) {
    /** Settles with the promise, or when the wait is abandoned. */
    this.settled = new Promise((resolve, reject) => {
      this.abandon = () => resolve(undefined);
      promise.then(resolve, reject);
    });
  }
}
