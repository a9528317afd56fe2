// The page's requests: JSON in both directions. A problem document becomes an error with its
// detail.
export async function post(path, body) {
  return read(await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  }));
}

export async function get(path) {
  return read(await fetch(path));
}

async function read(response) {
  const body = await response.json().catch(() => ({}));
  if (response.ok) return body;
  throw new Error(body.detail ?? body.title ?? `the gateway answered ${response.status}`);
}
