// The sample API behind the edge, for development and tests.
//
//     node tests/upstream/main.mjs --port N
//
// It stands for the platform that Patrol protects: it answers the paths of `policy.toml` with sample
// data and knows nothing of tokens. Every JSON answer says in `caller` which identity headers came
// with the request. Some paths exist for tests of the edge: streams of any length, events, a
// WebSocket, a redirect, a request that is never answered, and with `X-Echo-Headers: 1` the request
// itself.
//
// It is a script so that nobody compiles a server in order to try Patrol. Left out: any check of
// what is sent; who may do what is the edge's to decide.

import { createServer } from "node:http";
import { json as readJson } from "node:stream/consumers";
import { collections, newId, results, topics } from "./data.mjs";
import { acceptSocket, digestBody, published, sendEvents, sendExport } from "./streams.mjs";

/** A JSON answer that says who asked, by the headers of the edge. */
function answer({ request, response }, status, body) {
  const of = (name) => request.headers[name] ?? null;
  const caller = {
    subject: of("x-patrol-subject"),
    organization: of("x-patrol-organization"),
    scopes: of("x-patrol-scopes"),
    token_id: of("x-patrol-token-id"),
  };
  response.writeHead(status, { "Content-Type": "application/json" });
  response.end(JSON.stringify({ ...body, caller }));
}

/** A sample item, or that there is none. */
function found(exchange, item) {
  if (item === undefined) answer(exchange, 404, { error: "not found" });
  else answer(exchange, 200, item);
}

const accept = (exchange) => answer(exchange, 200, { ok: true });

/** The paths of a collection: all of them work alike. */
function collection(path, name) {
  const items = collections.get(name);
  return {
    [`GET ${path}`]: (exchange) => answer(exchange, 200, { [name]: [...items.values()] }),
    [`POST ${path}`]: async (exchange) => {
      const item = { ...(await readJson(exchange.request)), id: newId(name) };
      items.set(item.id, item);
      answer(exchange, 201, item);
    },
    [`GET ${path}/{id}`]: (exchange, id) => found(exchange, items.get(id)),
    [`PUT,PATCH ${path}/{id}`]: async (exchange, id) => {
      const changes = await readJson(exchange.request);
      found(exchange, items.has(id) ? Object.assign(items.get(id), changes) : undefined);
    },
    [`DELETE ${path}/{id}`]: (exchange, id) => {
      const item = items.get(id);
      items.delete(id);
      found(exchange, item);
    },
  };
}

/** The body is the value, or an object with a `value`. */
async function publish(exchange, topic) {
  const body = await readJson(exchange.request);
  const value = body?.value ?? body;
  topics.set(topic, value);
  published.emit("value", { topic, value });
  answer(exchange, 200, { topic, value });
}

function readTopic(exchange, topic) {
  found(exchange, topics.has(topic) ? { topic, value: topics.get(topic) } : undefined);
}

