// Who somebody is, for the examples in Node.js: a cookie for their site, and from it a token for the nodes. A name will do to
// sign in; an application of your own asks for more.
import { SignJWT, jwtVerify } from "jose";

export class SignIn {
  #cookie;
  #push;

  // `push` is what nodes verify tokens with.
  constructor({ cookie, push }) {
    this.#cookie = new TextEncoder().encode(cookie);
    this.#push = new TextEncoder().encode(push);
  }

  // A handler of `POST /sign-in`; `welcome` is waited for before anybody is in.
  door(welcome = async () => {}) {
    return async ({ body }, response) => {
      const user = body?.user ?? "";
      if (!/^[a-z]{2,20}$/.test(user)) return response.status(422).json({ problem: "A name of 2 to 20 letters, a to z." });
      await welcome(user);
      response.cookie("session", await sign({}, user, "30d", this.#cookie), { httpOnly: true, sameSite: "strict" });
      response.json({ user });
    };
  }

  // The middleware: lets those in who are signed in, as `request.user`.
  needed = async (request, response, next) => {
    const session = /(?:^|; )session=([^;]+)/.exec(request.headers.cookie ?? "")?.[1];
    try {
      request.user = (await jwtVerify(session ?? "", this.#cookie)).payload.sub;
    } catch {
      return response.status(401).json({ problem: "Sign in first." });
    }
    next();
  };

  // For the nodes. `claims` may be topics that one may listen for, and types that one may emit.
  token(user, claims = {}) {
    return sign(claims, user, "10m", this.#push);
  }
}

function sign(claims, user, lifetime, key) {
  return new SignJWT(claims).setProtectedHeader({ alg: "HS256" }).setSubject(user).setExpirationTime(lifetime).sign(key);
}
