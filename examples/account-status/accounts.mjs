// Accounts: this file stores them and publishes every change as a retained event. Pages do not poll: a new tab
// receives the latest value with its welcome, and an open tab receives the change.
import { existsSync, readFileSync, writeFileSync } from "node:fs";

const PERMISSIONS = ["read", "write", "export"];

export class Accounts {
  #wb;
  #hibernateAfter;
  #file;
  #all;
  #lastChange = Promise.resolve();

  constructor(wb, hibernateAfter, file) {
    this.#wb = wb;
    this.#hibernateAfter = hibernateAfter;
    this.#file = file;
    this.#all = load(file);
  }

  // Called at each sign-in. A new account has one permission.
  open(user) {
    this.#all[user] ??= { permissions: ["read"], timers: 0 };
    return this.#runInOrder(async () => {
      await this.#publish(user, "account-permissions", { user, permissions: this.#all[user].permissions });
      await this.#postponeHibernation(user);
    });
  }

  may(user, what) {
    return this.#all[user]?.permissions.includes(what) ?? false;
  }

  permit(user, permissions) {
    const account = this.#all[user];
    if (!account) return undefined;
    account.permissions = PERMISSIONS.filter((what) => permissions.includes(what));
    return this.#runInOrder(() => this.#publish(user, "account-permissions", { user, permissions: account.permissions }));
  }

  // Any activity of the user postpones the hibernation.
  active(user) {
    return this.#runInOrder(() => this.#postponeHibernation(user));
  }

  // This process has no timer. The event "hibernating" is already published with a `deliverAt`: nodes deliver it,
  // even if this service is down by then.
  async #postponeHibernation(user) {
    const account = this.#all[user];
    if (account.timers > 0) await this.#wb.cancel(timer(user, account.timers));
    account.timers += 1;
    const sleeps = new Date(Date.now() + this.#hibernateAfter);
    await this.#publish(user, "account-status", { user, status: "active", sleeps });
    await this.#publish(user, "account-status", { user, status: "hibernating" }, { id: timer(user, account.timers), deliverAt: sleeps });
  }

  // Publishes to the user and to the admins. The key keeps one value for each account.
  #publish(user, type, data, more = {}) {
    writeFileSync(this.#file, JSON.stringify(this.#all));
    return this.#wb.publish({ to: [`user:${user}`, "topic:accounts"], type, data, class: "retained", key: `${type}:${user}`, ...more });
  }

  // Runs one change after the other, so the last published value is the current one.
  #runInOrder(work) {
    const done = this.#lastChange.then(work);
    this.#lastChange = done.catch(() => {});
    return done;
  }
}

const timer = (user, count) => `hibernate-${user}-${count}`;

function load(file) {
  const none = Object.create(null); // an object without inherited names
  return existsSync(file) ? Object.assign(none, JSON.parse(readFileSync(file, "utf8"))) : none;
}
