/** Route tables for tests, made from xDS in its JSON form, and requests sent through them. */
import assert from "node:assert/strict";
import { RouteConfigurationSchema } from "../../src/api/gen/envoy/config/route/v3/route_pb.js";
import type { Problem } from "../../src/core/index.ts";
import type { RequestHead, StreamInfo } from "../../src/engine/format/index.ts";
import { createRouteTable, type RouteEntry, type RouteTable } from "../../src/engine/router/index.ts";
import { createRuntime } from "../../src/engine/runtime/index.ts";
import { parseMessage } from "../../src/proxy/bootstrap/index.ts";
import { translateRouteConfiguration } from "../../src/proxy/runtime-config/index.ts";
import { makeRequest, makeStream } from "./streams.ts";

type Json = Record<string, unknown>;

/** A route configuration from its JSON form. */
export function makeRouteTable(config: Json, runtime: Json = {}): RouteTable {
	const translated = translateRoutes(config);
	assert.ok(translated.ok, translated.ok ? "" : JSON.stringify(translated.problems));
	return createRouteTable(translated.value, createRuntime([runtime]));
}

/** The problems of a route configuration in its JSON form. */
export function routeProblems(config: Json): readonly Problem[] {
	const translated = translateRoutes(config);
	return translated.ok ? [] : translated.problems;
}

function translateRoutes(config: Json) {
	const message = parseMessage(RouteConfigurationSchema, JSON.stringify({ name: "r", ...config }), "json");
	return message.ok ? translateRouteConfiguration(message.value) : message;
}

/** A table of one virtual host for every domain. */
export function makeRoutes(...routes: Json[]): RouteTable {
	return makeRouteTable({ virtual_hosts: [{ name: "v", domains: ["*"], routes }] });
}

/** A route that answers with its name. */
export function named(name: string, match: Json, more: Json = {}): Json {
	return { name, match, direct_response: { status: 200 }, ...more };
}

/** A route that forwards. */
export function forward(match: Json, route: Json = {}, more: Json = {}): Json {
	const hasCluster = ["cluster", "cluster_header", "weighted_clusters"].some((field) => field in route);
	return { match, route: hasCluster ? route : { cluster: "c1", ...route }, ...more };
}

/** What a request was decided to be. */
export interface Decided {
	readonly entry: RouteEntry | undefined;
	readonly request: RequestHead;
	readonly stream: StreamInfo;
}

/** Sends `GET /path` with `name: value` fields through a table. */
export function decide(
	table: RouteTable,
	line: string,
	fields: readonly string[] = [],
	random = 0.5,
	stream: Partial<StreamInfo> = {},
): Decided {
	const request = makeRequest(line, ...fields);
	const info = makeStream(request, stream);
	return { entry: table.match(request, info, random), request, stream: info };
}

/** The name of the route a request takes; undefined when none does. */
export function routeOf(table: RouteTable, line: string, ...fields: string[]): string | undefined {
	return decide(table, line, fields).entry?.name;
}
