// The least a JavaScript Worker can do that inspects requests and identifies the caller: it reads
// what the edge reads, header names included, decides nothing, and sends what the edge sends.
import { env } from "cloudflare:workers";

const IDENTITY = [
  ["X-Patrol-Subject", "ada"],
  ["X-Patrol-Token-Id", "paUAAAAAAAAAAAAAAAAAAA"],
  ["X-Patrol-Organization", "acme"],
  ["X-Patrol-Organizations", "acme"],
  ["X-Patrol-Scopes", "pipelines:read pipelines:results models:read"],
  ["X-Organization-ID", "acme"],
];
const CALLED = [
  ["X-Forwarded-Host", "127.0.0.1"],
  ["X-Forwarded-Proto", "http"],
];
const READS = ["X-Forwarded-Method", "X-Forwarded-Uri", "Authorization", "X-Organization-ID"];

const read = ({ url, headers }) => {
  let length = url.length;
  for (const name of READS) length += headers.get(name)?.length ?? 0;
  return length;
};

/** The edge looks at every name of a request that it allows. */
const readNames = ({ headers }) => {
  let length = 0;
  for (const name of headers.keys()) length += name.length;
  return length;
};

// The runtime allows no responses before the first request.
let allowed;
let denied;

const responses = {
  allow(request) {
    allowed ??= new Response(null, {
      status: 200,
      headers: [...IDENTITY, ["Cache-Control", "no-store"]],
    });
    return read(request) && readNames(request) ? allowed : null;
  },
  deny(request) {
    denied ??= {
      body: new TextEncoder().encode(
        JSON.stringify({
          type: "urn:patrol:problem:token-expired",
          title: "The token has expired",
          status: 401,
          detail: "Create a new token.",
        }),
      ),
      init: {
        status: 401,
        headers: new Headers([
          ["Content-Type", "application/problem+json"],
          ["Cache-Control", "no-store"],
          ["WWW-Authenticate", 'Bearer realm="patrol", error="invalid_token"'],
        ]),
      },
    };
    return read(request) ? new Response(denied.body, denied.init) : null;
  },
  pass(request) {
    const passed = new Request(request);
    const { headers } = passed;
    headers.delete("Authorization");
    for (const [name, value] of [...IDENTITY, ...CALLED]) headers.set(name, value);
    return read(request) && readNames(request) ? env.UPSTREAM.fetch(passed) : null;
  },
};

export default { fetch: responses[env.RESPONSE] };
