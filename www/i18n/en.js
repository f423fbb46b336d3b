/**
 * English: every text of the page.
 *
 * A translation is a file with the same keys. `messages` and `policy` may be incomplete, as
 * here: what the form module and the policy say is English already.
 */

/** @typedef {import("./language.js").Language} Language */
/** @typedef {Record<string, any>} Values */

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
    notFound: "There is no such page",
    notFoundDetail: "Check the address, or start again from the beginning.",
    toHome: "Go to the start page",
  },

  home: {
    title: "Home",
    /** @param {string} name */
    welcome: (name) => `Welcome, ${name}`,
    lead: "Personal access tokens let your programs use the API in your name, without your password.",
    steps: [
      [
        "Create a token",
        "Give it a name, a lifetime and only the permissions that the program needs.",
      ],
      ["Send it along", "Put it into the Authorization header of every request."],
      [
        "Revoke it",
        "When it is no longer needed, or has leaked: it is refused everywhere, for good.",
      ],
    ],
    sample: "Example of a request",
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
    email: "E-mail",
    id: "User ID",
    organizations: "Organizations",
    organizationsLead: "Requests name one of them in the X-Organization-ID header.",
    session: "Session",
    /** @param {string} email */
    signedInAs: (email) => `You are signed in as ${email}. A session ends after 12 hours.`,
    signOut: "Sign out",
    signOutFailed: "You could not be signed out. Check your connection and try again.",
  },

  signIn: {
    title: "Sign in",
    again: "Sign in again",
    lead: "Choose a development user.",
    againLead: "Your session has ended. What you have entered is still there.",
    /** @type {Record<string, string>} */
    users: {
      ada: "Admin in Acme Manufacturing, viewer in Globex Chemicals",
      vic: "Viewer in Acme Manufacturing",
      otto: "Operator in Acme Manufacturing",
    },
    cancel: "Not now",
    switchedOff: "Development sign-in is switched off here. Use the sign-in of your platform.",
    failed: "Signing in did not work. Check your connection and try again.",
  },

  problems: {
    unreachable: "There was no answer. Check your connection and try again.",
    session: "Your session has ended. Sign in again and retry.",
    unknown: "Something went wrong on the server. Try again, and tell the operator if it stays.",
  },

  tokens: {
    title: "Personal Access Tokens",
    lead: "For programs that use the API in your name, without your password.",
    create: "Create Token",
    /** @param {number} active @param {number} limit */
    active: (active, limit) => `${active} of ${limit} active`,
    /** @param {number} limit */
    limitReached: (limit) =>
      `You have ${limit} active tokens, and there cannot be more. Revoke one that you no longer need to make room.`,
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
    /** @param {string} address */
    usedFrom: (address) => `From ${address}`,
    fullAccess: "Full access",
    fullAccessDetail:
      "Made without scope restrictions: it inherits the full access of your account.",
    /** @param {number} count */
    moreScopes: (count) => `Show ${plural(count, "more scope", "more scopes")}`,
    fewerScopes: "Show fewer",
    revoke: "Revoke",
    /** @param {string} name */
    revokeNamed: (name) => `Revoke ${name}`,
    /** @param {number} shown @param {number} all */
    shown: (shown, all) =>
      shown === all
        ? plural(all, "token", "tokens")
        : `${shown} of ${plural(all, "token", "tokens")}`,
    loading: "Your tokens are being loaded",
    emptyTitle: "No tokens yet",
    empty:
      "Create one for each program that uses the API, so that you can end each of them by itself.",
    noMatchTitle: "No token matches",
    noMatch: "No token fits the filter and the search.",
    clear: "Show all tokens",
    errorTitle: "Your tokens could not be loaded",
    retry: "Try again",
    unsupported:
      "This browser cannot run WebAssembly, which the list needs. Update it, or use another.",
  },

  create: {
    title: "Create Personal Access Token",
    close: "Close",
    name: "Token Name",
    namePlaceholder: "ERP Data Sync",
    nameHint: "Say what it is for.",
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
      local === utc ? `Until ${utc} UTC.` : `Until ${local} (${utc} UTC).`,
    organizations: "Organizations",
    organizationsHint:
      "Where the token may act. Permissions are those that you hold in all of them.",
    permissions: "Permissions",
    /** @param {number} selected @param {number} total */
    selected: (selected, total) => `${selected} of ${total} selected`,
    all: "Select all",
    none: "Select none",
    allShown: "Select shown",
    noneShown: "Clear shown",
    search: "Search permissions",
    noMatch: "No permission matches the search.",
    noneOffered: "You hold no permission in all of these organizations. Choose others.",
    /** @param {string} names */
    dropped: (names) => `Not held in all chosen organizations, so taken out: ${names}.`,
    rbacOff:
      "RBAC is not enabled here. The token is created without scope restrictions and inherits the full access of your account.",
    summary: "What this token will be able to do",
    cancel: "Cancel",
    submit: "Create Token",
    busy: "Creating…",
    signedInAgain: "You are signed in again, and nothing was lost. Create the token now.",
    /** No answer, or a bad one: the token may exist. */
    unknownOutcome:
      "The server did not confirm it, so the token may have been created or not. Close this, look at the list, and revoke what you cannot use before you try again.",
    invalid: "The token cannot be created yet. Correct what is marked.",
  },

  created: {
    title: "Token created",
    /** @param {string} name */
    lead: (name) => `“${name}” is ready.`,
    once: "Copy it now: it is shown only once.",
    onceDetail:
      "Store it in a safe place. When this dialog is closed the token cannot be shown again; you would have to create a new one.",
    token: "Access token",
    copy: "Copy",
    copied: "Copied",
    copyToken: "Copy token",
    tokenCopied: "The token is copied.",
    copyFailed: "Copying was refused by the browser. The token is selected: press Ctrl+C or ⌘C.",
    example: "Try it",
    copyExample: "Copy command",
    exampleCopied: "The command is copied.",
    done: "Done",
    leaveTitle: "Close without copying?",
    leave:
      "You have not copied the token. It cannot be shown again, and you would have to create a new one.",
    back: "Go back to the token",
    leaveAnyway: "Close without copying",
  },

  discard: {
    leaveTitle: "Close without creating?",
    leave: "What you have filled in will be lost.",
    back: "Go back to the form",
    leaveAnyway: "Discard it",
  },

  revoke: {
    /** @param {string} name */
    title: (name) => `Revoke “${name}”?`,
    immediate: ["Immediate.", "Every program that uses this token loses access right away."],
    /** @param {string} time */
    delayed: (time) => [
      `Within ${time}.`,
      "Until then, programs that use this token may still have access.",
    ],
    consequences: [
      [
        "Permanent.",
        "A revoked token cannot be made active again. Create a new one if you need it.",
      ],
      ["Stays listed.", "You find it in your list with the status Revoked."],
    ],
    /** @param {string} time */
    lastUsed: (time) => `Last used ${time}.`,
    neverUsed: "It has never been used.",
    keep: "Keep Token",
    confirm: "Revoke Token",
    busyTitle: "Revoking…",
    busy: "Waiting until every edge refuses the token.",
    busyRecording: "Waiting until the revocation is recorded.",
    /** @param {string} name */
    doneTitle: (name) => `“${name}” is revoked`,
    /** @param {string} time */
    done: (time) => `Refused everywhere since ${time}`,
    /** @param {string} time */
    pending: (time) => `May still be accepted until ${time}`,
    /** @param {string} name */
    pendingTitle: (name) => `“${name}” is being revoked`,
    /** @param {string} seconds */
    took: (seconds) => `It took ${seconds}.`,
    close: "Done",
    failed: "The token is not revoked as far as is known.",
    /** No answer, or a bad one: it may be revoked. */
    unconfirmed: "The server did not confirm it; it may be revoked already.",
    again: "Try again, that is safe.",
    gone: "There is no such token in your account.",
  },

  /** @type {Record<string, (values: Values, language: Language) => string>} */
  messages: {
    "summary-until": ({ days, time }, language) =>
      `It works for ${days} days, until ${language.dateTime(time)}.`,
    // These stand below a word that has the verb.
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
