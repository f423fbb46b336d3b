// Leads the addresses of Cloudflare Access to a server of the test, which has no certificate for them.

const SERVER = "{server}";

export default {
  fetch(request) {
    const { hostname, pathname } = new URL(request.url);
    const team = /^([\w-]+)\.cloudflareaccess\.com$/.exec(hostname)?.[1];
    return fetch(team === undefined ? request : `${SERVER}/${team}${pathname}`);
  },
};
