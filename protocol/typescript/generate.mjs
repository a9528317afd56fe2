#!/usr/bin/env node
// TypeScript from the machine-readable contract, without dependencies.
//
//   node generate.mjs frames > frames.d.ts        what a node and its clients say, from ../asyncapi.json
//   node generate.mjs events FILE > events.d.ts   an application's own events, by type
//
// FILE is JSON: an AsyncAPI 2 or 3 document each of whose messages is one type of event (its `name`, or else its key) with
// the event's `data` as payload, or a JSON Schema whose properties are the types of events and their schemas those of
// `data`. Where the operations of an AsyncAPI 3 document tell what the application receives, those are what clients emit.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const KEY = /^[A-Za-z_$][\w$]*$/;
const key = (name) => (KEY.test(name) ? name : JSON.stringify(name));

class Writer {
  constructor(document, named) {
    this.document = document;
    // References to these are written as names.
    this.named = named;
  }

  // What a reference points at.
  resolve(reference) {
    if (!reference.startsWith("#")) throw new Error(`${reference}: only references within the file are followed`);
    const step = (at, part) => at?.[part.replaceAll("~1", "/").replaceAll("~0", "~")];
    const found = reference.slice(1).split("/").slice(1).map(decodeURIComponent).reduce(step, this.document);
    if (found === undefined) throw new Error(`${reference}: there is nothing`);
    return found;
  }

  // `seen` are the references that led here: one that leads back to itself can only be written by name.
  type(schema, depth = 0, seen = []) {
    if (schema === true || schema === undefined) return "unknown";
    if (schema === false) return "never";
    if (schema.$ref !== undefined) return this.#reference(schema.$ref, depth, seen);
    if ("const" in schema) return JSON.stringify(schema.const);
    if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(" | ");
    const each = (schemas, joint) => schemas.map((one) => this.#bracketed(one, depth, seen)).join(joint);
    if (schema.anyOf ?? schema.oneOf) return each(schema.anyOf ?? schema.oneOf, " | ");
    if (schema.allOf) return each(schema.allOf.filter((one) => !one.not), " & ");
    if (Array.isArray(schema.type)) return schema.type.map((type) => this.#plain({ ...schema, type }, depth, seen)).join(" | ");
    return this.#plain(schema, depth, seen);
  }

  #reference(reference, depth, seen) {
    const name = this.named.get(reference);
    if (name) return name;
    if (seen.includes(reference)) return "unknown";
    return this.type(this.resolve(reference), depth, [...seen, reference]);
  }

  #bracketed(schema, depth, seen) {
    const type = this.type(schema, depth, seen);
    return / [|&] /.test(type) && !type.startsWith("{") ? `(${type})` : type;
  }

  #plain(schema, depth, seen) {
    switch (schema.type) {
      case "string": return "string";
      case "number": case "integer": return "number";
      case "boolean": return "boolean";
      case "null": return "null";
      case "array": return this.#array(schema, depth, seen);
      case "object": return this.#object(schema, depth, seen);
      default: return schema.properties ? this.#object(schema, depth, seen) : schema.items ? this.#array(schema, depth, seen) : "unknown";
    }
  }

  #array(schema, depth, seen) {
    if (schema.prefixItems) return `[${schema.prefixItems.map((one) => this.type(one, depth, seen)).join(", ")}]`;
    return `${this.#bracketed(schema.items, depth, seen)}[]`;
  }

  #object(schema, depth, seen) {
    const properties = Object.entries(schema.properties ?? {});
    const rest = schema.additionalProperties;
    if (properties.length === 0) return `Record<string, ${rest === undefined ? "unknown" : this.type(rest, depth, seen)}>`;
    return `{\n${this.members(schema, depth + 1, seen)}${"  ".repeat(depth)}}`;
  }

  // The members of an object, one a line; the types of some are given.
  members(schema, depth, seen = [], given = {}) {
    const indent = "  ".repeat(depth);
    const required = new Set(schema.required ?? []);
    return Object.entries(schema.properties ?? {}).map(([name, member]) => {
      const resolved = member.$ref ? this.resolve(member.$ref) : member;
      const type = given[name] ?? this.type(member, depth, seen);
      return `${comment(member.description ?? resolved.description, indent)}${indent}${key(name)}${required.has(name) ? "" : "?"}: ${type};\n`;
    }).join("");
  }
}

function comment(text, indent) {
  if (!text) return "";
  return `${indent}/** ${text.replaceAll("*/", "* /").replace(/\s*\n\s*/g, " ")} */\n`;
}

const HEAD = (from) => `// Made by protocol/typescript/generate.mjs from ${from}. Change that, and make this again.\n\n`;

