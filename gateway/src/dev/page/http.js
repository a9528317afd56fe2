// The page's own requests: JSON there and back, and a problem document as an error that can be read.
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
