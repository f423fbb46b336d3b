// Called from Rust: requests to other parties.
//
// Each settles by itself, within its time, so no Rust future waits for a party that never answers.

/**
 * Sends a request, and reads the response up to a length. Redirects are not followed: the other side
 * of one has not been configured. `undefined`: there is no response, or it is too long.
 *
 * @param {string} url
 * @param {string | undefined} authorization
 * @param {string | undefined} form The body of a POST; without it, the request is a GET.
 * @param {number} limit In bytes.
 * @param {number} timeout In milliseconds.
 * @returns {Promise<[status: number, body: Uint8Array] | undefined>}
 */
export async function request(url, authorization, form, limit, timeout) {
  const headers = new Headers({ Accept: "application/json" });
  if (authorization !== undefined) headers.set("Authorization", authorization);
  if (form !== undefined) headers.set("Content-Type", "application/x-www-form-urlencoded");
  try {
    const response = await fetch(url, {
      method: form === undefined ? "GET" : "POST",
      headers,
      body: form,
      redirect: "manual",
      signal: AbortSignal.timeout(timeout),
    });
    const body = response.body === null ? new Uint8Array() : await read(response.body, limit);
    return body.length > limit ? undefined : [response.status, body];
  } catch {
    return undefined;
  }
}

/**
 * @param {ReadableStream} body
 * @param {number} limit
 */
async function read(body, limit) {
  const size = limit + 1;
  const reader = body.getReader({ mode: "byob" });
  const { value } = await reader.readAtLeast(size, new Uint8Array(size));
  reader.cancel().catch(() => {});
  return value ?? new Uint8Array();
}
