// OpenID Connect providers for tests, with the npm package `oidc-provider`.
//
//     node tests/idp/main.mjs --port N [--issuers COUNT]
//
// Each issuer has a port of its own: N, N + 1 and so on, or any free ports if N is 0. They share
// nothing, as two companies do. Users and clients are in `data.mjs`; every password is right. Redirects
// may lead to any port of this machine.
//
// Below /test/ a test reads and changes what an administrator of the issuer can:
//
//     GET  /test/clients      the clients with their secrets or private keys
//     PUT  /test/users/{id}   the claims of a user
//     POST /test/rotate       new keys, in place of the old ones
//     POST /test/stop         the issuer closes its port

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { json as readJson, text as readText } from "node:stream/consumers";
import { parseArgs } from "node:util";
import Provider, { interactionPolicy } from "oidc-provider";
import { createClients, createKeys, createUsers } from "./data.mjs";
import { errorPage, loginPage, logoutPage, signedOutPage } from "./pages.mjs";

const CLAIMS = ["groups", "realm_access", "resource_access"];

/** Users log in, and are not asked what they allow. */
const policy = interactionPolicy.base();
policy.remove("consent");

async function loadExistingGrant(context) {
  const { client, session, provider } = context.oidc;
  const grant = new provider.Grant({ accountId: session.accountId, clientId: client.clientId });
  grant.addOIDCScope("openid profile email");
  await grant.save();
  return grant;
}

class Issuer {
  users = createUsers();
  clients = createClients();
  cookieKey = randomBytes(32).toString("hex");
  server = createServer((request, response) => this.handle(request, response));

  async listen(port) {
    this.server.listen(port, "127.0.0.1");
    await once(this.server, "listening");
    this.port = this.server.address().port;
    this.url = `http://127.0.0.1:${this.port}`;
    this.rotate();
  }

  /** The provider reads its keys when it is created. */
  rotate() {
    this.provider = new Provider(this.url, this.configuration());
    this.callback = this.provider.callback();
  }

  configuration() {
    // Browsers do not separate the cookies of two ports.
    const cookieName = (name) => `${name}_${this.port}`;
    return {
      clients: this.clients.map(({ metadata }) => metadata),
      jwks: { keys: createKeys() },
      claims: { openid: ["sub", ...CLAIMS], profile: ["name"], email: ["email", "email_verified"] },
      conformIdTokenClaims: false,
      cookies: {
        keys: [this.cookieKey],
        names: {
          interaction: cookieName("_interaction"),
          resume: cookieName("_resume"),
          session: cookieName("_session"),
        },
      },
      features: {
        devInteractions: { enabled: false },
        rpInitiatedLogout: {
          enabled: true,
          logoutSource: (context, form) => void (context.body = logoutPage(form)),
          postLogoutSuccessSource: (context) => void (context.body = signedOutPage()),
        },
      },
      findAccount: (_context, id) => ({
        accountId: id,
        claims: () => ({ sub: id, ...this.users.get(id) }),
      }),
      interactions: { policy, url: (_context, { uid }) => `/login/${uid}` },
      loadExistingGrant,
      pkce: { required: () => true },
      renderError: (context, out) => void (context.body = errorPage(out)),
      ttl: { AuthorizationCode: 60, Grant: 600, IdToken: 600, Interaction: 600, Session: 600 },
    };
  }

  async handle(request, response) {
    try {
      const [, first, ...rest] = request.url.split("?")[0].split("/");
      if (first === "test") await this.manage(request, response, rest);
      else if (first === "login") await this.login(request, response);
      else await this.callback(request, response);
    } catch (error) {
      console.error(error);
      if (!response.headersSent) response.writeHead(500).end();
    }
  }

  async login(request, response) {
    if (request.method === "POST") {
      const accountId = new URLSearchParams(await readText(request)).get("login");
      return this.provider.interactionFinished(request, response, { login: { accountId } });
    }
    const { uid } = await this.provider.interactionDetails(request, response);
    response.writeHead(200, { "Content-Type": "text/html; charset=utf-8" });
    response.end(loginPage(`/login/${uid}`));
  }

  async manage(request, response, [what, id]) {
    switch (`${request.method} ${what}`) {
      case "GET clients":
        response.writeHead(200, { "Content-Type": "application/json" });
        return response.end(JSON.stringify(this.clients));
      case "PUT users":
        this.users.set(id, await readJson(request));
        return response.writeHead(204).end();
      case "POST rotate":
        this.rotate();
        return response.writeHead(204).end();
      case "POST stop":
        this.server.close();
        return response
          .writeHead(204, { Connection: "close" })
          .end(() => this.server.closeAllConnections());
      default:
        return response.writeHead(404).end();
    }
  }
}

const { values } = parseArgs({
  options: { port: { type: "string" }, issuers: { type: "string", default: "1" } },
});
const [port, count] = [Number(values.port), Number(values.issuers)];
if (!Number.isInteger(port) || !Number.isInteger(count)) {
  console.error("usage: node tests/idp/main.mjs --port N [--issuers COUNT]");
  process.exit(2);
}
for (let number = 0; number < count; number++) {
  const issuer = new Issuer();
  await issuer.listen(port === 0 ? 0 : port + number);
  console.log(`listening on ${issuer.url}`);
}
