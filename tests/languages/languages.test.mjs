// Runs services in three languages with two nodes and clients on one bus. What a service publishes or a client emits
// reaches the others, and a worker in another language finishes the events of a killed worker.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Gateway } from "../../publisher-sdk/node/test/support/gateway.mjs";
import { Redis, eventually } from "../../publisher-sdk/node/test/support/redis.mjs";
import { LANGUAGES, Service } from "./service.mjs";

const range = (to) => Array.from({ length: to }, (_, at) => at);
const inEachLanguage = (start) => Promise.all(LANGUAGES.map(start));
// A short grace makes users go offline soon; a long reply timeout tolerates a slow machine.
const SETTINGS = { "presence.grace": "1s", "inbox.reply_timeout": "60s" };
let redis, nodes, services;

before(async () => {
  redis = await Redis.start();
  nodes = await Promise.all([1, 2].map(() => Gateway.start(redis, SETTINGS)));
  services = await inEachLanguage((language) => Service.start(language, { redis: redis.url, service: `own-${language}`, group: language, goneAfter: 30_000 }));
});
after(async () => {
  for (const service of services ?? []) service.child.kill("SIGKILL");
  await Promise.all((nodes ?? []).map((node) => node.stop()));
  await redis.stop();
});

test("a client gets the events of every service, and every service gets all receipts", async () => {
  const client = await nodes[0].client("seen", { device: "laptop" });
  const data = { sum: 1.5, name: "Zoë ✓", list: [1, null, "x"] };
  const confirmed = await Promise.all(services.map((service) => service.confirm({ to: "user:seen", type: `by-${service.language}`, data, deadline: 30 })));
  for (const [at, { id, device }] of confirmed.entries()) {
    assert.equal(device, "laptop");
    const frame = JSON.parse(await client.next(`by-${LANGUAGES[at]}`));
    assert.deepEqual([frame.id, frame.data], [id, data]);
  }
  const ids = confirmed.map(({ id }) => id).sort();
  for (const service of services) {
    const receipts = () => service.output("receipt").filter(({ receipt }) => ids.includes(receipt));
    await eventually(`${service.language} gets all receipts`, () => receipts().length >= services.length);
    assert.deepEqual(receipts().map(({ receipt, outcome }) => [receipt, outcome]).sort(), ids.map((id) => [id, "acknowledged"]));
  }
  client.close();
});

test("every service gets the fallback of an unacknowledged event, independent of its publisher", async () => {
  const published = await Promise.all(services.map((service) => service.publish({ to: "user:away", type: "t", data: { by: service.language }, deadline: 1 })));
  const expected = published.map(({ id }, at) => [id, "user:away", LANGUAGES[at]]).sort();
  for (const service of services) {
    await eventually(`${service.language} gets all fallbacks`, () => service.output("fallback").length >= services.length);
    assert.deepEqual(service.output("fallback").map(({ fallback, channel, data }) => [fallback, channel, data.by]).sort(), expected);
    const fallenBack = () => service.output("receipt").filter(({ receipt, outcome }) => outcome === "fallen_back" && published.some(({ id }) => id === receipt));
    await eventually(`${service.language} gets the final receipts`, () => fallenBack().length >= services.length);
    assert.equal(fallenBack().length, services.length);
  }
});

test("every service replies to a client's events by their ref", async () => {
  const clients = await Promise.all(nodes.map((node, at) => node.client(`emitter-${at}`, { device: "tab", emit: ["ask-*", "note"] })));
  const data = '{"text" : "é \\u00e9","sum":1.00}';
  for (const [at, client] of clients.entries()) {
    for (const language of LANGUAGES) client.emit(`ask-${language}`, data, { ref: `to ${language}` });
    client.emit("note", data, { id: `note-${at}` });
    client.emit("note", data, { id: `note-${at}` });
    for (const from of LANGUAGES) {
      assert.deepEqual(await client.answer(`to ${from}`), { type: "wirebell.reply", ref: `to ${from}`, data: { from, user: `emitter-${at}`, data: JSON.parse(data) } });
    }
    client.emit("other", "null", { ref: "not mine" });
    assert.equal((await client.answer("not mine")).code, "not_allowed");
  }
  const expected = range(2).map((at) => ({ event: `note-${at}`, type: "note", user: `emitter-${at}`, device: "tab", json: data }));
  for (const service of services) {
    const notes = () => service.output("event").filter(({ type }) => type === "note").sort((one, other) => (one.event < other.event ? -1 : 1));
    await eventually(`${service.language} gets both notes`, () => notes().length >= 2);
    assert.deepEqual(notes(), expected);
  }
  await sleep(300);
  for (const client of clients) {
    // Each ref has one reply, which is consumed above.
    for (const language of LANGUAGES) assert.deepEqual(client.answers(`to ${language}`), []);
    client.close();
  }
  for (const service of services) assert.equal(service.output("event").filter(({ type }) => type === "note").length, 2, "once each");
});

