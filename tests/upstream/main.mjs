// The sample API behind the edge, for development and tests.
//
//     node tests/upstream/main.mjs --port N
//
// It plays the platform that Patrol protects: it serves the routes of `policy.toml` with sample data
// and knows nothing about tokens. Every JSON response has a member `caller` with the identity headers
// of the request. Some routes exist for tests of the edge: streams of any length, events, a
// WebSocket, a git repository, a redirect, one that never responds, and one that responds when it is
// told. With `X-Echo-Headers: 1` any route returns the request itself.
//
// It is a script, so nobody has to compile a server to try Patrol. It checks nothing: authorization
// is the edge's job.

import { createServer } from "node:http";
import { json as readJson } from "node:stream/consumers";
import { collections, newId, results, topics } from "./data.mjs";
import { serveGit } from "./git.mjs";
import {
  acceptSocket,
  digestBody,
  published,
  sendEvents,
  sendExport,
  sendWhenPublished,
} from "./streams.mjs";

/** Sends JSON, with the caller as the edge's headers name it. */
function respond({ request, response }, status, body) {
  const header = (name) => request.headers[name] ?? null;
  const caller = {
    subject: header("x-patrol-subject"),
    organization: header("x-patrol-organization"),
    scopes: header("x-patrol-scopes"),
    token_id: header("x-patrol-token-id"),
  };
  response.writeHead(status, { "Content-Type": "application/json" });
  response.end(JSON.stringify({ ...body, caller }));
}

/** Sends an item, or 404 if there is none. */
function respondWith(exchange, item) {
  if (item === undefined) respond(exchange, 404, { error: "not found" });
  else respond(exchange, 200, item);
}

const accept = (exchange) => respond(exchange, 200, { ok: true });

/** The routes of a collection; all collections have the same ones. */
function collectionRoutes(path, name) {
  const items = collections.get(name);
  return {
    [`GET ${path}`]: (exchange) => respond(exchange, 200, { [name]: [...items.values()] }),
    [`POST ${path}`]: async (exchange) => {
      const item = { ...(await readJson(exchange.request)), id: newId(name) };
      items.set(item.id, item);
      respond(exchange, 201, item);
    },
    [`GET ${path}/{id}`]: (exchange, id) => respondWith(exchange, items.get(id)),
    [`PUT,PATCH ${path}/{id}`]: async (exchange, id) => {
      const changes = await readJson(exchange.request);
      respondWith(exchange, items.has(id) ? Object.assign(items.get(id), changes) : undefined);
    },
    [`DELETE ${path}/{id}`]: (exchange, id) => {
      const item = items.get(id);
      items.delete(id);
      respondWith(exchange, item);
    },
  };
}

/** The body is the value itself, or an object with a member `value`. */
async function publish(exchange, topic) {
  const body = await readJson(exchange.request);
  const value = body?.value ?? body;
  topics.set(topic, value);
  published.emit("value", { topic, value });
  respond(exchange, 200, { topic, value });
}

function readTopic(exchange, topic) {
  respondWith(exchange, topics.has(topic) ? { topic, value: topics.get(topic) } : undefined);
}

/** Methods and path → handler. The first match wins. */
const routes = compile({
  "GET /api/v1/engine/pipelines/{pipeline}/runs": (exchange, pipeline) =>
    respond(exchange, 200, { runs: [{ id: "run-1", pipeline, state: "succeeded" }] }),
  "POST /api/v1/engine/pipelines/{pipeline}/runs": (exchange, pipeline) =>
    respond(exchange, 202, { id: newId("run"), pipeline, state: "queued" }),
  "GET /api/v1/engine/pipelines/{pipeline}/runs/{run}": (exchange, pipeline, id) =>
    respond(exchange, 200, { id, pipeline, state: "succeeded" }),
  "GET /api/v1/engine/pipelines/{pipeline}/runs/{run}/results": (exchange, pipeline, run) =>
    respond(exchange, 200, results(pipeline, run)),
  "GET /api/v1/models/redirect": ({ response }) =>
    response.writeHead(302, { Location: "/api/v1/models" }).end(),
  "ANY /api/v1/models/slow": () => {},
  "GET /api/v1/models/held": ({ query, response }) => sendWhenPublished(query, response),
  "GET /api/v1/models/{model}/export": ({ query, response }) => sendExport(query, response),
  "POST /api/v1/models/{model}/import": async (exchange) =>
    respond(exchange, 200, await digestBody(exchange.request)),
  "POST /api/v1/connectors/{connector}/test": accept,
  "GET /api/v1/uns/topics": (exchange) => respond(exchange, 200, { topics: [...topics.keys()] }),
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
    respondWith(exchange, members && { members });
  },
  "POST /api/v1/organizations/{organization}/members": accept,
  "PATCH,DELETE /api/v1/organizations/{organization}/members/{member}": accept,
  "GET,POST /git/{*path}": serveGit,
  ...collectionRoutes("/api/v1/engine/pipelines", "pipelines"),
  ...collectionRoutes("/api/v1/models", "models"),
  ...collectionRoutes("/api/v1/connectors", "connectors"),
  ...collectionRoutes("/api/v1/dashboards", "dashboards"),
  ...collectionRoutes("/api/v1/organizations", "organizations"),
});

function compile(table) {
  return Object.entries(table).map(([route, handler]) => {
    const [methods, path] = route.split(" ");
    const pattern = path.replace(/\{\*\w+\}/g, "(.+)").replace(/\{\w+\}/g, "([^/]+)");
    return { methods: methods.split(","), pattern: new RegExp(`^${pattern}$`), handler };
  });
}

/** Allows every CORS preflight. `X-Got-Headers` lists the headers of the request. */
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

/** Returns the request: method, target and headers in their order. */
function echo({ request, response }) {
  const { method, url: target, rawHeaders } = request;
  const headers = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    headers.push([rawHeaders[i].toLowerCase(), rawHeaders[i + 1]]);
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
  respond(exchange, 404, { error: "not found" });
}

const options = {
  // Idle and slow connections stay open.
  keepAliveTimeout: 0,
  requestTimeout: 0,
  maxHeaderSize: 64 * 1024,
  shouldUpgradeCallback: (request) => request.url === "/api/v1/uns/socket",
};
const server = createServer(options, async (request, response) => {
  try {
    await handle(request, response);
  } catch (error) {
    // A body that is not JSON, or that was cut off.
    if (!response.headersSent) respond({ request, response }, 400, { error: error.message });
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
