// The pages of an issuer. Those of `oidc-provider` load a font from another site.

function page(title, body) {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title>
<link rel="icon" href="data:,">
<main><h1>${title}</h1>${body}</main></html>`;
}

function escape(text) {
  return String(text).replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

export function loginPage(action) {
  return page(
    "Sign in to the factory",
    `<form method="post" action="${escape(action)}">
<label>User <input name="login" autocomplete="username" required autofocus></label>
<label>Password <input name="password" type="password" autocomplete="current-password"></label>
<button>Sign in</button></form>`,
  );
}

/** `form` is HTML and has no button. */
export function logoutPage(form) {
  return page(
    "Sign out of the factory?",
    `${form}<button form="op.logoutForm" name="logout" value="yes" autofocus>Sign out</button>`,
  );
}

export function signedOutPage() {
  return page("You have signed out of the factory", "");
}

export function errorPage({ error, error_description: description }) {
  return page("Error of the provider", `<p>${escape(error)}: ${escape(description)}</p>`);
}
