// The entry of a Worker that only handles requests.

import * as module from "./index.js";
import { call } from "./restart.js";

export default {
  fetch: (request, env, context) => call(() => module.fetch(request, env, context)),
};
