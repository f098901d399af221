/** Services that dictate header fields with bytes that no field may have: whether a message carries a line that nobody meant. */

import assert from "node:assert/strict";
import { createServer, type Socket } from "node:net";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { CheckRequestSchema, CheckResponseSchema } from "../../src/api/gen/envoy/service/auth/v3/external_auth_pb.js";
import {
	ProcessingRequestSchema,
	ProcessingResponseSchema,
} from "../../src/api/gen/envoy/service/ext_proc/v3/external_processor_pb.js";
import {
	RateLimitResponse_Code as Code,
	RateLimitRequestSchema,
	RateLimitResponseSchema,
} from "../../src/api/gen/envoy/service/ratelimit/v3/rls_pb.js";
import { managerFilter, oneHost, routerFilter, socketAddress, typed } from "../support/bootstraps.ts";
import { grpcCluster, plainCluster } from "../support/call-out-clusters.ts";
import { type Case, compareWithEnvoy, type Side } from "../support/differential.ts";
import { type ServedCall, startGrpcService } from "../support/grpc-service.ts";
import type { ProxyProcess } from "../support/proxy-process.ts";
import { openClient } from "../support/raw-client.ts";

interface World {
	readonly proxy: ProxyProcess;
}

type Field = readonly [key: string, value: string | Uint8Array];

/** What a service would put into messages. */
const fields: Readonly<Record<string, Field>> = {
	fine: ["x-new", "1"],
	"value with a line": ["x-new", "1\r\nx-smuggled: 1"],
	"value with LF": ["x-new", "1\nx-smuggled: 1"],
	"value with CR": ["x-new", "1\rx"],
	"value with NUL": ["x-new", "1\0x"],
	"value with a control": ["x-new", "1\x01x"],
	"value with DEL": ["x-new", "1\x7fx"],
	"value with an escape": ["x-new", "%41%20"],
	"value with half an escape": ["x-new", "%4"],
	"value with marks": ["x-new", "a*-._"],
	"value with a tilde": ["x-new", "a~"],
	"value with a plus": ["x-new", "a+b"],
	"value with an equals sign": ["x-new", "a=b"],
	"value with a tab": ["x-new", "1\tx"],
	"value with spaces around": ["x-new", " 1 "],
	"value beyond UTF-8": ["x-new", Buffer.from("31ff80", "hex")],
	"bytes with a line": ["x-new", Buffer.from("1\r\nx-smuggled: 1")],
	"name with a line": ["x-new: 1\r\nx-smuggled", "1"],
	"name with LF": ["x-new\nx-smuggled", "1"],
	"name with NUL": ["x-n\0ew", "1"],
	"name with a space": ["x new", "1"],
	"name with a colon": ["x:new", "1"],
	"name beyond ASCII": ["x-ü", "1"],
	"no name": ["", "1"],
	"path with a line": [":path", "/a HTTP/1.1\r\nx-smuggled: 1\r\nx-rest:"],
	"path with a space": [":path", "/a b"],
	"method with a line": [":method", "GET /b HTTP/1.1\r\nx-smuggled: 1\r\nx-rest:"],
	"host with a line": ["host", "a\r\nx-smuggled: 1"],
	"authority with a line": [":authority", "a\r\nx-smuggled: 1"],
	"status with a line": [":status", "200 OK\r\nx-smuggled: 1"],
	"status of a number": [":status", "299"],
	"status of a word": [":status", "abc"],
	"length of nothing": ["content-length", "5\r\nx-smuggled: 1"],
};

const option = ([key, value]: Field) => ({
	header: { key, ...(typeof value === "string" ? { value } : { rawValue: value }) },
});
const plain = ([key, value]: Field) => option([key, value]).header;
const raw = ([key, value]: Field) => ({ header: { key, rawValue: Buffer.from(value) } });
const pair = ([key, value]: Field) => ({ key, value: Buffer.from(value).toString() });

type Check = MessageInitShape<typeof CheckResponseSchema>;
type Processing = MessageInitShape<typeof ProcessingResponseSchema>;
type Limit = MessageInitShape<typeof RateLimitResponseSchema>;

