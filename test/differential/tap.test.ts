/** Taps: `/tap` of the admin port and the filter's own configuration. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { join } from "node:path";
import { fromBinary, toJson } from "@bufbuild/protobuf";
import { TraceWrapperSchema } from "../../src/api/gen/envoy/data/tap/v3/wrapper_pb.js";
import { managerFilter, routerFilter, socketAddress, staticCluster, typed } from "../support/bootstraps.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
import { eventually } from "../support/eventually.ts";
import { sendRequest } from "../support/http-call.ts";
import type { ProxyProcess } from "../support/proxy-process.ts";
import { startEchoBackend } from "../support/tap-backend.ts";

interface World {
	readonly proxy: ProxyProcess;
	readonly port: number;
}

const any = { any_match: true };

function fileTap(side: Side, header: string, format: string, more: object = {}, filter: object = {}): object {
	return {
		name: `tap-${header}`,
		typed_config: typed("filters.http.tap.v3.Tap", {
			...filter,
			common_config: {
				static_config: {
					match: { http_request_headers_match: { headers: [{ name: header, present_match: true }] } },
					output_config: { sinks: [{ format, file_per_tap: { path_prefix: join(side.folder, header) } }], ...more },
				},
			},
		}),
	};
}

const recordAll = {
	record_headers_received_time: true,
	record_downstream_connection: true,
	record_upstream_connection: true,
};

async function start(side: Side, args: readonly string[] = []): Promise<World> {
	const backend = await startEchoBackend(side);
	const adminTap = {
		name: "tap",
		typed_config: typed("filters.http.tap.v3.Tap", { common_config: { admin_config: { config_id: "taps" } } }),
	};
	const never = { match: any, tap_enabled: { default_value: { numerator: 0 } } };
	const filters = [
		adminTap,
		fileTap(side, "x-json", "JSON_BODY_AS_STRING", {}, recordAll),
		fileTap(side, "x-binary", "PROTO_BINARY", {}, recordAll),
		fileTap(side, "x-text", "PROTO_TEXT"),
		fileTap(side, "x-stream", "JSON_BODY_AS_BYTES", { streaming: true }),
		{
			name: "tap-never",
			typed_config: typed("filters.http.tap.v3.Tap", {
				common_config: {
					static_config: { ...never, output_config: { sinks: [{ file_per_tap: { path_prefix: "/nowhere/x" } }] } },
				},
			}),
		},
		routerFilter,
	];
	const proxy = await side.proxy(
		{
			static_resources: {
				listeners: [
					{
						name: "l",
						address: socketAddress(0),
						filter_chains: [{ filters: [managerFilter({ http_filters: filters, generate_request_id: false })] }],
					},
				],
				clusters: [
					staticCluster("c1", {
						load_assignment: {
							cluster_name: "c1",
							endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(backend) } }] }],
						},
					}),
				],
			},
		},
		{ args },
	);
	return { proxy, port: await proxy.port("l") };
}

interface Attached {
	readonly response: IncomingMessage;
	text(): string;
	close(): Promise<void>;
}

/** Posts to `/tap`; resolves when the proxy has answered its head. */
async function attach({ proxy }: World, body: object | string): Promise<Attached> {
	const call: ClientRequest = request({ port: proxy.adminPort, host: "127.0.0.1", path: "/tap", method: "POST" });
	call.on("error", () => undefined);
	call.end(typeof body === "string" ? body : JSON.stringify(body));
	const [response] = (await once(call, "response")) as [IncomingMessage];
	let text = "";
	response.setEncoding("utf8").on("data", (piece: string) => {
		text += piece;
	});
	response.on("error", () => undefined);
	return {
		response,
		text: () => text,
		async close() {
			if (!response.complete) call.destroy();
			// The proxy has seen that its reader is gone when another one may come.
			await eventually(async () => {
				const { body: said } = await sendRequest({ port: proxy.adminPort, path: "/tap", method: "POST", body: "{" });
				if (said.includes("already exists")) throw new Error("still attached");
			});
		},
	};
}

