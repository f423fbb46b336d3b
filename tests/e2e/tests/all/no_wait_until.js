// The platform cancels work under `waitUntil` 30 seconds after a handler has returned. Here it does
// nothing at all for requests that open a connection: what must go on has to belong to the request.

import worker from "./index.js";

// The classes of the origin, before which a cluster puts this script too.
export * from "./index.js";

const OPENS = /\/(events|socket|export|import)/;

export default {
  fetch(request, env, context) {
    const limited = OPENS.test(request.url) ? { waitUntil() {} } : context;
    return worker.fetch(request, env, limited);
  },
};