const allow = (value: object): Check => ({ status: { code: 0 }, httpResponse: { case: "okResponse", value } }) as Check;
/** What ext_authz is told, by where a field goes. */
const checks: Readonly<Record<string, (field: Field) => Check>> = {
	request: (field) => allow({ headers: [option(field)] }),
	"request-append": (field) => allow({ headers: [{ ...option(field), append: true }] }),
	response: (field) => allow({ responseHeadersToAdd: [option(field)] }),
	remove: ([key]) => allow({ headersToRemove: [key] }),
	query: (field) => allow({ queryParametersToSet: [pair(field)] }),
	denial: (field) =>
		({
			status: { code: 7 },
			httpResponse: { case: "deniedResponse", value: { headers: [option(field)], body: "no" } },
		}) as Check,
};

const headers = (side: "request" | "response", headerMutation: object): Processing =>
	({ response: { case: `${side}Headers`, value: { response: { headerMutation } } } }) as Processing;
/** What ext_proc is told. */
const processings: Readonly<Record<string, (field: Field) => Processing>> = {
	request: (field) => headers("request", { setHeaders: [raw(field)] }),
	remove: ([key]) => headers("request", { removeHeaders: [key] }),
	response: (field) => headers("response", { setHeaders: [raw(field)] }),
	immediate: (field) =>
		({
			response: {
				case: "immediateResponse",
				value: { status: { code: 403 }, headers: { setHeaders: [raw(field)] }, body: Buffer.from("no") },
			},
		}) as Processing,
};

/** What the rate limit filter is told. */
const limits: Readonly<Record<string, (field: Field) => Limit>> = {
	request: (field) => ({ overallCode: Code.OK, requestHeadersToAdd: [plain(field)] }),
	response: (field) => ({ overallCode: Code.OK, responseHeadersToAdd: [plain(field)] }),
	over: (field) => ({ overallCode: Code.OVER_LIMIT, responseHeadersToAdd: [plain(field)] }),
};

function answer(call: ServedCall, message: Buffer): Uint8Array {
	if (call.path.includes("auth.v3")) {
		const path = fromBinary(CheckRequestSchema, message).attributes?.request?.http?.path ?? "";
		const [, place, name] = decodeURIComponent(path).split("/");
		return toBinary(CheckResponseSchema, create(CheckResponseSchema, checks[place!]!(fields[name!]!)));
	}
	if (call.path.includes("ratelimit")) {
		const path = fromBinary(RateLimitRequestSchema, message).descriptors[0]!.entries[0]!.value;
		const [, place, name] = decodeURIComponent(path).split("/");
		return toBinary(RateLimitResponseSchema, create(RateLimitResponseSchema, limits[place!]!(fields[name!]!)));
	}
	const { request } = fromBinary(ProcessingRequestSchema, message);
	const sent = request.case === "requestHeaders" ? request.value.headers?.headers : undefined;
	const path = sent?.find(({ key }) => key === ":path")?.rawValue;
	if (path !== undefined) asked.set(call, Buffer.from(path).toString());
	const [, place, name] = decodeURIComponent(asked.get(call) ?? "").split("/");
	const isResponse = request.case === "responseHeaders";
	const says =
		isResponse === (place === "response")
			? processings[place!]!(fields[name!]!)
			: headers(isResponse ? "response" : "request", {});
	return toBinary(ProcessingResponseSchema, create(ProcessingResponseSchema, says));
}
/** Paths of ext_proc's streams. */
const asked = new WeakMap<ServedCall, string>();

const volatile =
	/^(host: (127|localhost)|x-forwarded-proto|x-request-id|date|server|x-envoy-(upstream-service-time|expected))/;
const linesOf = (head: string): string[] => head.split("\r\n").filter((line) => !volatile.test(line));