// Every frame, and the two unions of them.
export function frames(document) {
  const schemas = Object.entries(document.components.schemas).filter(([, schema]) => schema.properties || schema.enum);
  const named = new Map(schemas.map(([name]) => [`#/components/schemas/${name}`, frameName(name)]));
  const writer = new Writer(document, named);
  const one = ([name, schema]) => {
    const head = comment(schema.description, "");
    if (schema.enum) return `${head}export type ${frameName(name)} =\n${schema.enum.map((one) => `  | ${JSON.stringify(one)}`).join("\n")};\n`;
    const generic = schema.properties.data !== undefined;
    const members = writer.members(schema, 1, [], generic ? { data: "Data" } : {});
    return `${head}export interface ${frameName(name)}${generic ? "<Data = unknown>" : ""} {\n${members}}\n`;
  };
  const union = (name, text, operation) => {
    const messages = document.operations[operation].messages.map(({ $ref }) => writer.resolve(writer.resolve($ref).$ref));
    return `${comment(text, "")}export type ${name} = ${messages.map(({ payload }) => named.get(payload.$ref)).join(" | ")};\n`;
  };
  return HEAD("protocol/asyncapi.json") + [
    ...schemas.map(one),
    union("ServerFrame", "What a node says. Over a WebSocket `wirebell.close` is a close code and not a frame.", "tellStream"),
    union("ClientFrame", "What a client says.", "hear"),
  ].join("\n");
}

const frameName = (name) => (/CloudEvent$|Code$/.test(name) ? name : `${name}Frame`);

// The types of an application's events, with their data.
export function events(document, from) {
  const writer = new Writer(document, new Map());
  const { told, emitted } = document.asyncapi ? ofAsyncApi(document, writer) : { told: ofSchema(document), emitted: undefined };
  const map = (name, text, types, written) => {
    const lines = [...types].sort(([a], [b]) => (a < b ? -1 : 1)).map(([type, one]) =>
      `${comment(one.description ?? one.schema?.description, "  ")}  ${key(type)}: ${written(one)};\n`);
    return `${comment(text, "")}export interface ${name} {\n${lines.join("")}}\n`;
  };
  return HEAD(from) + [
    map("Events", "What services publish: the data of each type of event.", told, ({ schema }) => writer.type(schema, 1)),
    ...(emitted?.size ? [map("Emits", "What clients emit: the data of each type of event, and what it is answered with.", emitted, ({ schema, reply }) =>
      `{ data: ${writer.type(schema, 1)}; reply: ${writer.type(reply, 1)} }`)] : []),
  ].join("\n");
}

function ofSchema(document) {
  if (!document.properties) throw new Error("expected an AsyncAPI document, or a JSON Schema with `properties`, one for each type of event");
  return new Map(Object.entries(document.properties).map(([type, schema]) => [type, { schema }]));
}

function ofAsyncApi(document, writer) {
  const follow = (it) => (it?.$ref ? follow(writer.resolve(it.$ref)) : it);
  const typeOf = (name, message) => [message.name ?? name, { schema: message.payload, description: message.summary ?? message.description }];
  const messagesOf = (channel) => Object.entries(follow(channel).messages ?? {}).map(([name, message]) => typeOf(name, follow(message)));
  const old = (operation) => {
    const message = follow(operation?.message);
    return (message?.oneOf ?? (message ? [message] : [])).map((one) => typeOf(follow(one).messageId ?? "", follow(one)));
  };
  const channels = Object.values(document.channels ?? {}).map(follow);
  const all = [
    ...Object.entries(document.components?.messages ?? {}).map(([name, message]) => typeOf(name, follow(message))),
    ...channels.flatMap(messagesOf),
    ...channels.flatMap(({ publish, subscribe }) => [...old(publish), ...old(subscribe)]),
  ];
  // What the application receives, with what it answers.
  const received = new Map();
  for (const { action, channel, messages, reply } of Object.values(document.operations ?? {}).map(follow)) {
    if (action !== "receive") continue;
    const listed = ({ messages, channel }) => messages?.map((one) => typeOf(one.$ref.split("/").at(-1), follow(one))) ?? (channel ? messagesOf(channel) : []);
    const answers = reply ? listed(follow(reply)).map(([, { schema }]) => schema) : [];
    for (const [type] of listed({ messages, channel })) received.set(type, answers.length > 1 ? { anyOf: answers } : answers[0]);
  }
  const told = new Map(all.filter(([type]) => type && !received.has(type)));
  const emitted = new Map(all.filter(([type]) => received.has(type)).map(([type, one]) => [type, { ...one, reply: received.get(type) }]));
  // What is only an answer is no event.
  const answers = Object.values(document.operations ?? {}).map(follow).flatMap(({ reply }) => follow(reply)?.messages ?? []);
  for (const answer of answers) told.delete(typeOf(answer.$ref.split("/").at(-1), follow(answer))[0]);
  return { told, emitted };
}

function main([what, file]) {
  const read = (path) => JSON.parse(readFileSync(path, "utf8"));
  if (what === "frames" && !file) return frames(read(new URL("../asyncapi.json", import.meta.url)));
  if (what === "events" && file) return events(read(file), file.split(/[\\/]/).at(-1));
  throw new Error("expected `frames`, or `events FILE`");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    process.stdout.write(main(process.argv.slice(2)));
  } catch (error) {
    console.error(`generate.mjs: ${error.message}`);
    process.exitCode = 1;
  }
}
