/**
 * A command to try a new token with.
 *
 * It asks for something that the token may read in the API of the sample policy, so that Last
 * Used in the list changes too. Where the token may read none of these, it asks about itself,
 * which every token may.
 */

/** What a scope lets one read without further parameters. */
const READABLE = [
  ["pipelines:read", "/api/v1/engine/pipelines"],
  ["models:read", "/api/v1/models"],
  ["connectors:read", "/api/v1/connectors"],
  ["uns:browse", "/api/v1/uns/topics"],
  ["dashboards:read", "/api/v1/dashboards"],
  ["organizations:read", "/api/v1/organizations"],
];

const ITSELF = "/api/v1/tokens/current";

/**
 * @param {string} address Where programs find the API.
 * @param {import("../shared/api.js").TokenRecord} record
 * @param {string} token
 * @returns {string} For a shell of POSIX.
 */
export function exampleCommand(address, record, token) {
  const { scopes } = record;
  const readable = READABLE.find(([scope]) => scopes === null || scopes.includes(scope));
  const path = readable?.[1] ?? ITSELF;
  return [
    `curl -H "Authorization: Bearer ${token}"`,
    `-H "X-Organization-ID: ${record.organizations[0]}"`,
    `${address}${path}`,
  ].join(" \\\n  ");
}
