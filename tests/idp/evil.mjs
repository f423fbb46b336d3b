// A provider that lies as a test tells it.
//
//     node tests/idp/evil.mjs --port N
//
// Each first segment of a path is an issuer of its own. `?lie={…}` at the authorization endpoint says
// what is wrong with this sign-in; tests add it to the address, as somebody who rules the provider
// could. `PUT /{issuer}/lies` says what is wrong with what the issuer publishes, and in the member
// `signIn` with every sign-in whose address says nothing. `POST /forge` signs any JWT, for Cloudflare
// Access and the platform, whose keys are here too.
//
// members of a lie, all optional; null removes a member:
//
//     answer  parameters of the redirect back
//     token   { status, body } of the token endpoint
//     claims  of the ID token
//     header  of the ID token
//     sign    who signs: see `signers`
//     pad     bytes of one more claim
//
// It uses nothing but Node's crypto: a library would refuse to lie.

import {
  constants,
  createHash,
  createHmac,
  generateKeyPairSync,
  randomUUID,
  sign,
} from "node:crypto";
import { createServer } from "node:http";
import { json as readJson, text as readText } from "node:stream/consumers";
import { parseArgs } from "node:util";

const keys = {
  rsa: generateKeyPairSync("rsa", { modulusLength: 2048 }),
  ec: generateKeyPairSync("ec", { namedCurve: "P-256" }),
  ed: generateKeyPairSync("ed25519"),
};
const stranger = generateKeyPairSync("rsa", { modulusLength: 2048 });
const publicPem = keys.rsa.publicKey.export({ type: "spki", format: "pem" });

const publicJwks = Object.entries(keys).map(([kid, { publicKey }]) => ({
  ...publicKey.export({ format: "jwk" }),
  kid,
  use: "sig",
}));

const hmac = (secret) => (message) => createHmac("sha256", secret).update(message).digest();
const pss = {
  padding: constants.RSA_PKCS1_PSS_PADDING,
  saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
};
const signers = {
  RS256: ["rsa", (message) => sign("sha256", message, keys.rsa.privateKey)],
  PS256: ["rsa", (message) => sign("sha256", message, { key: keys.rsa.privateKey, ...pss })],
  ES256: [
    "ec",
    (message) => sign("sha256", message, { key: keys.ec.privateKey, dsaEncoding: "ieee-p1363" }),
  ],
  EdDSA: ["ed", (message) => sign(null, message, keys.ed.privateKey)],
  // The name of a published key, and another key.
  stranger: ["rsa", (message) => sign("sha256", message, stranger.privateKey), "RS256"],
  none: [undefined, () => Buffer.alloc(0), "none"],
  // RFC 8725, section 2.1: a verifier that takes the public key for a shared secret.
  "public key": ["rsa", hmac(publicPem), "HS256"],
};

/** A JWT. `sign` names a signer, or is `{ secret }` for HS256. */
function forge({ claims, header = {}, sign: signer = "RS256", pad = 0 }) {
  const [kid, signature, alg = signer] = signer.secret
    ? [undefined, hmac(signer.secret), "HS256"]
    : signers[signer];
  const padding = pad > 0 ? { padding: "x".repeat(pad) } : {};
  const message = [
    { alg, typ: "JWT", kid, ...header },
    { ...claims, ...padding },
  ]
    .map((part) => Buffer.from(JSON.stringify(without(part))).toString("base64url"))
    .join(".");
  return `${message}.${signature(Buffer.from(message)).toString("base64url")}`;
}

/** Removes members whose value is null. */
function without(object) {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null));
}

const now = () => Math.floor(Date.now() / 1000);

/** What each issuer publishes, and how often it was asked. */
const issuers = new Map();
/** What each code stands for. */
const codes = new Map();

function issuerOf(name) {
  if (!issuers.has(name)) issuers.set(name, { lies: {}, asked: {} });
  return issuers.get(name);
}

function respond(response, status, body) {
  response.writeHead(status, { "Content-Type": "application/json" });
  response.end(typeof body === "string" ? body : JSON.stringify(body));
}

function authorize(query, issuer, url, response) {
  const told = query.has("lie") ? JSON.parse(query.get("lie")) : issuer.lies.signIn;
  const { answer = {}, ...lie } = told ?? {};
  const code = randomUUID();
  codes.set(code, {
    lie,
    challenge: query.get("code_challenge"),
    claims: { iss: url, aud: query.get("client_id"), nonce: query.get("nonce"), sub: "mallory" },
  });
  const back = new URL(query.get("redirect_uri"));
  const parameters = without({ code, state: query.get("state"), iss: url, ...answer });
  for (const [name, value] of Object.entries(parameters)) back.searchParams.set(name, value);
  response.writeHead(302, { Location: back.href }).end();
}

async function exchange(request, response) {
  const form = new URLSearchParams(await readText(request));
  const found = codes.get(form.get("code"));
  codes.delete(form.get("code"));
  const challenge = createHash("sha256").update(form.get("code_verifier")).digest("base64url");
  if (found?.challenge !== challenge) return respond(response, 400, { error: "invalid_grant" });
  const { lie, claims } = found;
  if (lie.token) return respond(response, lie.token.status, lie.token.body);
  const times = { iat: now(), exp: now() + 300 };
  const idToken = forge({ ...lie, claims: { ...times, ...claims, ...lie.claims } });
  respond(response, 200, { id_token: idToken, access_token: "x", token_type: "Bearer" });
}

function discovery(url) {
  return {
    issuer: url,
    authorization_endpoint: `${url}/authorize`,
    token_endpoint: `${url}/token`,
    jwks_uri: `${url}/jwks`,
    authorization_response_iss_parameter_supported: true,
  };
}

/** Sends what the issuer publishes, or `{ status, body }` of its lie, or nothing if it shall `hang`. */
function publish(issuer, what, usual, response) {
  issuer.asked[what] = (issuer.asked[what] ?? 0) + 1;
  const { status = 200, body = {}, hang = false } = issuer.lies[what] ?? {};
  if (hang) return;
  respond(response, status, typeof body === "string" ? body : without({ ...usual, ...body }));
}

async function handle(request, response) {
  const { pathname, searchParams, origin } = new URL(request.url, `http://${request.headers.host}`);
  if (pathname === "/forge") return respond(response, 200, { jwt: forge(await readJson(request)) });
  const [, name, ...rest] = pathname.split("/");
  const [issuer, url] = [issuerOf(name), `${origin}/${name}`];
  switch (`${request.method} ${rest.join("/")}`) {
    case "PUT lies":
      issuer.lies = await readJson(request);
      return response.writeHead(204).end();
    case "GET asked":
      return respond(response, 200, issuer.asked);
    case "GET .well-known/openid-configuration":
      return publish(issuer, "discovery", discovery(url), response);
    case "GET jwks":
    case "GET cdn-cgi/access/certs":
      return publish(issuer, "jwks", { keys: publicJwks }, response);
    case "GET authorize":
      return authorize(searchParams, issuer, url, response);
    case "POST token":
      return exchange(request, response);
    default:
      return response.writeHead(404).end();
  }
}

const { values } = parseArgs({ options: { port: { type: "string" } } });
if (!/^\d+$/.test(values.port ?? "")) {
  console.error("usage: node tests/idp/evil.mjs --port N");
  process.exit(2);
}
const server = createServer(async (request, response) => {
  try {
    await handle(request, response);
  } catch (error) {
    console.error(error);
    if (!response.headersSent) respond(response, 500, { error: error.message });
  }
});
server.listen(Number(values.port), "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
