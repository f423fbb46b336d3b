/**
 * English: all texts of the page.
 *
 * A translation is a file with the same keys. `messages` and `policy` may be incomplete. They are
 * here, because the texts of the form module and the policy are already in English.
 */

import { isolate } from "../shared/names.js";

/** @typedef {import("./language.js").Messages} Messages */

/** @param {number} count @param {string} one @param {string} many */
const plural = (count, one, many) => `${count} ${count === 1 ? one : many}`;

export default {
  language: "English",

  shell: {
    skip: "Skip to content",
    navigation: "Main",
    home: "Home",
    languages: "Language",
    profile: "Profile settings",
    account: "Account",
    failed: "The page could not be loaded",
    notFound: "Page not found",
    notFoundDetail: "Check the address, or go back to the start page.",
    toHome: "Go to the start page",
    elsewhere: "This page works only at another address:",
  },

  home: {
    title: "Home",
    /** @param {string} name */
    welcome: (name) => `Welcome, ${name}`,
    lead: "Personal access tokens let your applications use the API on your behalf, without your password.",
    steps: [
      [
        "Create a token",
        "Give it a name, an expiration and only the permissions that the application needs.",
      ],
      ["Send it with each request", "Put it in the Authorization header."],
      [
        "Revoke it",
        "When you no longer need it, or if it has leaked. A revoked token stops working everywhere, for good.",
      ],
    ],
    sample: "Sample request",
    yourToken: "your-token",
    yourOrganization: "your-organization-id",
    toTokens: "Manage your tokens",
  },

  profile: {
    title: "Profile Settings",
    tabs: "Profile settings",
    general: "General",
    security: "Security",
    account: "Account",
    name: "Name",
    email: "Email",
    id: "User ID",
    organizations: "Organizations",
    organizationsLead:
      "If there is more than one, each request names one in the X-Organization-ID header.",
    session: "Session",
    /** @param {string} email */
    signedInAs: (email) => `You are signed in as ${email}. Sessions expire after 12 hours.`,
    signOut: "Sign out",
    signOutFailed: "Could not sign you out.",
  },

  sessions: {
    title: "Sessions",
    lead: "Where you are signed in",
    /** @param {string} time */
    since: (time) => `Signed in on ${time}`,
    /** @param {string} address */
    from: (address) => `From ${address}`,
    fromUnknown: "From an unknown address",
    unknownAgent: "Unknown browser",
    current: "This session",
    end: "End",
    /** @param {string} time */
    endNamed: (time) => `End the session of ${time}`,
    endFailed: "Could not end the session.",
  },

  activity: {
    title: "Activity",
    lead: "Sign-ins, and what was done with your tokens",
    /** @type {Record<string, string>} */
    actions: {
      "sign-in": "You signed in",
      "sign-out": "You signed out",
      "session-end": "You ended a session",
      "token-creation": "You created a token",
      "token-revocation": "You revoked a token",
    },
    byToken: "A token revoked itself",
    /** @type {Record<string, string>} */
    outcomes: {
      "account-disabled": "Refused: the account is disabled.",
      "token-limit-reached": "Refused: you had the most active tokens.",
    },
    more: "Show earlier activity",
  },

  signIn: {
    title: "Sign in",
    again: "Sign in again",
    lead: "Choose where to sign in.",
    development: "Choose a development user.",
    none: "Nobody can sign in here yet. The operator has to set up a provider.",
    access: "Cloudflare Access",
    window: "Opens in a window of its own",
    done: "You are signed in",
    doneLead: "You can close this window, and continue where you were.",
    againLead: "Your session has expired. Your entries are still there.",
    /** @type {Record<string, string>} */
    users: {
      ada: "Admin in Acme Manufacturing, viewer in Globex Chemicals",
      vic: "Viewer in Acme Manufacturing",
      otto: "Operator in Acme Manufacturing",
    },
    cancel: "Not now",
    failed: "Could not sign you in.",
  },

  problems: {
    unreachable: "The server did not respond. Check your connection and try again.",
    session: "Your session has expired. Sign in and try again.",
    /** @param {string} server @param {string} page */
    notReadable: (server, page) =>
      `${server} does not answer, or not to pages at ${page}. Check the address and your connection.`,
    unknown: "Something went wrong on the server. Try again, and contact support if this persists.",
  },

  tokens: {
    title: "Personal Access Tokens",
    lead: "Let applications use the API on your behalf, without your password.",
    create: "Create Token",
    /** @param {number} active @param {number} limit */
    active: (active, limit) => `${active} of ${limit} active`,
    /** @param {number} limit */
    limitReached: (limit) =>
      `You have reached the limit of ${limit} active tokens. Revoke one that you no longer need to create another.`,
    filter: "Show",
    filters: { all: "All", active: "Active", expired: "Expired", revoked: "Revoked" },
    search: "Search tokens",
    sortBy: "Sort by",
    direction: { ascending: "Ascending", descending: "Descending" },
    columns: {
      name: "Name",
      scopes: "Scopes",
      created: "Created",
      last_used: "Last Used",
      expires: "Expires",
      status: "Status",
      action: "Action",
    },
    status: { active: "Active", expired: "Expired", revoked: "Revoked" },
    never: "Never",
    unshown: "Value not shown",
    unshownDetail:
      "The answer to its creation was lost, so nobody has seen its value. Revoke it and create another token.",
    /** @param {string} address */
    usedFrom: (address) => `From ${address}`,
    fullAccess: "Full access",
    fullAccessDetail:
      "Created without scope restrictions: it inherits the full access level of your account.",
    /** @param {number} count */
    moreScopes: (count) => `Show ${plural(count, "more scope", "more scopes")}`,
    fewerScopes: "Show fewer",
    revoke: "Revoke",
    /** @param {string} name */
    revokeNamed: (name) => `Revoke ${name}`,
    /** @param {number} shown @param {number} all @param {(count: number) => string} number */
    shown: (shown, all, number) => {
      const tokens = all === 1 ? "1 token" : `${number(all)} tokens`;
      return shown === all ? tokens : `${number(shown)} of ${tokens}`;
    },
    more: "Load more",
    loadingMore: "Loading…",
    moreFailed: "More tokens could not be loaded.",
    loading: "Loading your tokens",
    emptyTitle: "No tokens yet",
    empty:
      "Create a separate token for each application, so that you can revoke them one at a time.",
    noMatchTitle: "No matching tokens",
    noMatch: "Try a different filter or search.",
    clear: "Show all tokens",
    errorTitle: "Your tokens could not be loaded",
    retry: "Try again",
    unsupported:
      "This page needs WebAssembly, which your browser does not support. Update it or use another browser.",
  },

  create: {
    title: "Create Personal Access Token",
    close: "Close",
    name: "Token Name",
    namePlaceholder: "ERP Data Sync",
    nameHint: "Describe what the token is for.",
    /** @param {number} length @param {number} limit */
    count: (length, limit) => `${length} / ${limit}`,
    /** @param {number} left */
    left: (left) =>
      left < 0
        ? plural(-left, "character too many", "characters too many")
        : plural(left, "character left", "characters left"),
    expiry: "Expiration",
    /** @param {number} days @param {string} date */
    choice: (days, date) => `${days === 365 ? "1 year" : `${days} days`} (${date})`,
    /** @param {string} local @param {string} utc */
    expiresAt: (local, utc) =>
      local === utc ? `Expires ${utc} UTC.` : `Expires ${local} (${utc} UTC).`,
    organizations: "Organizations",
    organizationsHint:
      "Where the token works. You can only grant permissions that you have in all selected organizations.",
    permissions: "Permissions",
    /** @param {number} selected @param {number} total */
    selected: (selected, total) => `${selected} of ${total} selected`,
    all: "Select all",
    none: "Clear all",
    allShown: "Select shown",
    noneShown: "Clear shown",
    search: "Search permissions",
    noMatch: "No matching permissions.",
    noneOffered: "You have no permission that applies in all of these organizations.",
    /** @param {string} names */
    dropped: (names) =>
      `Removed, because you do not have them in all selected organizations: ${names}.`,
    rbacOff:
      "RBAC is not enabled. The token is created without scope restrictions and inherits the full access level of your account.",
    summary: "What this token can do",
    cancel: "Cancel",
    submit: "Create Token",
    busy: "Creating…",
    /** @param {string} email */
    userChanged: (email) =>
      `In another tab, you signed in as ${email}. Nothing was created. Check your entries before you create the token for this account.`,
    signedInAgain: "You are signed in again and nothing was lost. You can create the token now.",
    /** No response, or an error on the server: the token may exist. */
    unknownOutcome:
      "The server did not confirm whether the token was created. It is safe to try again: the same entries do not create a second token.",
    alreadyCreated: "This token was created before, but its value did not arrive.",
    lost: "The token was created, but its value did not arrive and cannot be shown again. Revoke it, then create another one.",
    lostRevoked: "The token without a value is revoked. You can create another one now.",
    invalid: "The token cannot be created yet. Correct the marked fields.",
  },

  created: {
    title: "Token created",
    /** @param {string} name */
    lead: (name) => `“${name}” is ready to use.`,
    once: "Copy it now. It is displayed only once.",
    onceDetail:
      "Store it in a secure location. Once you close this dialog, the token cannot be retrieved again and you would have to create a new one.",
    token: "Access token",
    copy: "Copy",
    copied: "Copied",
    copyToken: "Copy token",
    tokenCopied: "Token copied.",
    copyTokenFailed:
      "Your browser did not allow copying. The token is selected: press Ctrl+C or ⌘C to copy it.",
    copyExampleFailed:
      "Your browser did not allow copying. The command is selected: press Ctrl+C or ⌘C to copy it.",
    example: "Try it",
    copyExample: "Copy command",
    exampleCopied: "Command copied.",
    done: "Done",
    leaveTitle: "Close without copying?",
    leave:
      "You have not copied the token. It cannot be displayed again, so you would have to create a new one.",
    back: "Back to the token",
    leaveAnyway: "Close without copying",
  },

  discard: {
    leaveTitle: "Discard this token?",
    leave: "Your entries will be lost.",
    back: "Keep editing",
    leaveAnyway: "Discard",
  },

  revoke: {
    /** @param {string} name */
    title: (name) => `Revoke “${name}”?`,
    immediate: ["Immediate.", "Any application that uses this token loses access right away."],
    /** @param {string} time */
    delayed: (time) => [
      `Within ${time}.`,
      "Until then, applications that use this token may still have access.",
    ],
    consequences: [
      ["Permanent.", "A revoked token cannot be reactivated. Create a new token if needed."],
      ["Stays listed.", "The token remains visible in your list as Revoked."],
    ],
    /** @param {string} time */
    lastUsed: (time) => `Last used ${time}.`,
    neverUsed: "Never used.",
    keep: "Keep Token",
    confirm: "Revoke Token",
    busyTitle: "Revoking…",
    busy: "Waiting until every edge rejects the token.",
    busyRecording: "Waiting until the revocation is recorded.",
    /** @param {string} name */
    doneTitle: (name) => `“${name}” is revoked`,
    /** @param {string} time */
    done: (time) => `Rejected everywhere since ${time}`,
    /** @param {string} time */
    pending: (time) => `May still be accepted until ${time}`,
    /** @param {string} name */
    pendingTitle: (name) => `“${name}” is being revoked`,
    /** @param {string} seconds */
    took: (seconds) => `Took ${seconds}.`,
    close: "Done",
    failed: "The token was not revoked.",
    /** No response, or an error on the server: the token may be revoked. */
    unconfirmed: "The server did not confirm the revocation. It may have gone through.",
    again: "It is safe to try again.",
    gone: "This token does not exist in your account.",
  },

  /** @type {Messages} */
  messages: {
    "summary-organizations": ({ organizations }, language) =>
      `Works in ${language.list(organizations.map(isolate))}.`,
    "summary-until": ({ days, time }, language) =>
      `Expires in ${days} days, on ${language.dateTime(time)}.`,
    // These follow a heading such as "Expires".
    "expires-in": ({ count, unit }, language) => language.relative(count, unit),
    "expired-ago": ({ count, unit }, language) => language.relative(-count, unit),
    "revoked-ago": ({ count, unit }, language) => language.relative(-count, unit),
    "revoked-just-now": () => "just now",
    "last-used-ago": ({ count, unit }, language) => language.relative(-count, unit),
    "last-used-just-now": () => "just now",
  },

  /** @type {Record<string, string>} */
  policy: {},
};
