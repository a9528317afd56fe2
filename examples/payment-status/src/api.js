// Requests to the backend.
async function request(method, path, body) {
  const response = await fetch(path, { method, headers: { "content-type": "application/json" }, body: body && JSON.stringify(body) });
  const answer = await response.json();
  if (!response.ok) throw Object.assign(new Error(answer.problem), { status: response.status });
  return answer;
}

export const session = () => request("GET", "/token").catch((error) => { if (error.status === 401) return null; throw error; });
export const signIn = (user) => request("POST", "/sign-in", { user });
export const pay = (amount, socketId) => request("POST", "/payments", { amount, socketId });
export const follow = (id, socketId) => request("PUT", `/payments/${id}/socket`, { socketId });
