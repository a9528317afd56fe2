// Three services in three languages on one bus, two nodes, and clients: whatever one of them publishes or a client emits
// is heard through the others' side; and what a worker leaves behind that is killed is finished by one of another language.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Gateway } from "../../publisher-sdk/node/test/support/gateway.mjs";
import { Redis, eventually } from "../../publisher-sdk/node/test/support/redis.mjs";
import { LANGUAGES, Service } from "./service.mjs";

const range = (to) => Array.from({ length: to }, (_, at) => at);
const all = (work) => Promise.all(LANGUAGES.map(work));
// So that nobody waits for long until a user counts as gone, and a slow machine has time to answer.
const SETTINGS = { "presence.grace": "1s", "inbox.reply_timeout": "60s" };
let redis, nodes, services;

before(async () => {
  redis = await Redis.start();
  nodes = await Promise.all([1, 2].map(() => Gateway.start(redis, SETTINGS)));
  services = await all((language) => Service.start(language, { redis: redis.url, service: `own-${language}`, group: language, goneAfter: 30_000 }));
});
after(async () => {
  for (const service of services ?? []) service.child.kill("SIGKILL");
  await Promise.all((nodes ?? []).map((node) => node.stop()));
  await redis.stop();
});

test("what each publishes is seen, and all hear of it", async () => {
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
    const heard = () => service.told("receipt").filter(({ receipt }) => ids.includes(receipt));
    await eventually(`${service.language} follows all receipts`, () => heard().length >= services.length);
    assert.deepEqual(heard().map(({ receipt, outcome }) => [receipt, outcome]).sort(), ids.map((id) => [id, "acknowledged"]));
  }
  client.close();
});

test("what nobody acknowledges falls back to every service, whoever has published it", async () => {
  const published = await Promise.all(services.map((service) => service.publish({ to: "user:away", type: "t", data: { by: service.language }, deadline: 1 })));
  const expected = published.map(({ id }, at) => [id, "user:away", LANGUAGES[at]]).sort();
  for (const service of services) {
    await eventually(`${service.language} takes all over`, () => service.told("fallback").length >= services.length);
    assert.deepEqual(service.told("fallback").map(({ fallback, channel, data }) => [fallback, channel, data.by]).sort(), expected);
    const fallen = () => service.told("receipt").filter(({ receipt, outcome }) => outcome === "fallen_back" && published.some(({ id }) => id === receipt));
    await eventually(`${service.language} hears so`, () => fallen().length >= services.length);
    assert.equal(fallen().length, services.length);
  }
});

test("a client emits to all of them, and each answers by its ref", async () => {
  const clients = await Promise.all(nodes.map((node, at) => node.client(`asker-${at}`, { device: "tab", emit: ["ask-*", "note"] })));
  const data = '{"text" : "é \\u00e9","sum":1.00}';
  for (const [at, client] of clients.entries()) {
    for (const language of LANGUAGES) client.emit(`ask-${language}`, data, { ref: `to ${language}` });
    client.emit("note", data, { id: `note-${at}` });
    client.emit("note", data, { id: `note-${at}` });
    for (const from of LANGUAGES) {
      assert.deepEqual(await client.answer(`to ${from}`), { type: "wirebell.reply", ref: `to ${from}`, data: { from, user: `asker-${at}`, data: JSON.parse(data) } });
    }
    client.emit("other", "null", { ref: "not mine" });
    assert.equal((await client.answer("not mine")).code, "not_allowed");
  }
  const expected = range(2).map((at) => ({ event: `note-${at}`, type: "note", user: `asker-${at}`, device: "tab", json: data }));
  for (const service of services) {
    const notes = () => service.told("event").filter(({ type }) => type === "note").sort((one, other) => (one.event < other.event ? -1 : 1));
    await eventually(`${service.language} hears both`, () => notes().length >= 2);
    assert.deepEqual(notes(), expected);
  }
  await sleep(300);
  for (const client of clients) {
    // One answer each, which was taken above.
    for (const language of LANGUAGES) assert.deepEqual(client.answers(`to ${language}`), []);
    client.close();
  }
  for (const service of services) assert.equal(service.told("event").filter(({ type }) => type === "note").length, 2, "once each");
});

// Each of these users emits two events. With the dying worker the first ones of the later users never come to their end, and
// the second ones wait behind them, since a user's are in order: both are in its hand.
const USERS = 20;
const EVENTS = 2 * USERS;
const HANGING = range(10).map((user) => 10 + user);
const isDone = (number) => !HANGING.includes(number % USERS);