function tapRequest(match: object, output: object = {}, more: object = {}): object {
	return {
		config_id: "taps",
		tap_config: { match, output_config: { sinks: [{ streaming_admin: {} }], ...output }, ...more },
	};
}

/** What differs from run to run is hidden. */
function hideChance(text: string): unknown[] {
	const traces = text
		.split(/(?<=\n\}\n)/)
		.filter((piece) => piece.trim() !== "")
		.map((piece) => JSON.parse(piece) as unknown);
	return JSON.parse(JSON.stringify(traces), (key, value: unknown) => {
		// What is said of the one connection is not the message's: amime's filters do not see it.
		if (key === "headers") return (value as { readonly key: string }[]).filter((one) => one.key !== "connection");
		if (key === "trace_id" || key === "port_value" || key === "headers_received_time") return typeof value;
		if (typeof value !== "object" || value === null || !("key" in value)) return value;
		const header = value as { readonly key: string };
		const isChance = ["date", "x-envoy-upstream-service-time", ":authority"].includes(header.key);
		return isChance ? { ...header, value: "" } : value;
	}) as unknown[];
}

/** Attaches, makes requests, and shows as many traces as there should be. */
async function record(world: World, asked: object, traces: number, calls: readonly object[]): Promise<unknown[]> {
	const tap = await attach(world, asked);
	const { port } = world;
	for (const call of calls) await sendRequest({ port, path: "/", ...call });
	await eventually(() => {
		if (hideChance(tap.text()).length < traces) throw new Error(`only ${tap.text()}`);
	});
	await tap.close();
	return hideChance(tap.text());
}

async function files(side: Side, prefix: string, ending: string): Promise<Buffer[]> {
	return await eventually(() => {
		const names = readdirSync(side.folder).filter((name) => name.startsWith(prefix) && name.endsWith(ending));
		const contents = names.map((name) => readFileSync(join(side.folder, name)));
		if (contents.length === 0 || contents.some(({ length }) => length === 0)) throw new Error(`no file ${prefix}`);
		return contents;
	});
}

const body = { method: "POST", body: "what the client says" };
const plainBytes = { max_buffered_rx_bytes: 6, max_buffered_tx_bytes: 4 };
const asText = { sinks: [{ format: "JSON_BODY_AS_STRING", streaming_admin: {} }] };
const header = (name: string, value: string) => ({ headers: [{ name, string_match: { exact: value } }] });
const paths = (traces: readonly unknown[]) => JSON.stringify(traces).match(/(?<=":path","value":")[^"]*/g) ?? [];

