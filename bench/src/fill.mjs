// Fills the databases of two registries with tokens, 50 for each user: registry 0 with as many
// as the last argument says, registry 1 with a thousand. The first argument is the folder with
// the databases; nobody may use them meanwhile. Prints how many were filled.
//
// Node brings its SQLite along, so nothing has to be installed.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

const [folder, many] = process.argv.slice(2);
const COUNTS = { "registry-0": Number(many), "registry-1": 1000 };
const LIST = 1 << 17;

let filled = 0;
for (const file of readdirSync(folder, { recursive: true })) {
  if (!file.endsWith(".sqlite") || file.endsWith("metadata.sqlite")) continue;
  const database = new DatabaseSync(join(folder, file));
  // Other objects have no such table.
  const [table] = database.prepare("SELECT 1 FROM sqlite_master WHERE name = 'tokens'").all();
  if (!table) continue;
  // The one token of each was created for an owner with the registry's name.
  const { owner } = database.prepare("SELECT owner FROM tokens").get();
  const count = COUNTS[owner];
  if (count === undefined) continue;
  const lists = Math.ceil(count / LIST);
  database.exec("BEGIN");
  database.exec(`
    INSERT INTO lists (list, permutation_key, issued, version, last_expiry)
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${lists})
    SELECT i, printf('%032x', i), ${LIST}, 0, unixepoch() + 2000000 FROM n`);
  // Ids are as scattered as random ones, and users as mixed as they come.
  database.exec(`
    INSERT INTO tokens (id, owner, name, organizations, scopes, list, idx, created_at, expires_at)
    WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ${count})
    SELECT printf('%08x-%d', i * 2654435761 & 0xffffffff, i), 'user-' || (i % (${count} / 50)),
      'Benchmark', '["acme"]', '["pipelines:read","models:read"]', 1 + i / ${LIST}, i % ${LIST},
      unixepoch() - 1000000 + i % 900000, unixepoch() + 1000000 + i % 900000 FROM n`);
  database.exec("COMMIT");
  database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  database.close();
  filled += 1;
}
console.log(filled);
