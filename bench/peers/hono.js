// A framework's middleware with a shared secret (HS256). No revocation.
import { Hono } from "hono";
import { jwt } from "hono/jwt";

let middleware;

const app = new Hono();
app.use((context, next) => {
  const { SECRET, PUBLIC_URL } = context.env;
  middleware ??= jwt({
    secret: SECRET,
    alg: "HS256",
    verification: { iss: PUBLIC_URL, aud: PUBLIC_URL },
  });
  return middleware(context, next);
});
app.all("*", (context) => {
  const { scope } = context.get("jwtPayload");
  return context.body(null, scope.split(" ").includes("pipelines:read") ? 200 : 403);
});

export default app;
