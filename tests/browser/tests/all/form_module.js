// Calls the built form module: values have the members and types of `types.ts`, and no argument makes
// the module panic.
//
// Runs in the page as an asynchronous WebDriver script. Its result lists the cases that passed, and
// the errors of the others.

const done = arguments[arguments.length - 1];

const GROUPS = `[
  { "name": "UNS", "color": "green", "scopes": [
    { "name": "uns:browse", "label": "Browse topics", "description": "List the topics." },
    { "name": "uns:read", "label": "Read values", "description": "Read the values of topics." }] },
  { "name": "Models", "color": "violet", "scopes": [
    { "name": "models:read", "label": "Read models", "description": "List and read models." },
    { "name": "models:write", "label": "Change models", "description": "Change models." },
    { "name": "models:delete", "label": "Delete models", "description": "Delete models." }] }]`;

const INPUT = `{
  "me": { "id": "ada", "name": "Ada", "email": "ada@example.com", "rbac": true,
    "groups": ${GROUPS}, "role_labels": { "admin": "Admin" },
    "organizations": [
      { "id": "acme", "name": "Acme", "roles": ["admin"], "scopes": [
        "uns:browse", "uns:read", "models:read", "models:write", "models:delete"] },
      { "id": "globex", "name": "Globex", "roles": ["viewer"], "scopes": ["uns:read"] }] },
  "active": 0, "limit": 50, "now": 2000000000000 }`;

const TOKENS = `{
  "tokens": [{ "id": "4ySerkxJC4haEHngr6dQZg", "name": "ERP", "organizations": ["acme"],
    "scopes": ["uns:read"], "created_at": "2033-05-18T03:33:20Z", "last_used_at": null,
    "expires_at": "2033-06-17T03:33:20Z", "revoked_at": null, "status": "active" }],
  "more": false, "groups": ${GROUPS},
  "active": 1, "expired": 0, "revoked": 2, "limit": 50, "now": 2000000000000 }`;

function equal(actual, expected, what = "") {
  if (!Object.is(actual, expected)) {
    throw new Error(`${what} ${JSON.stringify(actual)} is not ${JSON.stringify(expected)}`);
  }
}

function ok(holds, what) {
  if (!holds) throw new Error(what);
}

function thrown(work, what) {
  try {
    work();
  } catch (error) {
    ok(error instanceof Error, `${what} throws an Error`);
    return error;
  }
  throw new Error(`${what} does not throw`);
}

/** Follows a path such as "scopes.groups.0.name". */
const at = (value, path) => path.split(".").reduce((value, name) => value[name], value);

