// Runs SQL in the databases of all registries in a folder, to simulate old or many tokens. No
// process may have the databases open.
//
//     node change-registries.mjs FOLDER '["UPDATE …", …]'

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

const [folder, statements] = process.argv.slice(2);
const files = readdirSync(folder, { recursive: true }).filter((name) => name.endsWith(".sqlite"));
const has_tokens = "SELECT count(*) AS found FROM sqlite_master WHERE name = 'tokens'";
for (const file of files) {
  const database = new DatabaseSync(join(folder, file));
  if (database.prepare(has_tokens).get().found === 0) continue;
  for (const statement of JSON.parse(statements)) database.exec(statement);
  database.close();
}
