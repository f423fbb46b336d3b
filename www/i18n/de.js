/**
 * German: every text of the page, and of the default policy.
 *
 * The messages of a broken rule know that a refusal of the server comes without values.
 */

/** @type {import("./language.js").Texts} */
export default {
  language: "Deutsch",

  shell: {
    skip: "Zum Inhalt springen",
    navigation: "Hauptmenü",
    home: "Start",
    languages: "Sprache",
    profile: "Profileinstellungen",
    account: "Konto",
    failed: "Die Seite konnte nicht geladen werden",
    notFound: "Diese Seite gibt es nicht",
    notFoundDetail: "Prüfen Sie die Adresse oder beginnen Sie von vorn.",
    toHome: "Zur Startseite",
  },

  home: {
    title: "Start",
    welcome: (name) => `Willkommen, ${name}`,
    lead: "Mit persönlichen Zugriffstokens nutzen Ihre Programme die API in Ihrem Namen, ohne Ihr Passwort.",
    steps: [
      [
        "Token erstellen",
        "Mit einem Namen, einer Laufzeit und nur den Berechtigungen, die das Programm braucht.",
      ],
      ["Token mitsenden", "Im Authorization-Header jeder Anfrage."],
      [
        "Token widerrufen",
        "Wenn es nicht mehr gebraucht wird oder bekannt geworden ist: Es wird überall abgelehnt, endgültig.",
      ],
    ],
    sample: "Beispiel einer Anfrage",
    yourToken: "Ihr-Token",
    yourOrganization: "ID-Ihrer-Organisation",
    toTokens: "Tokens verwalten",
  },

  profile: {
    title: "Profileinstellungen",
    tabs: "Profileinstellungen",
    general: "Allgemein",
    security: "Sicherheit",
    account: "Konto",
    name: "Name",
    email: "E-Mail",
    id: "Benutzer-ID",
    organizations: "Organisationen",
    organizationsLead: "Anfragen nennen eine davon im Header X-Organization-ID.",
    session: "Sitzung",
    signedInAs: (email) => `Sie sind als ${email} angemeldet. Eine Sitzung endet nach 12 Stunden.`,
    signOut: "Abmelden",
    signOutFailed:
      "Die Abmeldung ist fehlgeschlagen. Prüfen Sie die Verbindung und versuchen Sie es erneut.",
  },

  signIn: {
    title: "Anmelden",
    again: "Erneut anmelden",
    lead: "Wählen Sie einen Entwicklungsbenutzer.",
    againLead: "Ihre Sitzung ist abgelaufen. Ihre Eingaben sind noch da.",
    users: {
      ada: "Admin in Acme Manufacturing, Betrachter in Globex Chemicals",
      vic: "Betrachter in Acme Manufacturing",
      otto: "Operator in Acme Manufacturing",
    },
    cancel: "Nicht jetzt",
    switchedOff:
      "Die Anmeldung für die Entwicklung ist hier ausgeschaltet. Melden Sie sich über Ihre Plattform an.",
    failed:
      "Die Anmeldung ist fehlgeschlagen. Prüfen Sie die Verbindung und versuchen Sie es erneut.",
  },

  problems: {
    unreachable: "Es kam keine Antwort. Prüfen Sie die Verbindung und versuchen Sie es erneut.",
    session:
      "Ihre Sitzung ist abgelaufen. Melden Sie sich erneut an und versuchen Sie es noch einmal.",
    unknown:
      "Auf dem Server ist etwas schiefgegangen. Versuchen Sie es erneut und melden Sie es dem Betreiber, wenn es bleibt.",
  },

  tokens: {
    title: "Persönliche Zugriffstokens",
    lead: "Für Programme, die die API in Ihrem Namen nutzen, ohne Ihr Passwort.",
    create: "Token erstellen",
    active: (active, limit) => `${active} von ${limit} aktiv`,
    limitReached: (limit) =>
      `Sie haben ${limit} aktive Tokens, mehr sind nicht möglich. Widerrufen Sie eines, das Sie nicht mehr brauchen.`,
    filter: "Anzeigen",
    filters: { all: "Alle", active: "Aktiv", expired: "Abgelaufen", revoked: "Widerrufen" },
    search: "Tokens suchen",
    sortBy: "Sortieren nach",
    direction: { ascending: "Aufsteigend", descending: "Absteigend" },
    columns: {
      name: "Name",
      scopes: "Berechtigungen",
      created: "Erstellt",
      last_used: "Zuletzt genutzt",
      expires: "Läuft ab",
      status: "Status",
      action: "Aktion",
    },
    status: { active: "Aktiv", expired: "Abgelaufen", revoked: "Widerrufen" },
    never: "Nie",
    usedFrom: (address) => `Von ${address}`,
    fullAccess: "Voller Zugriff",
    fullAccessDetail: "Ohne Einschränkung erstellt: Es hat den vollen Zugriff Ihres Kontos.",
    moreScopes: (count) =>
      count === 1 ? "1 weitere Berechtigung zeigen" : `${count} weitere Berechtigungen zeigen`,
    fewerScopes: "Weniger zeigen",
    revoke: "Widerrufen",
    revokeNamed: (name) => `${name} widerrufen`,
    shown: (shown, all) => {
      const tokens = all === 1 ? "1 Token" : `${all} Tokens`;
      return shown === all ? tokens : `${shown} von ${tokens}`;
    },
    loading: "Ihre Tokens werden geladen",
    emptyTitle: "Noch keine Tokens",
    empty:
      "Erstellen Sie eines für jedes Programm, das die API nutzt. So können Sie jedes einzeln beenden.",
    noMatchTitle: "Kein Token passt",
    noMatch: "Kein Token passt zu Filter und Suche.",
    clear: "Alle Tokens zeigen",
    errorTitle: "Ihre Tokens konnten nicht geladen werden",
    retry: "Erneut versuchen",
    unsupported:
      "Dieser Browser kann kein WebAssembly ausführen, das die Liste braucht. Aktualisieren Sie ihn oder nehmen Sie einen anderen.",
  },

  create: {
    title: "Persönliches Zugriffstoken erstellen",
    close: "Schließen",
    name: "Name des Tokens",
    namePlaceholder: "ERP-Datenabgleich",
    nameHint: "Wofür ist es?",
    count: (length, limit) => `${length} / ${limit}`,
    left: (left) => (left < 0 ? `${-left} Zeichen zu viel` : `noch ${left} Zeichen`),
    expiry: "Laufzeit",
    choice: (days, date) => `${days === 365 ? "1 Jahr" : `${days} Tage`} (${date})`,
    expiresAt: (local, utc) => (local === utc ? `Bis ${utc} UTC.` : `Bis ${local} (${utc} UTC).`),
    organizations: "Organisationen",
    organizationsHint:
      "Wo das Token gilt. Zur Wahl stehen die Berechtigungen, die Sie in allen haben.",
    permissions: "Berechtigungen",
    selected: (selected, total) => `${selected} von ${total} gewählt`,
    all: "Alle wählen",
    none: "Keine wählen",
    allShown: "Gezeigte wählen",
    noneShown: "Gezeigte abwählen",
    search: "Berechtigungen suchen",
    noMatch: "Keine Berechtigung passt zur Suche.",
    noneOffered: "Sie haben keine Berechtigung in allen diesen Organisationen. Wählen Sie andere.",
    dropped: (names) =>
      `Nicht in allen gewählten Organisationen vorhanden und darum entfernt: ${names}.`,
    rbacOff:
      "RBAC ist hier nicht eingeschaltet. Das Token wird ohne Einschränkung erstellt und hat den vollen Zugriff Ihres Kontos.",
    summary: "Was dieses Token darf",
    cancel: "Abbrechen",
    submit: "Token erstellen",
    busy: "Wird erstellt …",
    signedInAgain:
      "Sie sind wieder angemeldet, und nichts ging verloren. Erstellen Sie das Token jetzt.",
    unknownOutcome:
      "Der Server hat es nicht bestätigt; das Token kann erstellt worden sein oder nicht. Schließen Sie dieses Fenster, sehen Sie in die Liste und widerrufen Sie, was Sie nicht nutzen können, bevor Sie es erneut versuchen.",
    invalid: "Das Token kann noch nicht erstellt werden. Korrigieren Sie, was markiert ist.",
  },

  created: {
    title: "Token erstellt",
    lead: (name) => `„${name}“ ist bereit.`,
    once: "Kopieren Sie es jetzt: Es wird nur dieses eine Mal gezeigt.",
    onceDetail:
      "Bewahren Sie es sicher auf. Nach dem Schließen kann das Token nicht mehr gezeigt werden; Sie müssten ein neues erstellen.",
    token: "Zugriffstoken",
    copy: "Kopieren",
    copied: "Kopiert",
    copyToken: "Token kopieren",
    tokenCopied: "Das Token ist kopiert.",
    copyFailed:
      "Der Browser hat das Kopieren abgelehnt. Das Token ist markiert: Drücken Sie Strg+C oder ⌘C.",
    example: "Ausprobieren",
    copyExample: "Befehl kopieren",
    exampleCopied: "Der Befehl ist kopiert.",
    done: "Fertig",
    leaveTitle: "Ohne Kopieren schließen?",
    leave:
      "Sie haben das Token nicht kopiert. Es kann nicht mehr gezeigt werden, und Sie müssten ein neues erstellen.",
    back: "Zurück zum Token",
    leaveAnyway: "Ohne Kopieren schließen",
  },

  discard: {
    leaveTitle: "Ohne Erstellen schließen?",
    leave: "Ihre Eingaben gehen verloren.",
    back: "Zurück zum Formular",
    leaveAnyway: "Verwerfen",
  },

  revoke: {
    title: (name) => `„${name}“ widerrufen?`,
    immediate: [
      "Sofort.",
      "Jedes Programm, das dieses Token nutzt, verliert augenblicklich den Zugriff.",
    ],
    delayed: (time) => [
      `Innerhalb von ${time}.`,
      "Bis dahin können Programme, die dieses Token nutzen, noch Zugriff haben.",
    ],
    consequences: [
      [
        "Endgültig.",
        "Ein widerrufenes Token kann nicht wieder aktiviert werden. Erstellen Sie bei Bedarf ein neues.",
      ],
      ["Bleibt in der Liste.", "Sie finden es dort mit dem Status „Widerrufen“."],
    ],
    lastUsed: (time) => `Zuletzt genutzt: ${time}.`,
    neverUsed: "Es wurde nie genutzt.",
    keep: "Token behalten",
    confirm: "Token widerrufen",
    busyTitle: "Wird widerrufen …",
    busy: "Es wird gewartet, bis jeder Edge-Server das Token ablehnt.",
    busyRecording: "Es wird gewartet, bis der Widerruf festgehalten ist.",
    doneTitle: (name) => `„${name}“ ist widerrufen`,
    done: (time) => `Überall abgelehnt seit ${time}`,
    pending: (time) => `Wird möglicherweise noch bis ${time} angenommen`,
    pendingTitle: (name) => `„${name}“ wird widerrufen`,
    took: (seconds) => `Das dauerte ${seconds}.`,
    close: "Fertig",
    failed: "Das Token ist, soweit bekannt, nicht widerrufen.",
    unconfirmed: "Der Server hat es nicht bestätigt; es kann schon widerrufen sein.",
    again: "Versuchen Sie es erneut, das schadet nicht.",
    gone: "Dieses Token gibt es in Ihrem Konto nicht.",
  },

  messages: {
    "name-missing": () => "Geben Sie einen Namen ein, der sagt, wofür das Token ist.",
    "name-too-long": ({ length, limit }) =>
      `Der Name hat ${length} Zeichen; kürzen Sie ihn auf höchstens ${limit}.`,
    "name-unprintable": () =>
      "Entfernen Sie Zeilenumbrüche und andere Steuerzeichen aus dem Namen.",
    "name-invalid": () => "Dieser Name ist nicht möglich: 1 bis 255 Zeichen, keine Steuerzeichen.",
    "expiry-invalid": () => "Wählen Sie 30, 90, 180 oder 365 Tage.",
    "organization-missing": () => "Wählen Sie mindestens eine Organisation.",
    "organization-none": () =>
      "Sie gehören zu keiner Organisation. Bitten Sie einen Administrator, Sie aufzunehmen.",
    "organization-unknown": ({ organization }) =>
      organization
        ? `Sie gehören nicht zur Organisation „${organization}“; entfernen Sie sie.`
        : "Sie gehören nicht zu einer der Organisationen; wählen Sie andere.",
    "organizations-too-many": ({ limit }) => `Wählen Sie höchstens ${limit} Organisationen.`,
    "scopes-missing": () => "Wählen Sie mindestens eine Berechtigung.",
    "scopes-none-offered": ({ organizations }) =>
      organizations === 1
        ? "Sie haben keine Berechtigung in dieser Organisation. Wählen Sie eine andere."
        : "Sie haben keine Berechtigung in allen diesen Organisationen. Wählen Sie andere.",
    "scopes-exceed-owner": ({ scopes }, language) =>
      scopes
        ? `Sie haben ${language.list(scopes)} nicht in jeder gewählten Organisation; entfernen Sie dies oder wählen Sie andere Organisationen.`
        : "Sie haben nicht jede Berechtigung in jeder gewählten Organisation; wählen Sie weniger.",
    "scopes-unused": () =>
      "RBAC ist ausgeschaltet: Das Token hat Ihren vollen Zugriff, es gibt nichts zu wählen.",
    "scopes-invalid": () => "Diese Auswahl von Berechtigungen ist nicht möglich.",
    "scope-unknown": ({ scope }) => `Die Berechtigung „${scope}“ gibt es nicht; entfernen Sie sie.`,
    "limit-reached": ({ limit }) =>
      `Sie haben ${limit} aktive Tokens, mehr sind nicht möglich. Widerrufen Sie zuerst eines.`,
    "body-invalid": () => "Der Server konnte die Anfrage nicht lesen. Laden Sie die Seite neu.",
    "rate-limited": () => "Das war zu oft. Versuchen Sie es in einigen Minuten erneut.",
    "body-too-large": () => "Die Anfrage ist zu groß. Kürzen Sie den Namen.",
    "origin-forbidden": () => "Der Server nimmt Änderungen nur von seiner eigenen Adresse an.",
    internal: () => "Auf dem Server ist etwas schiefgegangen. Versuchen Sie es erneut.",
    refused: () => "Das Token wurde nicht erstellt. Versuchen Sie es erneut.",
    "summary-organizations": ({ organizations }, language) =>
      `Es gilt in ${language.list(organizations)}.`,
    "summary-scopes": ({ group, scopes }, language) =>
      `${language.policy(group)}: ${language.list(scopes.map((/** @type {string} */ scope) => language.policy(scope)))}.`,
    "summary-nothing": () => "Es darf noch nichts: Es ist keine Berechtigung gewählt.",
    "summary-full-access": () => "Es hat den vollen Zugriff Ihres Kontos.",
    "summary-until": ({ days, time }, language) =>
      `Es endet nach ${days} Tagen, am ${language.dateTime(time)}.`,
    "expires-in": ({ count, unit }, language) => language.relative(count, unit),
    "expires-soon": () => "in weniger als einer Minute",
    "expired-ago": ({ count, unit }, language) => language.relative(-count, unit),
    "expired-just-now": () => "gerade abgelaufen",
    "revoked-ago": ({ count, unit }, language) => language.relative(-count, unit),
    "revoked-just-now": () => "gerade eben",
    "last-used-ago": ({ count, unit }, language) => language.relative(-count, unit),
    "last-used-just-now": () => "gerade eben",
    "last-used-never": () => "nie",
  },

  policy: {
    Models: "Modelle",
    Connectors: "Konnektoren",
    Organizations: "Organisationen",
    Viewer: "Betrachter",
    Engineer: "Ingenieur",

    "Read pipelines": "Pipelines lesen",
    "Change pipelines": "Pipelines ändern",
    "Delete pipelines": "Pipelines löschen",
    "Run pipelines": "Pipelines starten",
    "Read run results": "Ergebnisse lesen",
    "Read models": "Modelle lesen",
    "Change models": "Modelle ändern",
    "Delete models": "Modelle löschen",
    "Read connectors": "Konnektoren lesen",
    "Change connectors": "Konnektoren ändern",
    "Delete connectors": "Konnektoren löschen",
    "Test connectors": "Konnektoren testen",
    "Browse topics": "Topics auflisten",
    "Read values": "Werte lesen",
    "Publish values": "Werte veröffentlichen",
    "Manage topics": "Topics verwalten",
    "Read dashboards": "Dashboards lesen",
    "Change dashboards": "Dashboards ändern",
    "Delete dashboards": "Dashboards löschen",
    "Share dashboards": "Dashboards teilen",
    "Read organizations": "Organisationen lesen",
    "Change organizations": "Organisationen ändern",
    "Manage members": "Mitglieder verwalten",

    "List pipelines and read their definitions.":
      "Pipelines auflisten und ihre Definitionen lesen.",
    "Create pipelines and change existing ones.": "Pipelines anlegen und bestehende ändern.",
    "Delete pipelines for good.": "Pipelines endgültig löschen.",
    "Start a pipeline run.": "Einen Lauf einer Pipeline starten.",
    "Read the results of pipeline runs.": "Die Ergebnisse von Pipeline-Läufen lesen.",
    "List, read and export data models.": "Datenmodelle auflisten, lesen und exportieren.",
    "Create, change and import data models.": "Datenmodelle anlegen, ändern und importieren.",
    "Delete data models for good.": "Datenmodelle endgültig löschen.",
    "List connectors and read their settings, without credentials.":
      "Konnektoren auflisten und ihre Einstellungen lesen, ohne Zugangsdaten.",
    "Create connectors and change their settings.":
      "Konnektoren anlegen und ihre Einstellungen ändern.",
    "Delete connectors for good.": "Konnektoren endgültig löschen.",
    "Open a test connection to the other system.": "Eine Testverbindung zum anderen System öffnen.",
    "List the topics of the Unified Namespace.": "Die Topics des Unified Namespace auflisten.",
    "Read and subscribe to the values of topics.": "Werte von Topics lesen und abonnieren.",
    "Publish values to topics.": "Werte in Topics veröffentlichen.",
    "Create, move and delete topics.": "Topics anlegen, verschieben und löschen.",
    "List dashboards and read their content.": "Dashboards auflisten und ihren Inhalt lesen.",
    "Create dashboards and change existing ones.": "Dashboards anlegen und bestehende ändern.",
    "Delete dashboards for good.": "Dashboards endgültig löschen.",
    "Make and withdraw links that show a dashboard to others.":
      "Links, die anderen ein Dashboard zeigen, anlegen und zurückziehen.",
    "Read the organization's profile and list its members.":
      "Das Profil der Organisation lesen und ihre Mitglieder auflisten.",
    "Change the organization's profile and settings.":
      "Profil und Einstellungen der Organisation ändern.",
    "Invite and remove members and change their roles.":
      "Mitglieder einladen und entfernen und ihre Rollen ändern.",
  },
};