async function run() {
  const { default: init, TokenForm, TokenTable } = await import("/.patrol/ui/pkg/form.js");
  await init();
  const form = () => new TokenForm(JSON.parse(INPUT));

  const cases = {
    "a view has the members of its type"() {
      const view = form().view();
      for (const path of [
        "name.value",
        "name.length",
        "name.left",
        "expiry.days",
        "expiry.expiresAt",
        "expiry.choices.0.isDefault",
        "organizations.several",
        "organizations.choices.1.roles.0",
        "scopes.selected",
        "scopes.total",
        "scopes.groups.0.scopes.0.description",
        "scopes.dropped",
        "summary.0.text",
        "canSubmit",
        "blockers.0.code",
        "limit.reached",
        "changed",
      ]) {
        ok(at(view, path) !== undefined, path);
      }
      equal(view.error, null, "null, not undefined:");
      equal(view.expiry.expiresAt, "2033-08-16T03:33:20Z");
    },

    "methods return the new view, and request() what can be sent"() {
      const one = form();
      equal(one.request(), undefined);
      one.setName("ERP \u{1f511}");
      one.setExpiry(30);
      const view = one.toggleGroup("Models");
      equal(view.scopes.selected, 3);
      equal(view.name.length, 5, "characters, not UTF-16 code units:");
      equal(
        JSON.stringify(one.request()),
        '{"name":"ERP \u{1f511}","expires_in_days":30,"organizations":["acme"],' +
          '"scopes":["models:read","models:write","models:delete"]}',
      );
    },

    "a search finds translations"() {
      const words = INPUT.replace('"active"', '"words": { "Models": "Modelle" }, "active"');
      const one = new TokenForm(JSON.parse(words));
      one.search("modelle");
      equal(one.selectAll().scopes.selected, 3);
    },

    "toJSON() and fromState() restore a form"() {
      const one = form();
      one.setName("ERP");
      one.toggleScope("uns:read");
      const restored = TokenForm.fromState(JSON.parse(INPUT), one.toJSON());
      equal(restored.view().name.value, "ERP");
      for (const odd of ["", "{", "null", "[]", '{"name":1}']) {
        equal(TokenForm.fromState(JSON.parse(INPUT), odd).view().name.value, "", odd);
      }
    },

    "an invalid input throws an error that names the member"() {
      const incomplete = JSON.parse(INPUT.replace('"limit"', '"limits"'));
      for (const [input, member] of [
        [incomplete, "limit"],
        [undefined, "id"],
        [7, "id"],
        [[], "id"],
      ]) {
        const { message } = thrown(() => new TokenForm(input), member);
        ok(message.startsWith("FormInput: ") && message.includes(member), message);
      }
      const cycle = {};
      cycle.me = cycle;
      thrown(() => new TokenForm(cycle), "an object in itself");
    },

    "invalid arguments are ignored or throw"() {
      const one = form();
      const before = one.toJSON();
      one.toggleScope("no:such");
      one.toggleGroup("");
      one.setOrganization("elsewhere", true);
      one.touch("nothing");
      equal(one.toJSON(), before);
      for (const days of [NaN, Infinity, -1, 30.5]) {
        const view = one.setExpiry(days);
        equal(view.expiry.expiresAt, null, `${days}`);
        equal(view.canSubmit, false, `${days}`);
      }
      for (const now of [NaN, -1]) thrown(() => one.setNow(now), `${now}`);
      one.setNow(2_000_000_000_000.5);
    },

    "any error response is shown"() {
      const one = form();
      for (const problem of [undefined, "no", { status: 502 }, { errors: [{ field: "name" }] }]) {
        equal(one.reject(problem).error.code, "refused");
      }
      // If the form itself has no error at the field, it shows the server's.
      one.setName("ERP");
      const atName = { field: "name", code: "name-invalid", detail: "No." };
      const view = one.reject({ errors: [atName] });
      equal(view.name.error.text, "No.");
      equal(view.error, null);
    },

    "the list is drawn, with the user's choices"() {
      const table = new TokenTable(JSON.parse(TOKENS));
      const [row] = table.view().rows;
      equal(row.badges[0].color, "green");
      equal(row.expires.code, "expires-in");
      equal(row.expires.values.count, 30);
      equal(row.lastUsedAt, null);
      equal(table.setFilter("revoked").filter, "revoked");
      equal(table.setSearch("erp").search, "erp");
      equal(table.view().counts.all, 3);
      equal(table.view().more, false);
      thrown(() => table.setFilter("gone"), "an unknown filter");
      thrown(() => table.sortBy("color"), "an unknown column");
      table.setFilter("all");
      equal(table.sortBy("last_used").sort.column, "last_used");
      equal(table.setNow(2_100_000_000_000).rows[0].status, "expired");
      const invalid = JSON.parse(TOKENS.replace("2033-06-17T03:33:20Z", "soon"));
      thrown(() => table.update(invalid), "an invalid time");
    },
  };

  const passed = [];
  const failed = [];
  for (const [name, check] of Object.entries(cases)) {
    try {
      check();
      passed.push(name);
    } catch (error) {
      failed.push(`${name}: ${error.message}`);
    }
  }
  return { passed, failed };
}

run().then(done, (error) => done({ passed: [], failed: [String(error)] }));