/** Methods and path → what answers; the first that fits does. */
const routes = compile({
  "GET /api/v1/engine/pipelines/{pipeline}/runs": (exchange, pipeline) =>
    answer(exchange, 200, { runs: [{ id: "run-1", pipeline, state: "succeeded" }] }),
  "POST /api/v1/engine/pipelines/{pipeline}/runs": (exchange, pipeline) =>
    answer(exchange, 202, { id: newId("run"), pipeline, state: "queued" }),
  "GET /api/v1/engine/pipelines/{pipeline}/runs/{run}": (exchange, pipeline, id) =>
    answer(exchange, 200, { id, pipeline, state: "succeeded" }),
  "GET /api/v1/engine/pipelines/{pipeline}/runs/{run}/results": (exchange, pipeline, run) =>
    answer(exchange, 200, results(pipeline, run)),
  "GET /api/v1/models/redirect": ({ response }) =>
    response.writeHead(302, { Location: "/api/v1/models" }).end(),
  "ANY /api/v1/models/slow": () => {},
  "GET /api/v1/models/{model}/export": ({ query, response }) => sendExport(query, response),
  "POST /api/v1/models/{model}/import": async (exchange) =>
    answer(exchange, 200, await digestBody(exchange.request)),
  "POST /api/v1/connectors/{connector}/test": accept,
  "GET /api/v1/uns/topics": (exchange) => answer(exchange, 200, { topics: [...topics.keys()] }),
  "GET /api/v1/uns/topics/{*topic}": readTopic,
  "PUT,POST /api/v1/uns/topics/{*topic}": publish,
  "DELETE /api/v1/uns/topics/{*topic}": (exchange, topic) => {
    readTopic(exchange, topic);
    topics.delete(topic);
  },
  "POST /api/v1/uns/moves": accept,
  "GET /api/v1/uns/events": ({ response }) => sendEvents(response),
  "POST /api/v1/dashboards/{dashboard}/shares": accept,
  "DELETE /api/v1/dashboards/{dashboard}/shares/{share}": accept,
  "GET /api/v1/organizations/{organization}/members": (exchange, id) => {
    const members = collections.get("organizations").get(id)?.members;
    found(exchange, members && { members });
  },
  "POST /api/v1/organizations/{organization}/members": accept,
  "PATCH,DELETE /api/v1/organizations/{organization}/members/{member}": accept,
  ...collection("/api/v1/engine/pipelines", "pipelines"),
  ...collection("/api/v1/models", "models"),
  ...collection("/api/v1/connectors", "connectors"),
  ...collection("/api/v1/dashboards", "dashboards"),
  ...collection("/api/v1/organizations", "organizations"),
});

function compile(table) {
  return Object.entries(table).map(([route, handler]) => {
    const [methods, path] = route.split(" ");
    const pattern = path.replace(/\{\*\w+\}/g, "(.+)").replace(/\{\w+\}/g, "([^/]+)");
    return { methods: methods.split(","), pattern: new RegExp(`^${pattern}$`), handler };
  });
}

/** A preflight request: any page may ask for anything. The answer also says which headers came. */
function allowAll({ request, response }) {
  response.writeHead(204, {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, X-Organization-ID",
    "Access-Control-Max-Age": "600",
    "X-Got-Headers": Object.keys(request.headers).join(" "),
  });
  response.end();
}

/** The request itself, as it came. */
function echo({ request, response }) {
  const { method, url: target, rawHeaders } = request;
  const headers = [];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    headers.push([rawHeaders[at].toLowerCase(), rawHeaders[at + 1]]);
  }
  response.writeHead(200, { "Content-Type": "application/json" });
  response.end(JSON.stringify({ method, target, headers }));
}

async function handle(request, response) {
  const [path, search] = request.url.split("?", 2);
  const exchange = { request, response, query: new URLSearchParams(search) };
  if (request.method === "OPTIONS") return allowAll(exchange);
  if (request.headers["x-echo-headers"] === "1") return echo(exchange);
  const method = request.method === "HEAD" ? "GET" : request.method;
  for (const { methods, pattern, handler } of routes) {
    const parts = pattern.exec(path);
    if (parts && (methods.includes(method) || methods[0] === "ANY")) {
      return handler(exchange, ...parts.slice(1).map(decodeURIComponent));
    }
  }
  answer(exchange, 404, { error: "not found" });
}

const options = {
  // Whoever is idle or slow stays connected.
  keepAliveTimeout: 0,
  requestTimeout: 0,
  maxHeaderSize: 64 * 1024,
  shouldUpgradeCallback: (request) => request.url === "/api/v1/uns/socket",
};
const server = createServer(options, async (request, response) => {
  try {
    await handle(request, response);
  } catch (error) {
    // A body that is no JSON, or that was cut short.
    if (!response.headersSent) answer({ request, response }, 400, { error: error.message });
  }
});
server.on("upgrade", acceptSocket);

const [flag, port] = process.argv.slice(2);
if (flag !== "--port" || !/^\d+$/.test(port ?? "")) {
  console.error("usage: node tests/upstream/main.mjs --port N");
  process.exit(2);
}
server.listen(Number(port), "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
