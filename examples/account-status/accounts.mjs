// Accounts: what is true of them stands here and is saved, and every change is published as a retained event. So nobody asks
// for it: a tab that opens gets the newest value with its welcome, and one that is open gets the change.
import { existsSync, readFileSync, writeFileSync } from "node:fs";

const MAY = ["read", "write", "export"];

export class Accounts {
  #wb;
  #after;
  #file;
  #all;
  #turn = Promise.resolve();

  constructor(wb, hibernateAfter, file) {
    this.#wb = wb;
    this.#after = hibernateAfter;
    this.#file = file;
    this.#all = load(file);
  }

  // Called at each sign-in. A new account begins with one permission.
  open(user) {
    this.#all[user] ??= { permissions: ["read"], timers: 0 };
    return this.#inTurn(async () => {
      await this.#tell(user, "account-permissions", { user, permissions: this.#all[user].permissions });
      await this.#stayAwake(user);
    });
  }

  may(user, what) {
    return this.#all[user]?.permissions.includes(what) ?? false;
  }

  permit(user, permissions) {
    const account = this.#all[user];
    if (!account) return undefined;
    account.permissions = MAY.filter((what) => permissions.includes(what));
    return this.#inTurn(() => this.#tell(user, "account-permissions", { user, permissions: account.permissions }));
  }

  // Whatever a user does puts off the hibernation.
  active(user) {
    return this.#inTurn(() => this.#stayAwake(user));
  }

  // There is no timer in this process. That the account falls asleep is an event which is published already, for later;
  // nodes deliver it, whether this service is up by then or not.
  async #stayAwake(user) {
    const account = this.#all[user];
    if (account.timers > 0) await this.#wb.cancel(timer(user, account.timers));
    account.timers += 1;
    const sleeps = new Date(Date.now() + this.#after);
    await this.#tell(user, "account-status", { user, status: "active", sleeps });
    await this.#tell(user, "account-status", { user, status: "hibernating" }, { id: timer(user, account.timers), deliverAt: sleeps });
  }

  // To the user, and to whoever looks after accounts. The key keeps one value for each account there.
  #tell(user, type, data, more = {}) {
    writeFileSync(this.#file, JSON.stringify(this.#all));
    return this.#wb.publish({ to: [`user:${user}`, "topic:accounts"], type, data, class: "retained", key: `${type}:${user}`, ...more });
  }

  // One change after the other, so that what was published last is what is true.
  #inTurn(work) {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }
}

const timer = (user, count) => `hibernate-${user}-${count}`;

function load(file) {
  const none = Object.create(null); // where no name means anything yet
  return existsSync(file) ? Object.assign(none, JSON.parse(readFileSync(file, "utf8"))) : none;
}
