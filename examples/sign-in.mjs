// Sign-in for the Node.js examples: a cookie for their site, and a token for the nodes. A name is enough to sign in;
// a real application checks more.
import { SignJWT, jwtVerify } from "jose";

export class SignIn {
  #cookie;
  #push;

  // `push` is the secret with which nodes verify tokens.
  constructor({ cookie, push }) {
    this.#cookie = new TextEncoder().encode(cookie);
    this.#push = new TextEncoder().encode(push);
  }

  // Returns the handler of `POST /sign-in`. It awaits `onSignIn` before it sets the cookie.
  handler(onSignIn = async () => {}) {
    return async ({ body }, response) => {
      const user = body?.user ?? "";
      if (!/^[a-z]{2,20}$/.test(user)) return response.status(422).json({ problem: "A name of 2 to 20 letters, a to z." });
      await onSignIn(user);
      response.cookie("session", await sign({}, user, "30d", this.#cookie), { httpOnly: true, sameSite: "strict" });
      response.json({ user });
    };
  }

  // Middleware that requires a signed-in user and sets `request.user`.
  required = async (request, response, next) => {
    const session = /(?:^|; )session=([^;]+)/.exec(request.headers.cookie ?? "")?.[1];
    try {
      request.user = (await jwtVerify(session ?? "", this.#cookie)).payload.sub;
    } catch {
      return response.status(401).json({ problem: "Sign in first." });
    }
    next();
  };

  // Creates a token for the nodes. `claims` may name topics to subscribe to and types to emit.
  token(user, claims = {}) {
    return sign(claims, user, "10m", this.#push);
  }
}

function sign(claims, user, lifetime, key) {
  return new SignJWT(claims).setProtectedHeader({ alg: "HS256" }).setSubject(user).setExpirationTime(lifetime).sign(key);
}
