// The limits of a Durable Object: one call does nothing; the other writes a row and waits, as every
// object does, until it is on disk.
export class Registry {
  #sql;
  constructor(state) {
    this.#sql = state.storage.sql;
    this.#sql.exec("CREATE TABLE IF NOT EXISTS rows (number INTEGER PRIMARY KEY, text TEXT)");
  }
  fetch(request) {
    if (new URL(request.url).pathname === "/row") {
      this.#sql.exec("INSERT INTO rows (text) VALUES ('a row')");
    }
    return new Response("{}");
  }
}

export default { fetch: () => new Response(null, { status: 404 }) };
