// The values that the form module takes and returns. All are plain objects. Times are RFC 3339 in
// UTC; `now` is in milliseconds, as from Date.now().

/** The response of `GET /api/v1/me`. */
export interface Me {
  id: string;
  name: string;
  email: string;
  organizations: { id: string; name: string; roles: string[]; scopes: string[] }[];
  rbac: boolean;
  /** Every scope of the policy, in display order. */
  groups: Group[];
  /** The display names of the user's roles. */
  role_labels: Record<string, string>;
  /** How long a revoked token may still be accepted; absent if revocation is immediate. */
  revocation_delay_seconds?: number;
}

/** Scopes that belong together. `color` is a key of the page's badge colors. */
export interface Group {
  name: string;
  color: string;
  scopes: { name: string; label: string; description: string }[];
}

/** A token in the response of `GET /api/v1/tokens`. */
export interface TokenRecord {
  id: string;
  name: string;
  organizations: string[];
  /** null: unrestricted, because RBAC was off when the token was created. */
  scopes: string[] | null;
  created_at: string;
  last_used_at: string | null;
  last_used_address?: string | null;
  expires_at: string;
  revoked_at: string | null;
  status: Status;
  /** The header of the request that created it. */
  idempotency_key?: string | null;
}

/** The body of `POST /api/v1/tokens`. */
export interface CreateTokenRequest {
  name: string;
  expires_in_days: number;
  organizations: string[];
  scopes: string[];
}

/** An error response (RFC 9457). */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
  field?: string;
  errors?: { field: string; code: string; detail: string }[];
}

export type Status = "active" | "expired" | "revoked";
export type FieldName = "name" | "expires_in_days" | "organizations" | "scopes";

/** A message for the user: `text` in English, `code` and `values` for a translation. */
export interface UserMessage {
  /** A key of `MessageValues`, or an error code of the server, which comes without values. */
  code: string;
  values: Record<string, string | number | string[]>;
  text: string;
}

/** The values of each message, by its code. */
export interface MessageValues {
  // Errors at a field. Optional values are absent if the server found the error.
  "name-missing": NoValues;
  "name-too-long": { length: number; limit: number };
  /** `character` is a code point such as "U+2028". */
  "name-unprintable": { character: string };
  /** The name has no visible character. */
  "name-invisible": NoValues;
  /** `choices` are days. */
  "expiry-invalid": { choices: string[] };
  "organization-missing": NoValues;
  /** The user is not a member of any organization. */
  "organization-none": NoValues;
  "organization-unknown": { organization?: string };
  "organizations-too-many": { limit: number };
  "scopes-missing": NoValues;
  /** `organizations` is how many the user has chosen. */
  "scopes-none-offered": { organizations: number };
  "scopes-exceed-owner": { scopes?: string[] };
  "scopes-unused": NoValues;
  "scope-unknown": { scope: string };

  // Errors of the whole form.
  "limit-reached": { active: number; limit: number };
  /** The server's response had no error code. */
  refused: NoValues;

  // FormView.summary
  /** `organizations` are display names. */
  "summary-organizations": { organizations: string[] };
  /** One message for each group; `scopes` are labels. */
  "summary-scopes": { group: string; scopes: string[] };
  /** No scope is selected. */
  "summary-nothing": NoValues;
  /** RBAC is off. */
  "summary-full-access": NoValues;
  "summary-until": { days: number; time: string };

  // TokenRow.expires and TokenRow.lastUsed
  "expires-in": RelativeTime;
  /** In less than a minute. */
  "expires-soon": { time: string };
  "expired-ago": RelativeTime;
  "expired-just-now": { time: string };
  "revoked-ago": RelativeTime;
  "revoked-just-now": { time: string };
  "last-used-ago": RelativeTime;
  "last-used-just-now": { time: string };
  "last-used-never": NoValues;
}

export type NoValues = Record<never, never>;

/** `count` and `unit` are what Intl.RelativeTimeFormat takes. */
export interface RelativeTime {
  time: string;
  count: number;
  unit: "minute" | "hour" | "day";
}

export interface FormInput {
  me: Me;
  /** The number of active tokens, from `GET /api/v1/tokens`. */
  active: number;
  /** The maximum number of active tokens, from the same response. */
  limit: number;
  now: number;
  /** Translations of the policy's texts, so that a search finds them. */
  words?: Record<string, string>;
}

export interface FieldView {
  /** Set once the user has left the field or tried to submit, or the server reported an error. */
  error: UserMessage | null;
}

export interface FormView {
  name: FieldView & {
    value: string;
    length: number;
    /** How many more characters fit; negative if the name is too long. */
    left: number;
  };
  expiry: FieldView & {
    days: number;
    /** null if `days` is not one of the choices. */
    expiresAt: string | null;
    choices: { days: number; expiresAt: string; isDefault: boolean }[];
  };
  organizations: FieldView & {
    several: boolean;
    choices: { id: string; name: string; roles: string[]; chosen: boolean }[];
  };
  /** null if RBAC is off: the token inherits the full access of its owner. */
  scopes:
    | (FieldView & {
        selected: number;
        /** How many the chosen organizations offer. */
        total: number;
        groups: GroupView[];
        /** Labels of selected scopes that the chosen organizations do not offer. */
        dropped: string[];
        search: string;
      })
    | null;
  summary: UserMessage[];
  canSubmit: boolean;
  /** Why the form cannot be submitted; empty if and only if it can. */
  blockers: UserMessage[];
  /** The server's error that concerns no single field, until anything changes. */
  error: UserMessage | null;
  limit: { active: number; limit: number; reached: boolean };
  /** Whether closing the form would lose the user's entries. */
  changed: boolean;
}

export interface GroupView {
  name: string;
  color: string;
  state: "none" | "some" | "all";
  selected: number;
  total: number;
  visible: boolean;
  scopes: {
    name: string;
    label: string;
    description: string;
    selected: boolean;
    visible: boolean;
  }[];
}

export type Column = "name" | "scopes" | "created" | "last_used" | "expires" | "status";
export type Filter = "all" | Status;

export interface TableInput {
  /** Those of all pages so far, in order. */
  tokens: TokenRecord[];
  /** Whether there are more pages. */
  more: boolean;
  active: number;
  expired: number;
  revoked: number;
  limit: number;
  now: number;
  /** Every scope of the policy, from `GET /api/v1/me`. */
  groups: Group[];
}

export interface TableView {
  rows: TokenRow[];
  /** The number of tokens by status, regardless of filter and search. */
  counts: { all: number; active: number; expired: number; revoked: number };
  active: number;
  limit: number;
  shown: number;
  /** Whether more can be loaded. */
  more: boolean;
  sort: { column: Column; descending: boolean };
  filter: Filter;
  search: string;
  /** null if there are rows, or may be. */
  empty: "no-tokens" | "no-match" | null;
}

export interface TokenRow {
  id: string;
  name: string;
  status: Status;
  organizations: string[];
  /** Whether the token was created with RBAC off; then it has no badges. */
  unrestricted: boolean;
  /** If the policy no longer has a scope, `group` is "" and `color` "neutral". */
  badges: { name: string; label: string; group: string; color: string }[];
  createdAt: string;
  lastUsedAt: string | null;
  expiresAt: string;
  revokedAt: string | null;
  /** "expires in 12 days", "expired 3 days ago" or "revoked 2 hours ago" */
  expires: UserMessage;
  /** "last used 3 h ago" or "never" */
  lastUsed: UserMessage;
  /** Whether the token is active with less than 7 days left. */
  warning: boolean;
}