compareWithEnvoy("taps", {
	start: (side) => start(side),
	cases: {
		"the admin port names it": {
			want: "  /tap (POST): tap filter control",
			see: async ({ proxy }) => (await proxy.admin("/help")).body.split("\n").find((line) => line.includes("/tap")),
		},
		"a request by GET": { want: 405, see: async ({ proxy }) => (await proxy.admin("/tap")).status },
		"a request without a body": {
			want: { status: 400, body: "/tap requires a JSON/YAML body" },
			async see({ proxy }) {
				const { status, body: said } = await proxy.admin("/tap", "POST");
				return { status, body: said };
			},
		},
		"a filter nobody knows": {
			want: "Unknown config id 'other'. No extension has registered with this id.",
			async see(world) {
				const tap = await attach(world, { ...tapRequest(any), config_id: "other" });
				if (!tap.response.readableEnded) await once(tap.response, "end");
				return tap.text();
			},
		},
		"requests that cannot be read": {
			want: [400, 400, 400],
			async see(world) {
				const broken = ["{config_id: taps", { config_id: "taps", more: 1 }, { config_id: "taps", tap_config: {} }];
				const statuses: unknown[] = [];
				for (const one of broken) statuses.push((await attach(world, one)).response.statusCode);
				return statuses;
			},
		},
		"whole requests": {
			want: [{ http_buffered_trace: { request: { body: { truncated: false } } } }],
			see: (world) => record(world, tapRequest(any), 1, [{ ...body, path: "/a", headers: { "x-one": "1" } }]),
		},
		"requests without bodies": {
			want: [{ http_buffered_trace: { response: {} } }],
			see: (world) => record(world, tapRequest(any), 1, [{ path: "/empty", headers: { "x-one": "1" } }]),
		},
		"bodies as text, cut": {
			want: [{ http_buffered_trace: { request: { body: { as_string: "what t", truncated: true } } } }],
			see: (world) => record(world, tapRequest(any, { ...asText, ...plainBytes }), 1, [{ ...body, path: "/a" }]),
		},
		"pieces as they come": {
			want: [{ http_streamed_trace_segment: { trace_id: "string", request_headers: {} } }],
			see: (world) => record(world, tapRequest(any, { ...asText, streaming: true }), 4, [{ ...body, path: "/a" }]),
		},
		"pieces that were kept until the response decides": {
			want: [{ http_streamed_trace_segment: { request_headers: {} } }],
			see: (world) =>
				record(
					world,
					tapRequest({ http_response_headers_match: header(":status", "200") }, { ...asText, streaming: true }),
					4,
					[{ ...body, path: "/a" }],
				),
		},
		"requests by predicates": {
			want: ["/1", "/4"],
			async see(world) {
				const rules = [
					{ http_request_headers_match: header("x-one", "1") },
					{ not_match: { http_response_headers_match: header(":status", "200") } },
				];
				const calls = [
					{ path: "/1", headers: { "x-one": "1" } },
					{ path: "/2", headers: { "x-one": "2" } },
					{ path: "/3" },
					{ path: "/4", headers: { "x-status": "404" } },
				];
				return paths(await record(world, tapRequest({ or_match: { rules } }), 2, calls));
			},
		},
		"requests by what their bodies hold": {
			want: ["/2"],
			async see(world) {
				const pattern = (text: string, bytes_limit = 0) => ({ bytes_limit, patterns: [{ string_match: text }] });
				const rules = [
					{ http_request_generic_body_match: pattern("needle") },
					{ http_response_generic_body_match: pattern("hay", 64) },
				];
				const calls = [
					{ path: "/1", method: "POST", body: "only hay" },
					{ path: "/2", method: "POST", body: "a needle in hay" },
					{ path: "/3", method: "POST", body: "needle" },
					{ path: "/4", method: "POST", body: `needle${" ".repeat(80)}hay` },
				];
				return paths(await record(world, tapRequest({ and_match: { rules } }), 1, calls));
			},
		},
		"a local answer": {
			want: [{ http_buffered_trace: { request: {} } }],
			see: (world) => record(world, tapRequest(any), 1, [{ path: "/gone", headers: { "x-break": "1" } }]),
		},
		"one at a time": {
			want: "An attached /tap admin stream already exists. Detach it.",
			async see(world) {
				const first = await attach(world, tapRequest(any));
				const second = await attach(world, tapRequest(any));
				if (!second.response.readableEnded) await once(second.response, "end");
				await first.close();
				return second.text();
			},
		},
		"as many as were asked for": {
			want: { traces: ["/1", "/2"], isOver: true },
			async see(world) {
				const tap = await attach(world, tapRequest(any, { sinks: [{ buffered_admin: { max_traces: 2 } }] }));
				const over = once(tap.response, "end");
				for (const path of ["/1", "/2", "/3"]) await sendRequest({ port: world.port, path });
				await over;
				await tap.close();
				return { traces: paths(hideChance(tap.text())), isOver: tap.response.complete };
			},
		},
		"as many as came in time": {
			want: { traces: ["/1"], isOver: true },
			async see(world) {
				const sinks = [{ buffered_admin: { max_traces: 9, timeout: "1s" } }];
				const tap = await attach(world, tapRequest(any, { sinks }));
				const over = once(tap.response, "end");
				await sendRequest({ port: world.port, path: "/1" });
				await over;
				await tap.close();
				return { traces: paths(hideChance(tap.text())), isOver: tap.response.complete };
			},
		},
		"a file as JSON, with connections and times": {
			want: [{ http_buffered_trace: { upstream_connection: { remote_address: {} } } }],
			async see({ port }, side) {
				await sendRequest({ port, path: "/a", ...body, headers: { "x-json": "1" } });
				return (await files(side, "x-json", ".json")).flatMap((text) => hideChance(text.toString()));
			},
		},
		"a file as messages": {
			want: [{ http_buffered_trace: { request: { body: { truncated: false } } } }],
			async see({ port }, side) {
				await sendRequest({ port, path: "/a", ...body, headers: { "x-binary": "1" } });
				const options = { alwaysEmitImplicit: true, useProtoFieldName: true };
				return (await files(side, "x-binary", ".pb")).flatMap((bytes) =>
					hideChance(`${JSON.stringify(toJson(TraceWrapperSchema, fromBinary(TraceWrapperSchema, bytes), options))}`),
				);
			},
		},
		"a file as text": {
			want: { body: String.raw`as_bytes: "what \"the\" \303\244\n"` },
			async see({ port }, side) {
				await sendRequest({ port, path: "/a", method: "POST", body: 'what "the" ä\n', headers: { "x-text": "1" } });
				const [bytes] = await files(side, "x-text", ".pb_text");
				const text = bytes!.toString();
				const shown = text
					.replace(/value: ".*(GMT|127\.0\.0\.1:\d+|\d)"/g, "value")
					.replace(/ {4}headers \{\n.*"connection"\n.*\n {4}\}\n/, "");
				return { body: /as_bytes: "w.*/.exec(text)?.[0], shown };
			},
		},
		"a file of pieces": {
			want: [{ http_streamed_trace_segment: { request_headers: {} } }],
			async see({ port }, side) {
				await sendRequest({ port, path: "/a", ...body, headers: { "x-stream": "1" } });
				return await eventually(async () => {
					const traces = (await files(side, "x-stream", ".json")).flatMap((text) => hideChance(text.toString()));
					if (traces.length < 4) throw new Error("not all is there");
					return traces;
				});
			},
		},
		"it is counted": {
			want: { isCounted: true },
			// Some cases above ask until the tap is there: how often that is differs.
			see: async ({ proxy }) => ({ isCounted: (await proxy.stat("http.in.tap.rq_tapped")) >= 16 }),
		},
	},
});

compareWithEnvoy("taps of several workers", {
	start: (side) => start(side, ["--concurrency", "2"]),
	cases: {
		"traces come from all of them": {
			want: { length: 8 },
			async see(world) {
				const { port } = world;
				const tap = await attach(world, tapRequest(any));
				// The answer may come before the last worker knows: a request of before is made again.
				const seen = (): readonly string[] => paths(hideChance(tap.text()));
				for (let index = 0; index < 8; index++) {
					const path = `/${index}`;
					await eventually(async () => {
						await sendRequest({ port, path });
						await eventually(() => assert.ok(seen().includes(path)), { deadlineMs: 1_000 });
					});
				}
				await tap.close();
				return { length: new Set(seen()).size };
			},
		},
		"and end when nobody reads them": {
			want: { grown: 0 },
			async see({ port, proxy }) {
				const tapped = () => proxy.stat("http.in.tap.rq_tapped");
				const before = await tapped();
				for (let index = 0; index < 4; index++) await sendRequest({ port, path: "/after" });
				return { grown: (await tapped()) - before };
			},
		},
	},
});
