// Prints SQLite's query plans for statements, in the first registry database in a folder. The
// database is opened read-only.
//
//     node query-plan.mjs FOLDER '["SELECT …", …]'

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

const [folder, statements] = process.argv.slice(2);
const files = readdirSync(folder, { recursive: true }).filter((name) => name.endsWith(".sqlite"));
const has_tokens = "SELECT count(*) AS found FROM sqlite_master WHERE name = 'tokens'";
for (const file of files) {
  const database = new DatabaseSync(join(folder, file), { readOnly: true });
  if (database.prepare(has_tokens).get().found === 0) continue;
  const plans = JSON.parse(statements).map((statement) =>
    database
      .prepare(`EXPLAIN QUERY PLAN ${statement}`)
      .all()
      .map((step) => step.detail),
  );
  console.log(JSON.stringify(plans));
  break;
}
