// Moves token records into the past: backdate.mjs STATE '{"name": days, …}'. The system must not be
// running. Fails if a name is not found.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

const [, , state, json] = process.argv;
const missing = new Map(Object.entries(JSON.parse(json)));
const DAY = 86_400;

for (const path of readdirSync(state, { recursive: true })) {
  if (!path.endsWith(".sqlite")) continue;
  const database = new DatabaseSync(join(state, path));
  const found = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'tokens'").get();
  if (found) {
    const backdate = database.prepare(
      `UPDATE tokens SET created_at = created_at - :by, expires_at = expires_at - :by,
       revoked_at = revoked_at - :by / 2 WHERE name = :name`,
    );
    for (const [name, days] of missing) {
      if (backdate.run({ by: days * DAY, name }).changes > 0) missing.delete(name);
    }
  }
  database.close();
}
if (missing.size > 0) throw new Error(`no record of ${[...missing.keys()].join(", ")}`);