// Each user emits two events. The killed worker never finishes the first event of the later users. Their second
// events wait for the first, since a user's events are handled in order: all of these are in flight.
const USERS = 20;
const EVENTS = 2 * USERS;
const HANGING = range(10).map((user) => 10 + user);
const completes = (number) => !HANGING.includes(number % USERS);

for (const [at, victim] of LANGUAGES.entries()) {
  const heir = LANGUAGES[(at + 1) % LANGUAGES.length];
  test(`${heir} finishes the batch of a killed ${victim} worker`, async (t) => {
    const batch = `batch-${victim}`;
    const settings = { redis: redis.url, service: `shared-${victim}`, batch, goneAfter: 1_500 };
    const dying = await Service.start(victim, { ...settings, hangs: HANGING });
    t.after(() => dying.kill());
    const clients = await Promise.all(range(USERS).map((user) => nodes[user % 2].client(`${victim}-${user}`, { emit: [batch] })));
    for (const number of range(EVENTS)) clients[number % USERS].emit(batch, String(number), { ref: String(number) });
    const [done, rest] = [range(EVENTS).filter(completes), range(EVENTS).filter((number) => !completes(number))];
    const answersTo = (numbers) => Promise.all(numbers.map((number) => clients[number % USERS].answer(String(number))));
    const by = (language, number) => ({ type: "wirebell.reply", ref: String(number), data: { by: language, number } });
    assert.deepEqual(await answersTo(done), done.map((number) => by(victim, number)));
    const inFlight = () => dying.output("begun").map(({ begun }) => begun).filter((number) => !completes(number));
    await eventually("the other events are in flight", () => inFlight().length === HANGING.length);
    await dying.kill();

    const finishing = await Service.start(heir, settings);
    t.after(() => finishing.kill());
    assert.deepEqual(await answersTo(rest), rest.map((number) => by(heir, number)));
    // No event is lost, and only events that were in flight are handled again.
    const handled = (service) => service.output("handled").map(({ handled }) => handled).sort((one, other) => one - other);
    assert.deepEqual([handled(dying), handled(finishing)], [done, rest]);
    assert.deepEqual(inFlight().sort((one, other) => one - other), HANGING);
    // Events that the killed worker had not begun may not have been read by it.
    for (const { begun: number, tries } of finishing.output("begun")) {
      if (HANGING.includes(number)) assert.equal(tries, 2, `${number} was in flight`);
      else assert.ok(tries <= 2, `${number} had ${tries} attempts`);
    }
    await sleep(300);
    for (const [user, client] of clients.entries()) {
      for (const number of [user, user + USERS]) assert.deepEqual(client.answers(String(number)), [], "one reply each");
      client.close();
    }
    await finishing.stop();
  });
}

test("every service gets each presence change once while a node is killed", async () => {
  const dying = await Gateway.start(redis, SETTINGS);
  const name = (number) => `presence-${number}`;
  const on = (node, numbers) => Promise.all(numbers.map((number) => node.client(name(number))));
  // Of the users of the killed node, some stay away, some reconnect elsewhere, and some have a second session elsewhere.
  // The others have sessions on another node only.
  const [away, back, both, others] = [range(5), range(5).map((number) => 5 + number), range(5).map((number) => 10 + number), range(5).map((number) => 15 + number)];
  await on(dying, [...away, ...back, ...both]);
  const [staying, going] = [await on(nodes[0], both), await on(nodes[1], others)];
  const all = [...away, ...back, ...both, ...others];
  // A node writes presence changes in batches. A node that is killed before it writes a session loses that session.
  for (const service of services) {
    await eventually(`${service.language} sees all users online`, () => all.every((number) => changes(service).has(name(number))));
  }
  await dying.stop();
  for (const client of going.slice(0, 3)) client.close();
  const returned = await on(nodes[0], [...back, ...others.slice(0, 2)]);

  const offline = [...away, others[2]];
  const expectOffline = async (gone) => {
    const expected = all.map((number) => [name(number), gone.includes(number) ? ["user.online", "user.offline"] : ["user.online"]]).sort();
    for (const service of services) {
      // If this times out, the comparison shows what is missing or duplicated.
      await eventually(`${service.language} sees the offline users`, () => gone.every((number) => changes(service).get(name(number))?.length === 2), 15_000).catch(() => {});
      assert.deepEqual([...changes(service)].sort(), expected, service.language);
    }
  };
  await expectOffline(offline);
  for (const client of [...staying, ...returned, ...going.slice(3)]) client.close();
  // Any duplicate change would have arrived by now.
  await expectOffline(all);
});

// Returns the presence changes that a service received, by user.
function changes(service) {
  const received = new Map();
  for (const { type, user } of service.output("event")) {
    if (type.startsWith("user.") && user.startsWith("presence-")) received.set(user, [...(received.get(user) ?? []), type]);
  }
  return received;
}

test("every service stops cleanly", () => Promise.all(services.map((service) => service.stop())));
