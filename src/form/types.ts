// The values that go into the form module and come out of it. All are plain objects.
// Times are RFC 3339 in UTC; `now` is in milliseconds, as from Date.now().

/** `GET /api/v1/me` */
export interface Me {
    id: string;
    name: string;
    email: string;
    organizations: { id: string; name: string; roles: string[]; scopes: string[] }[];
    rbac: boolean;
    /** How long a revoked token may still pass; absent: not at all. */
    revocation_delay_seconds?: number;
}

/** One of `GET /api/v1/tokens`. */
export interface TokenRecord {
    id: string;
    name: string;
    organizations: string[];
    /** null: no restriction, because the token was made with RBAC off. */
    scopes: string[] | null;
    created_at: string;
    last_used_at: string | null;
    /** Not every server tells it. */
    last_used_address?: string | null;
    expires_at: string;
    revoked_at: string | null;
    status: Status;
}

/** The body of `POST /api/v1/tokens`. */
export interface CreateTokenRequest {
    name: string;
    expires_in_days: number;
    organizations: string[];
    scopes: string[];
}

/** A refusal (RFC 9457). */
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

/**
 * A message for people: `text` in English, `code` and `values` for a translation.
 * A refusal by the server keeps the server's code and has no values.
 */
export interface Message {
    code: MessageCode | (string & {});
    values: Record<string, string | number | string[]>;
    text: string;
}

export type MessageCode =
    // What is wrong with a field.
    | "name-missing"
    | "name-too-long" // length, limit: number
    | "name-unprintable"
    | "expiry-invalid" // choices: string[] (days)
    | "organization-missing"
    | "organization-none" // the user is in no organization
    | "organization-unknown" // organization: string
    | "organizations-too-many" // limit: number
    | "scopes-missing"
    | "scopes-none-offered" // organizations: number (chosen)
    | "scopes-exceed-owner" // scopes: string[]
    | "scopes-unused"
    | "scope-unknown" // scope: string
    // What else is in the way.
    | "limit-reached" // active, limit: number
    | "refused" // the server's refusal has no code
    // FormView.summary
    | "summary-organizations" // organizations: string[] (names)
    | "summary-scopes" // group: string, scopes: string[] (labels); once for each group
    | "summary-nothing" // no scope selected
    | "summary-full-access" // RBAC is off
    | "summary-until" // days: number, time: string
    // Row.expires and Row.lastUsed. time: string; with a distance also count: number and
    // unit: "minute" | "hour" | "day", as Intl.RelativeTimeFormat takes them.
    | "expires-in"
    | "expires-soon" // in less than a minute
    | "expired-ago"
    | "expired-just-now"
    | "revoked-ago"
    | "revoked-just-now"
    | "last-used-ago"
    | "last-used-just-now"
    | "last-used-never";

export interface FormInput {
    me: Me;
    /** From `GET /api/v1/tokens`, as the next. */
    active: number;
    limit: number;
    now: number;
    /** The policy's texts in the page's language, so that a search finds them too. */
    words?: Record<string, string>;
}

/** `error` is there once the field was touched, the form submitted, or the server refused. */
export interface FieldView {
    error: Message | null;
}

export interface FormView {
    name: FieldView & {
        value: string;
        length: number;
        /** Negative: too many characters. */
        left: number;
    };
    expiry: FieldView & {
        days: number;
        /** null when `days` is none of the choices. */
        expiresAt: string | null;
        choices: { days: number; expiresAt: string; isDefault: boolean }[];
    };
    organizations: FieldView & {
        several: boolean;
        choices: { id: string; name: string; roles: string[]; chosen: boolean }[];
    };
    /** null: RBAC is off, the token inherits the full access of its owner. */
    scopes: (FieldView & {
        selected: number;
        /** Offered for the chosen organizations. */
        total: number;
        groups: GroupView[];
        /** Labels of scopes that were selected, but that the chosen organizations do not offer. */
        dropped: string[];
        search: string;
    }) | null;
    summary: Message[];
    canSubmit: boolean;
    /** Why not. */
    blockers: Message[];
    /** The server's refusal, if it is about no field; until anything changes. */
    refusal: Message | null;
    limit: { active: number; limit: number; reached: boolean };
    /** Would something that was filled in be lost with the form? */
    changed: boolean;
}

export interface GroupView {
    name: string;
    color: string;
    state: "none" | "some" | "all";
    selected: number;
    total: number;
    visible: boolean;
    scopes: { name: string; label: string; description: string; selected: boolean; visible: boolean }[];
}

export type Column = "name" | "scopes" | "created" | "last_used" | "expires" | "status";
export type Filter = "all" | Status;

export interface TableInput {
    tokens: TokenRecord[];
    active: number;
    limit: number;
    now: number;
    /** Names of organizations by their ids, so that a search finds them too. */
    organizations?: Record<string, string>;
}

export interface TableView {
    rows: Row[];
    /** Of all tokens, whatever filter and search. */
    counts: { all: number; active: number; expired: number; revoked: number };
    active: number;
    limit: number;
    shown: number;
    sort: { column: Column; descending: boolean };
    filter: Filter;
    search: string;
    empty: "no-tokens" | "no-match" | null;
}

export interface Row {
    id: string;
    name: string;
    status: Status;
    organizations: string[];
    /** Made with RBAC off: there are no badges. */
    unrestricted: boolean;
    /** `group` is "" and `color` "neutral" for a scope that the policy does not have any more. */
    badges: { name: string; label: string; group: string; color: string }[];
    createdAt: string;
    lastUsedAt: string | null;
    expiresAt: string;
    revokedAt: string | null;
    /** "expires in 12 days", "expired 3 days ago"; of a revoked token "revoked 2 hours ago". */
    expires: Message;
    /** "last used 3 h ago", "never" */
    lastUsed: Message;
    /** Active, with less than 7 days left. */
    warning: boolean;
}