for (const [at, victim] of LANGUAGES.entries()) {
  const heir = LANGUAGES[(at + 1) % LANGUAGES.length];
  test(`what ${victim} leaves behind in the middle of a batch, ${heir} finishes`, async (t) => {
    const batch = `batch-${victim}`;
    const wanted = { redis: redis.url, service: `shared-${victim}`, batch, goneAfter: 1_500 };
    const dying = await Service.start(victim, { ...wanted, hangs: HANGING });
    t.after(() => dying.kill());
    const clients = await Promise.all(range(USERS).map((user) => nodes[user % 2].client(`${victim}-${user}`, { emit: [batch] })));
    for (const number of range(EVENTS)) clients[number % USERS].emit(batch, String(number), { ref: String(number) });
    const [done, rest] = [range(EVENTS).filter(isDone), range(EVENTS).filter((number) => !isDone(number))];
    const answersTo = (numbers) => Promise.all(numbers.map((number) => clients[number % USERS].answer(String(number))));
    const by = (language, number) => ({ type: "wirebell.reply", ref: String(number), data: { by: language, number } });
    assert.deepEqual(await answersTo(done), done.map((number) => by(victim, number)));
    const begun = () => dying.told("begun").map(({ begun }) => begun).filter((number) => !isDone(number));
    await eventually("the others are in its hand", () => begun().length === HANGING.length);
    await dying.kill();

    const finishing = await Service.start(heir, wanted);
    t.after(() => finishing.kill());
    assert.deepEqual(await answersTo(rest), rest.map((number) => by(heir, number)));
    // Nothing lost, and nothing doubled but what was in the hand of the dead, and not finished there.
    const handled = (service) => service.told("handled").map(({ handled }) => handled).sort((one, other) => one - other);
    assert.deepEqual([handled(dying), handled(finishing)], [done, rest]);
    assert.deepEqual(begun().sort((one, other) => one - other), HANGING);
    // What the dead had not begun, it may not have read either.
    for (const { begun: number, tries } of finishing.told("begun")) {
      if (HANGING.includes(number)) assert.equal(tries, 2, `${number} was in the hand of the dead`);
      else assert.ok(tries <= 2, `${number} was tried ${tries} times`);
    }
    await sleep(300);
    for (const [user, client] of clients.entries()) {
      for (const number of [user, user + USERS]) assert.deepEqual(client.answers(String(number)), [], "one answer each");
      client.close();
    }
    await finishing.stop();
  });
}

test("a node is killed while users come and go, and each service hears of every change once", async () => {
  const dying = await Gateway.start(redis, SETTINGS);
  const name = (number) => `presence-${number}`;
  const on = (node, numbers) => Promise.all(numbers.map((number) => node.client(name(number))));
  // Of those of the dying node some come back elsewhere, some were there all along, some stay away; and others come and go.
  const [away, back, both, others] = [range(5), range(5).map((number) => 5 + number), range(5).map((number) => 10 + number), range(5).map((number) => 15 + number)];
  await on(dying, [...away, ...back, ...both]);
  const [staying, going] = [await on(nodes[0], both), await on(nodes[1], others)];
  const everyone = [...away, ...back, ...both, ...others];
  // A node tells of those who come in batches. One that is killed before it has told of a session takes that along.
  for (const service of services) {
    await eventually(`${service.language} hears that all have come`, () => everyone.every((number) => changes(service).has(name(number))));
  }
  await dying.stop();
  for (const client of going.slice(0, 3)) client.close();
  const returned = await on(nodes[0], [...back, ...others.slice(0, 2)]);

  const left = [...away, others[2]];
  const hear = async (gone) => {
    const expected = everyone.map((number) => [name(number), gone.includes(number) ? ["user.online", "user.offline"] : ["user.online"]]).sort();
    for (const service of services) {
      // Where that does not come about, the comparison says what is missing, or was told twice.
      await eventually(`${service.language} hears who has gone`, () => gone.every((number) => changes(service).get(name(number))?.length === 2), 15_000).catch(() => {});
      assert.deepEqual([...changes(service)].sort(), expected, service.language);
    }
  };
  await hear(left);
  for (const client of [...staying, ...returned, ...going.slice(3)]) client.close();
  // Whatever was told twice of somebody would be there by now.
  await hear(everyone);
});

// What a service has heard of users' presence, by user.
function changes(service) {
  const heard = new Map();
  for (const { type, user } of service.told("event")) {
    if (type.startsWith("user.") && user.startsWith("presence-")) heard.set(user, [...(heard.get(user) ?? []), type]);
  }
  return heard;
}

test("they end well", () => Promise.all(services.map((service) => service.stop())));
