// A git repository that can be cloned and pushed to over HTTP, for tests of clients that send their
// credentials only when asked.
//
// `git http-backend` serves it, a CGI program (RFC 3875). The repository begins empty and ends with
// this process.

import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

let root;

function projects() {
  if (root === undefined) {
    root = mkdtempSync(join(tmpdir(), "patrol-git-"));
    process.on("exit", () => rmSync(root, { recursive: true, force: true }));
    for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit());
    execFileSync("git", ["init", "--quiet", "--bare", join(root, "plant.git")]);
  }
  return root;
}

/** Serves the path below the folder of repositories. */
export function serveGit({ request, response, query }, path) {
  const { method, headers } = request;
  const backend = spawn("git", ["http-backend"], {
    env: {
      PATH: process.env.PATH,
      GIT_PROJECT_ROOT: projects(),
      GIT_HTTP_EXPORT_ALL: "1",
      GIT_PROTOCOL: headers["git-protocol"] ?? "",
      PATH_INFO: `/${path}`,
      QUERY_STRING: query.toString(),
      REQUEST_METHOD: method,
      CONTENT_TYPE: headers["content-type"] ?? "",
      HTTP_CONTENT_ENCODING: headers["content-encoding"] ?? "",
      // Whoever has a name may push.
      REMOTE_USER: headers["x-patrol-subject"] ?? "",
    },
    stdio: ["pipe", "pipe", "inherit"],
  });
  request.pipe(backend.stdin);
  // It may exit without reading the body.
  backend.stdin.on("error", () => {});
  const chunks = [];
  backend.stdout.on("data", (chunk) => chunks.push(chunk));
  backend.on("close", () => {
    const output = Buffer.concat(chunks);
    const end = output.indexOf("\r\n\r\n");
    const lines = output.subarray(0, end).toString("latin1").split("\r\n");
    const fields = lines.map((line) => line.split(/:\s*/, 2));
    const status = fields.find(([name]) => name.toLowerCase() === "status");
    response.writeHead(Number.parseInt(status?.[1] ?? "200", 10), fields.flat());
    response.end(output.subarray(end + 4));
  });
}
