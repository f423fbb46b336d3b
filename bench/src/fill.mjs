// Fills the databases of two registries with tokens, 50 per user: registry 0 with as many as the
// last argument says, registry 1 with a thousand. The first argument is the folder of the
// databases; nothing may use them meanwhile. Prints the number of filled databases.
//
// Node includes SQLite, so nothing has to be installed.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

const [folder, many] = process.argv.slice(2);
const COUNTS = [Number(many), 1000];
const LIST = 1 << 17;
/** More than a benchmark has. */
const ROUNDS = 6;

let filled = 0;
for (const file of readdirSync(folder, { recursive: true })) {
  if (!file.endsWith(".sqlite") || file.endsWith("metadata.sqlite")) continue;
  const database = new DatabaseSync(join(folder, file));
  // Other objects have no such table.
  const [table] = database.prepare("SELECT 1 FROM sqlite_master WHERE name = 'tokens'").all();
  if (!table) continue;
  // The benchmark has created one token in each registry, for an owner named after it.
  const { owner } = database.prepare("SELECT owner FROM tokens").get();
  const count = COUNTS[owner.replace("registry-", "")];
  if (count === undefined) continue;
  const lists = Math.ceil(count / LIST);
  database.exec("BEGIN");
  database.exec(`
    INSERT INTO lists (list, permutation_key, issued, version, last_expiry)
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${lists})
    SELECT i, printf('%032x', i), ${LIST}, 0, unixepoch() + 2000000 FROM n`);
  // Ids are scattered like random ones; the tokens of users are interleaved.
  database.exec(`
    INSERT INTO tokens (id, owner, name, organizations, scopes, list, idx, created_at, expires_at)
    WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ${count})
    SELECT printf('%08x-%d', i * 2654435761 & 0xffffffff, i), 'user-' || (i % (${count} / 50)),
      'Benchmark', '["acme"]', '["pipelines:read","models:read"]', 1 + i / ${LIST}, i % ${LIST},
      unixepoch() - 1000000 + i % 900000, unixepoch() + 1000000 + i % 900000 FROM n`);
  // Each user has a session with the user's own name, and so has each owner of the tokens that the
  // benchmark creates: some thousand from a new million on in each round.
  database.exec(`
    CREATE TEMP TABLE users AS
    WITH RECURSIVE
      n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ${count} / 50),
      round(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM round WHERE i + 1 < ${ROUNDS}),
      owner(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM owner WHERE i + 1 < 5000)
    SELECT 'user-' || i AS id FROM n
    UNION ALL SELECT 'new-' || (25000 * round.i + owner.i) FROM round, owner`);
  database.exec(`
    INSERT INTO accounts
      (id, name, email, memberships, front, provider, issuer, subject, confirmed_at)
    SELECT id, 'Benchmark', '', '[{"organization":"acme","name":"Acme","roles":["admin"]}]',
      'platform', 'platform', 'https://platform.example', id, unixepoch() FROM users`);
  database.exec(`
    INSERT INTO sessions (id, user, created_at, expires_at)
    SELECT id, id, unixepoch(), unixepoch() + 86400 FROM users`);
  database.exec("COMMIT");
  database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  database.close();
  filled += 1;
}
console.log(filled);
