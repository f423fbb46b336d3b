/**
 * German: all texts of the page and of the default policy.
 */

import { isolate } from "../shared/names.js";

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
    notFound: "Seite nicht gefunden",
    notFoundDetail: "Prüfen Sie die Adresse oder kehren Sie zur Startseite zurück.",
    toHome: "Zur Startseite",
    elsewhere: "Diese Seite funktioniert nur an einer anderen Adresse:",
  },

  home: {
    title: "Start",
    welcome: (name) => `Willkommen, ${name}`,
    lead: "Mit persönlichen Zugriffstokens greifen Ihre Anwendungen in Ihrem Namen auf die API zu, ganz ohne Ihr Passwort.",
    steps: [
      [
        "Token erstellen",
        "Geben Sie ihm einen Namen, eine Laufzeit und nur die Berechtigungen, die die Anwendung braucht.",
      ],
      ["Token mitsenden", "Übergeben Sie es bei jeder Anfrage im Authorization-Header."],
      [
        "Token widerrufen",
        "Wenn Sie es nicht mehr brauchen oder es in falsche Hände geraten ist. Ein widerrufenes Token wird überall und endgültig abgelehnt.",
      ],
    ],
    sample: "Beispielanfrage",
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
    organizationsLead: "Bei mehreren nennt jede Anfrage eine davon im Header X-Organization-ID.",
    session: "Sitzung",
    signedInAs: (email) =>
      `Sie sind als ${email} angemeldet. Eine Sitzung läuft nach 12 Stunden ab.`,
    signOut: "Abmelden",
    signOutFailed: "Die Abmeldung ist fehlgeschlagen.",
  },

  sessions: {
    title: "Sitzungen",
    lead: "Wo Sie angemeldet sind",
    since: (time) => `Angemeldet am ${time}`,
    from: (address) => `Von ${address}`,
    fromUnknown: "Von einer unbekannten Adresse",
    unknownAgent: "Unbekannter Browser",
    current: "Diese Sitzung",
    end: "Beenden",
    endNamed: (time) => `Die Sitzung vom ${time} beenden`,
    endFailed: "Die Sitzung konnte nicht beendet werden.",
  },

  activity: {
    title: "Aktivität",
    lead: "Anmeldungen, und was mit Ihren Tokens geschah",
    actions: {
      "sign-in": "Sie haben sich angemeldet",
      "sign-out": "Sie haben sich abgemeldet",
      "session-end": "Sie haben eine Sitzung beendet",
      "token-creation": "Sie haben ein Token erstellt",
      "token-revocation": "Sie haben ein Token widerrufen",
    },
    byToken: "Ein Token hat sich selbst widerrufen",
    outcomes: {
      "account-disabled": "Abgelehnt: Das Konto ist deaktiviert.",
      "token-limit-reached": "Abgelehnt: Sie hatten die Höchstzahl aktiver Tokens.",
    },
    more: "Ältere Aktivität anzeigen",
  },

  signIn: {
    title: "Anmelden",
    again: "Erneut anmelden",
    lead: "Wählen Sie, wo Sie sich anmelden.",
    development: "Wählen Sie einen Entwicklungsbenutzer.",
    none: "Hier kann sich noch niemand anmelden. Der Betreiber muss einen Anbieter einrichten.",
    access: "Cloudflare Access",
    window: "Öffnet sich in einem eigenen Fenster",
    done: "Sie sind angemeldet",
    doneLead: "Sie können dieses Fenster schließen und dort weitermachen, wo Sie waren.",
    againLead: "Ihre Sitzung ist abgelaufen. Ihre Eingaben bleiben erhalten.",
    users: {
      ada: "Admin bei Acme Manufacturing, Betrachter bei Globex Chemicals",
      vic: "Betrachter bei Acme Manufacturing",
      otto: "Operator bei Acme Manufacturing",
    },
    cancel: "Nicht jetzt",
    failed: "Die Anmeldung ist fehlgeschlagen.",
  },

  problems: {
    unreachable:
      "Der Server antwortet nicht. Prüfen Sie Ihre Verbindung und versuchen Sie es erneut.",
    session: "Ihre Sitzung ist abgelaufen. Melden Sie sich an und versuchen Sie es erneut.",
    notReadable: (server, page) =>
      `${server} antwortet nicht, oder nicht für Seiten unter ${page}. Prüfen Sie die Adresse und Ihre Verbindung.`,
    unknown:
      "Auf dem Server ist ein Fehler aufgetreten. Versuchen Sie es erneut und wenden Sie sich an den Support, falls der Fehler bestehen bleibt.",
  },

  tokens: {
    title: "Persönliche Zugriffstokens",
    lead: "Damit greifen Anwendungen in Ihrem Namen auf die API zu, ganz ohne Ihr Passwort.",
    create: "Token erstellen",
    active: (active, limit) => `${active} von ${limit} aktiv`,
    limitReached: (limit) =>
      `Sie haben die Höchstzahl von ${limit} aktiven Tokens erreicht. Widerrufen Sie ein Token, das Sie nicht mehr brauchen, um ein neues zu erstellen.`,
    filter: "Anzeigen",
    filters: { all: "Alle", active: "Aktiv", expired: "Abgelaufen", revoked: "Widerrufen" },
    search: "Tokens durchsuchen",
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
    unshown: "Wert nicht angezeigt",
    unshownDetail:
      "Die Antwort auf die Erstellung ging verloren, niemand hat den Wert gesehen. Widerrufen Sie das Token und erstellen Sie ein neues.",
    usedFrom: (address) => `Von ${address}`,
    fullAccess: "Voller Zugriff",
    fullAccessDetail: "Ohne Einschränkung erstellt: Das Token hat den vollen Zugriff Ihres Kontos.",
    moreScopes: (count) =>
      count === 1 ? "1 weitere Berechtigung anzeigen" : `${count} weitere Berechtigungen anzeigen`,
    fewerScopes: "Weniger anzeigen",
    revoke: "Widerrufen",
    revokeNamed: (name) => `${name} widerrufen`,
    shown: (shown, all, number) => {
      const tokens = all === 1 ? "1 Token" : `${number(all)} Tokens`;
      return shown === all ? tokens : `${number(shown)} von ${tokens}`;
    },
    more: "Mehr laden",
    loadingMore: "Wird geladen …",
    moreFailed: "Weitere Tokens konnten nicht geladen werden.",
    loading: "Ihre Tokens werden geladen",
    emptyTitle: "Noch keine Tokens",
    empty:
      "Erstellen Sie für jede Anwendung ein eigenes Token. Dann können Sie jedes einzeln widerrufen.",
    noMatchTitle: "Keine passenden Tokens",
    noMatch: "Versuchen Sie es mit einem anderen Filter oder Suchbegriff.",
    clear: "Alle Tokens anzeigen",
    errorTitle: "Ihre Tokens konnten nicht geladen werden",
    retry: "Erneut versuchen",
    unsupported:
      "Diese Seite benötigt WebAssembly, das Ihr Browser nicht unterstützt. Aktualisieren Sie ihn oder verwenden Sie einen anderen.",
  },

  create: {
    title: "Persönliches Zugriffstoken erstellen",
    close: "Schließen",
    name: "Name des Tokens",
    namePlaceholder: "ERP-Datenabgleich",
    nameHint: "Beschreiben Sie, wofür Sie das Token verwenden.",
    count: (length, limit) => `${length} / ${limit}`,
    left: (left) => (left < 0 ? `${-left} Zeichen zu viel` : `noch ${left} Zeichen`),
    expiry: "Laufzeit",
    choice: (days, date) => `${days === 365 ? "1 Jahr" : `${days} Tage`} (${date})`,
    expiresAt: (local, utc) =>
      local === utc ? `Läuft ab: ${utc} UTC.` : `Läuft ab: ${local} (${utc} UTC).`,
    organizations: "Organisationen",
    organizationsHint:
      "Hier gilt das Token. Sie können nur Berechtigungen vergeben, die Sie in allen ausgewählten Organisationen haben.",
    permissions: "Berechtigungen",
    selected: (selected, total) => `${selected} von ${total} ausgewählt`,
    all: "Alle auswählen",
    none: "Alle abwählen",
    allShown: "Angezeigte auswählen",
    noneShown: "Angezeigte abwählen",
    search: "Berechtigungen durchsuchen",
    noMatch: "Keine passenden Berechtigungen.",
    noneOffered: "Sie haben keine Berechtigung, die in allen diesen Organisationen gilt.",
    dropped: (names) =>
      `Entfernt, weil Sie sie nicht in allen ausgewählten Organisationen haben: ${names}.`,
    rbacOff:
      "RBAC ist nicht aktiviert. Das Token wird ohne Einschränkung erstellt und hat den vollen Zugriff Ihres Kontos.",
    summary: "Was dieses Token darf",
    cancel: "Abbrechen",
    submit: "Token erstellen",
    busy: "Wird erstellt …",
    userChanged: (email) =>
      `In einem anderen Tab haben Sie sich als ${email} angemeldet. Es wurde nichts erstellt. Prüfen Sie Ihre Eingaben, bevor Sie das Token für dieses Konto erstellen.`,
    signedInAgain:
      "Sie sind wieder angemeldet, Ihre Eingaben sind erhalten geblieben. Sie können das Token jetzt erstellen.",
    unknownOutcome:
      "Der Server hat nicht bestätigt, ob das Token erstellt wurde. Sie können es gefahrlos erneut versuchen: Mit denselben Eingaben entsteht kein zweites Token.",
    alreadyCreated: "Dieses Token wurde bereits erstellt, aber sein Wert ist nicht angekommen.",
    lost: "Das Token wurde erstellt, aber sein Wert ist nicht angekommen und kann nicht mehr angezeigt werden. Widerrufen Sie es und erstellen Sie dann ein neues.",
    lostRevoked: "Das Token ohne Wert ist widerrufen. Sie können jetzt ein neues erstellen.",
    invalid: "Das Token kann noch nicht erstellt werden. Korrigieren Sie die markierten Felder.",
  },

  created: {
    title: "Token erstellt",
    lead: (name) => `„${name}“ ist einsatzbereit.`,
    once: "Kopieren Sie es jetzt. Es wird nur dieses eine Mal angezeigt.",
    onceDetail:
      "Bewahren Sie es an einem sicheren Ort auf. Sobald Sie diesen Dialog schließen, kann das Token nicht mehr abgerufen werden, und Sie müssten ein neues erstellen.",
    token: "Zugriffstoken",
    copy: "Kopieren",
    copied: "Kopiert",
    copyToken: "Token kopieren",
    tokenCopied: "Token kopiert.",
    copyTokenFailed:
      "Ihr Browser hat das Kopieren nicht erlaubt. Das Token ist markiert: Kopieren Sie es mit Strg+C oder ⌘C.",
    copyExampleFailed:
      "Ihr Browser hat das Kopieren nicht erlaubt. Der Befehl ist markiert: Kopieren Sie ihn mit Strg+C oder ⌘C.",
    example: "Ausprobieren",
    copyExample: "Befehl kopieren",
    exampleCopied: "Befehl kopiert.",
    done: "Fertig",
    leaveTitle: "Ohne Kopieren schließen?",
    leave:
      "Sie haben das Token nicht kopiert. Es kann nicht noch einmal angezeigt werden, und Sie müssten ein neues erstellen.",
    back: "Zurück zum Token",
    leaveAnyway: "Ohne Kopieren schließen",
  },

  discard: {
    leaveTitle: "Token verwerfen?",
    leave: "Ihre Eingaben gehen verloren.",
    back: "Weiter bearbeiten",
    leaveAnyway: "Verwerfen",
  },

  revoke: {
    title: (name) => `„${name}“ widerrufen?`,
    immediate: [
      "Sofort.",
      "Jede Anwendung, die dieses Token nutzt, verliert augenblicklich den Zugriff.",
    ],
    delayed: (time) => [
      `Innerhalb von ${time}.`,
      "Bis dahin können Anwendungen, die dieses Token nutzen, noch Zugriff haben.",
    ],
    consequences: [
      [
        "Endgültig.",
        "Ein widerrufenes Token kann nicht reaktiviert werden. Erstellen Sie bei Bedarf ein neues.",
      ],
      ["Bleibt sichtbar.", "Das Token bleibt als „Widerrufen“ in Ihrer Liste."],
    ],
    lastUsed: (time) => `Zuletzt genutzt: ${time}.`,
    neverUsed: "Noch nie genutzt.",
    keep: "Token behalten",
    confirm: "Token widerrufen",
    busyTitle: "Wird widerrufen …",
    busy: "Warten, bis jeder Edge-Server das Token ablehnt.",
    busyRecording: "Warten, bis der Widerruf gespeichert ist.",
    doneTitle: (name) => `„${name}“ ist widerrufen`,
    done: (time) => `Überall abgelehnt seit ${time}`,
    pending: (time) => `Wird möglicherweise noch bis ${time} akzeptiert`,
    pendingTitle: (name) => `„${name}“ wird widerrufen`,
    took: (seconds) => `Dauer: ${seconds}.`,
    close: "Fertig",
    failed: "Das Token wurde nicht widerrufen.",
    unconfirmed:
      "Der Server hat den Widerruf nicht bestätigt. Möglicherweise ist er schon erfolgt.",
    again: "Sie können es gefahrlos erneut versuchen.",
    gone: "Dieses Token gibt es in Ihrem Konto nicht.",
  },

  messages: {
    "name-missing": () => "Geben Sie einen Namen ein, der den Zweck des Tokens beschreibt.",
    "name-too-long": ({ length, limit }) =>
      `Der Name hat ${length} Zeichen. Kürzen Sie ihn auf höchstens ${limit}.`,
    "name-unprintable": ({ character }) =>
      `Entfernen Sie ${character} aus dem Namen: Das ist ein Zeilenumbruch, ein Steuerzeichen oder kein Zeichen.`,
    "name-invisible": () =>
      "Diesen Namen kann niemand sehen. Schreiben Sie mindestens ein sichtbares Zeichen, etwa einen Buchstaben.",
    "name-invalid": () =>
      "Geben Sie einen Namen mit 1 bis 255 Zeichen ein, mindestens eines davon sichtbar und keines ein Steuerzeichen.",
    "expiry-invalid": () => "Wählen Sie 30, 90, 180 oder 365 Tage.",
    "organization-missing": () => "Wählen Sie mindestens eine Organisation aus.",
    "organization-none": () =>
      "Sie gehören keiner Organisation an. Bitten Sie einen Administrator, Sie hinzuzufügen.",
    "organization-unknown": ({ organization }) =>
      organization
        ? `Sie gehören der Organisation „${isolate(organization)}“ nicht an. Entfernen Sie sie.`
        : "Sie gehören nicht allen ausgewählten Organisationen an. Wählen Sie andere aus.",
    "organizations-too-many": ({ limit }) => `Wählen Sie höchstens ${limit} Organisationen aus.`,
    "scopes-missing": () => "Wählen Sie mindestens eine Berechtigung aus.",
    "scopes-none-offered": ({ organizations }) =>
      organizations === 1
        ? "Sie haben in dieser Organisation keine Berechtigungen. Wählen Sie eine andere aus."
        : "Sie haben keine Berechtigung, die in allen diesen Organisationen gilt. Wählen Sie weniger Organisationen aus.",
    "scopes-exceed-owner": ({ scopes }, language) =>
      scopes
        ? `Sie haben ${language.list(scopes)} nicht in allen ausgewählten Organisationen. Entfernen Sie die Berechtigung oder wählen Sie andere Organisationen aus.`
        : "Sie haben nicht alle diese Berechtigungen in allen ausgewählten Organisationen. Wählen Sie weniger aus.",
    "scopes-unused": () =>
      "Wählen Sie keine Berechtigungen aus: RBAC ist deaktiviert, und das Token erhält den vollen Zugriff Ihres Kontos.",
    "scopes-invalid": () => "Diese Auswahl von Berechtigungen ist nicht zulässig.",
    "scope-unknown": ({ scope }) =>
      `Die Berechtigung „${isolate(scope)}“ gibt es nicht. Entfernen Sie sie.`,
    "limit-reached": ({ limit }) =>
      `Sie haben die Höchstzahl von ${limit} aktiven Tokens erreicht. Widerrufen Sie zuerst eines.`,
    "body-invalid": () => "Der Server konnte die Anfrage nicht lesen. Laden Sie die Seite neu.",
    "rate-limited": () => "Zu viele Anfragen. Versuchen Sie es in einigen Minuten erneut.",
    "user-changed": () =>
      "In diesem Browser hat sich inzwischen ein anderer Benutzer angemeldet. Laden Sie die Seite neu.",
    "body-too-large": () => "Die Anfrage ist zu groß. Kürzen Sie den Namen.",
    "origin-forbidden": (_values, _language, detail) => {
      const address = /https?:\/\/\S*[^\s.]/.exec(detail)?.[0];
      const text = "Der Server erlaubt Änderungen nur von seiner eigenen Adresse aus.";
      return address ? `${text} Öffnen Sie diese Seite unter ${address}.` : text;
    },
    internal: () => "Auf dem Server ist ein Fehler aufgetreten. Versuchen Sie es erneut.",
    refused: () => "Das Token wurde nicht erstellt. Versuchen Sie es erneut.",
    "summary-organizations": ({ organizations }, language) =>
      `Gilt in ${language.list(organizations.map(isolate))}.`,
    "summary-scopes": ({ group, scopes }, language) =>
      `${language.policy(group)}: ${language.list(scopes.map((scope) => language.policy(scope)))}.`,
    "summary-nothing": () => "Noch keine Berechtigungen ausgewählt.",
    "summary-full-access": () => "Hat den vollen Zugriff Ihres Kontos.",
    "summary-until": ({ days, time }, language) =>
      `Läuft nach ${days} Tagen ab, am ${language.dateTime(time)}.`,
    // These follow a heading such as „Läuft ab“.
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
    "Read run results": "Laufergebnisse lesen",
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
    "Start a pipeline run.": "Einen Pipeline-Lauf starten.",
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
    "Create and revoke links that show a dashboard to others.":
      "Links, die anderen ein Dashboard zeigen, erstellen und widerrufen.",
    "Read the organization's profile and list its members.":
      "Das Profil der Organisation lesen und ihre Mitglieder auflisten.",
    "Change the organization's profile and settings.":
      "Profil und Einstellungen der Organisation ändern.",
    "Invite and remove members and change their roles.":
      "Mitglieder einladen und entfernen und ihre Rollen ändern.",
  },
};
