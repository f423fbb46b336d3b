/**
 * A curl command to try a new token with.
 *
 * It reads something that the token allows from the sample policy's API, so Last Used in the list
 * changes too. If the token allows nothing there, the command reads the token's own record, which
 * every token can.
 */

/** What a scope allows to read without parameters. @type {[scope: string, path: string][]} */
const READABLE = [
  ["pipelines:read", "/api/v1/engine/pipelines"],
  ["models:read", "/api/v1/models"],
  ["connectors:read", "/api/v1/connectors"],
  ["uns:browse", "/api/v1/uns/topics"],
  ["dashboards:read", "/api/v1/dashboards"],
  ["organizations:read", "/api/v1/organizations"],
];

const CURRENT_TOKEN = "api/v1/tokens/current";

/**
 * @param {import("../shared/api.js").Api} api
 * @param {import("../shared/api.js").TokenRecord} record
 * @param {string} token
 * @returns {string} A command for a POSIX shell.
 */
export function exampleCommand(api, record, token) {
  const { scopes } = record;
  const readable = READABLE.find(([scope]) => scopes === null || scopes.includes(scope));
  const address = readable ? api.origin + readable[1] : api.addressOf(CURRENT_TOKEN);
  return [
    `curl -H "Authorization: Bearer ${token}"`,
    `-H "X-Organization-ID: ${record.organizations[0]}"`,
    address,
  ].join(" \\\n  ");
}