/** A backend that answers with the lines of what it got. */
async function startBackend(side: Side): Promise<number> {
	const sockets = new Set<Socket>();
	const server = createServer((socket) => {
		sockets.add(socket);
		let text = "";
		socket.setEncoding("latin1").on("data", (data) => {
			text += String(data);
			if (!text.includes("\r\n\r\n")) return;
			const body = JSON.stringify(linesOf(text));
			text = "";
			socket.write(`HTTP/1.1 200 OK\r\nx-backend: 1\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
		});
		socket.on("error", () => socket.destroy());
	});
	side.after(() => {
		for (const socket of sockets) socket.destroy();
		server.close();
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	return (server.address() as { port: number }).port;
}

async function start(side: Side, more: object): Promise<World> {
	const backend = await startBackend(side);
	const service = await startGrpcService(side, {
		onMessage(call, message) {
			call.send(answer(call, message));
			if (!call.path.includes("ext_proc")) call.finish();
		},
		onEnd: (call) => call.finish(),
	});
	const grpc_service = { envoy_grpc: { cluster_name: "services" }, timeout: "2s" };
	const filters = {
		authz: typed("filters.http.ext_authz.v3.ExtAuthz", { grpc_service, transport_api_version: "V3", ...more }),
		proc: typed("filters.http.ext_proc.v3.ExternalProcessor", {
			grpc_service,
			processing_mode: { request_header_mode: "SEND", response_header_mode: "SEND" },
			mutation_rules: { allow_all_routing: true },
		}),
		limit: typed("filters.http.ratelimit.v3.RateLimit", {
			domain: "d",
			timeout: "2s",
			rate_limit_service: { transport_api_version: "V3", grpc_service },
		}),
	};
	const path = { request_headers: { header_name: ":path", descriptor_key: "path" } };
	const listeners = Object.entries(filters).map(([name, typed_config]) => ({
		name,
		address: socketAddress(0),
		filter_chains: [
			{
				filters: [
					managerFilter({
						http_filters: [{ name, typed_config }, routerFilter],
						route_config: oneHost([
							{
								match: { prefix: "/" },
								route: { cluster: "c", rate_limits: [{ actions: [path] }], timeout: "2s" },
							},
						]),
					}),
				],
			},
		],
	}));
	const proxy = await side.proxy({
		static_resources: { listeners, clusters: [plainCluster("c", backend), grpcCluster("services", service.port)] },
	});
	return { proxy };
}

/** The lines of the whole answer. */
async function ask({ proxy }: World, side: Side, listener: string, path: string): Promise<string[]> {
	const client = await openClient(side, await proxy.port(listener));
	client.send(`GET ${encodeURI(path)} HTTP/1.1\r\nhost: localhost\r\nx-gone: 1\r\nconnection: close\r\n\r\n`);
	await client.closed();
	const lines = linesOf(client.buffered);
	// Fields may stand in any order.
	const end = lines.indexOf("");
	return [...lines.slice(0, end).sort(), ...lines.slice(end)];
}

/** With a line end or NUL: Envoy writes it into answers, amime leaves the field out. */
const splits = ([key, value]: Field): boolean => /[\0\r\n]/.test(key + Buffer.from(value).toString("latin1"));
const ofAnswers: ReadonlySet<string> = new Set(["response", "denial", "over"]);
/** Envoy passes a field without a name where it judges others, and takes `:status` for a field of requests that it then refuses; amime refuses the
 *  one and passes over the other. */
const judgedOtherwise: ReadonlySet<string> = new Set(["no name", "status with a line"]);

function casesOf(listener: string, places: readonly string[]): Record<string, Case<World>> {
	const cases: Record<string, Case<World>> = {};
	for (const place of places) {
		for (const [name, field] of Object.entries(fields)) {
			if (judgedOtherwise.has(name)) continue;
			const path = `/${place}/${name}`;
			const mayDiffer = ofAnswers.has(place) && splits(field);
			cases[`${listener}: ${place}: ${name}`] = mayDiffer
				? {
						want: { hasAnswer: true },
						async see(world, side) {
							const lines = await ask(world, side, listener, path);
							if (side.kind === "amime")
								assert.ok(!lines.some((line) => /^x-smuggled|[\0\r\n]/.test(line)), lines.join("|"));
							return { hasAnswer: lines.some((line) => line.startsWith("HTTP/1.1 ")) };
						},
					}
				: { want: [], see: (world, side) => ask(world, side, listener, path) };
		}
	}
	return cases;
}

compareWithEnvoy("fields dictated by services", {
	start: (side) => start(side, {}),
	cases: {
		...casesOf("authz", Object.keys(checks)),
		...casesOf("proc", Object.keys(processings)),
		...casesOf("limit", Object.keys(limits)),
	},
});
compareWithEnvoy("fields dictated by authorizers, mutations validated", {
	start: (side) => start(side, { validate_mutations: true }),
	cases: casesOf("authz", Object.keys(checks)),
});
