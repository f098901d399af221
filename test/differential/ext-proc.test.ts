/** ext_proc: what the service is told of messages, and what becomes of its answers. */
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
	type ProcessingRequest,
	ProcessingRequestSchema,
	ProcessingResponseSchema,
} from "../../src/api/gen/envoy/service/ext_proc/v3/external_processor_pb.js";
import { managerFilter, oneHost, routerFilter, socketAddress, typed } from "../support/bootstraps.ts";
import { grpcCluster, plainCluster } from "../support/call-out-clusters.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
import { eventually } from "../support/eventually.ts";
import { type GrpcService, startGrpcService } from "../support/grpc-service.ts";
import { type HttpCall, sendRequest } from "../support/http-call.ts";
import type { ProxyProcess } from "../support/proxy-process.ts";
import { startSeenBackend } from "../support/seen-backend.ts";

interface World {
	readonly port: number;
	readonly proxy: ProxyProcess;
	readonly service: GrpcService;
}

type Answer = MessageInitShape<typeof ProcessingResponseSchema>;
type Script = Readonly<
	Record<string, (request: ProcessingRequest) => Answer | readonly Answer[] | "silent" | "fail" | "close" | undefined>
>;

const set = (key: string, value: string) => ({ header: { key, rawValue: Buffer.from(value) } });
const headers = (side: "request" | "response", response: object): Answer =>
	({ response: { case: `${side}Headers`, value: { response } } }) as Answer;
const body = (side: "request" | "response", response: object): Answer =>
	({ response: { case: `${side}Body`, value: { response } } }) as Answer;

const endsWithHead = (request: ProcessingRequest["request"]) =>
	request.case === "requestHeaders" && request.value.endOfStream;

/** Pieces in other pieces: every one marked, the last one by itself. */
const streamed = (side: "request" | "response", request: ProcessingRequest["request"]): Answer[] => {
	if (request.case !== "requestBody" && request.case !== "responseBody") return [];
	const { body: bytes, endOfStream } = request.value;
	const piece = (text: string, ends: boolean): Answer =>
		body(side, {
			bodyMutation: { mutation: { case: "streamedResponse", value: { body: Buffer.from(text), endOfStream: ends } } },
		});
	return [
		...(bytes.length > 0 ? [piece("<", false), piece(`${Buffer.from(bytes).toString()}>`, false)] : []),
		...(endOfStream ? [piece("!", true)] : []),
	];
};

/** What the service says to a kind of message; nothing changes by default. */
const scripts: Readonly<Record<string, Script>> = {
	"/headers": {
		requestHeaders: () =>
			headers("request", {
				headerMutation: { setHeaders: [set("x-new", "1"), set("x-old", "2")], removeHeaders: ["x-gone"] },
			}),
		responseHeaders: () =>
			headers("response", {
				headerMutation: { setHeaders: [set("x-added", "3"), set(":status", "201")], removeHeaders: ["x-backend"] },
			}),
	},
	"/forbidden": {
		requestHeaders: () =>
			headers("request", {
				headerMutation: {
					setHeaders: [set(":path", "/changed"), set("host", "other"), set(":method", "PUT"), set("x-envoy-own", "1")],
					removeHeaders: [":method"],
				},
			}),
	},
	"/body": {
		requestBody: ({ request }) =>
			body("request", {
				bodyMutation: {
					mutation: {
						case: "body",
						value: Buffer.from(`<${request.case === "requestBody" ? Buffer.from(request.value.body).toString() : ""}>`),
					},
				},
			}),
		responseBody: () =>
			body("response", { bodyMutation: { mutation: { case: "body", value: Buffer.from("changed") } } }),
	},
	"/body-length": {
		requestBody: () =>
			body("request", {
				headerMutation: { setHeaders: [set("content-length", "4")] },
				bodyMutation: { mutation: { case: "body", value: Buffer.from("four") } },
			}),
		responseBody: () =>
			body("response", {
				headerMutation: { setHeaders: [set("content-length", "7")] },
				bodyMutation: { mutation: { case: "body", value: Buffer.from("changed") } },
			}),
	},
	"/clear": {
		requestBody: () => body("request", { bodyMutation: { mutation: { case: "clearBody", value: true } } }),
	},
	"/late-headers": {
		requestBody: () => body("request", { headerMutation: { setHeaders: [set("x-late", "1")] } }),
		responseBody: () => body("response", { headerMutation: { setHeaders: [set("x-late", "2")] } }),
	},
	"/replace": {
		requestHeaders: () =>
			headers("request", {
				status: 1,
				headerMutation: { setHeaders: [set(":method", "POST")] },
				bodyMutation: { mutation: { case: "body", value: Buffer.from("made up") } },
			}),
	},
	"/immediate": {
		requestHeaders: () =>
			({
				response: {
					case: "immediateResponse",
					value: {
						status: { code: 403 },
						body: Buffer.from("not you"),
						details: "because",
						headers: { setHeaders: [set("x-why", "no"), set("content-type", "text/html")] },
					},
				},
			}) as Answer,
	},
	"/immediate-late": {
		responseHeaders: () =>
			({
				response: { case: "immediateResponse", value: { status: { code: 418 }, body: Buffer.from("late") } },
			}) as unknown as Answer,
	},
	"/immediate-plain": {
		requestHeaders: () => ({ response: { case: "immediateResponse", value: {} } }) as Answer,
	},
	"/spurious": { requestHeaders: () => headers("response", {}) },
	"/fail": { requestHeaders: () => "fail" },
	"/fail-late": { responseHeaders: () => "fail" },
	"/close": { requestHeaders: () => "close" },
	"/silent": { requestHeaders: () => "silent" },
	"/route": {
		requestHeaders: () =>
			headers("request", { clearRouteCache: true, headerMutation: { setHeaders: [set("x-to", "moved")] } }),
	},
	"/mode": {
		requestHeaders: () =>
			({ ...headers("request", {}), modeOverride: { responseHeaderMode: 2, requestBodyMode: 2 } }) as Answer,
	},
	"/mode-allowed": {
		requestHeaders: () =>
			({ ...headers("request", {}), modeOverride: { requestBodyMode: 1, responseHeaderMode: 1 } }) as Answer,
	},
	"/duplex": {
		requestHeaders: () => headers("request", { headerMutation: { setHeaders: [set("x-new", "1")] } }),
		requestBody: ({ request }) => streamed("request", request),
		responseBody: ({ request }) => streamed("response", request),
	},
	"/duplex-late": {
		requestHeaders: ({ request }) => (endsWithHead(request) ? headers("request", {}) : "silent"),
		requestBody: ({ request }) => [
			...(request.case === "requestBody" && request.value.body.length > 0
				? [headers("request", { headerMutation: { setHeaders: [set("x-late", "1")] } })]
				: []),
			...streamed("request", request),
		],
		responseBody: ({ request }) => streamed("response", request),
	},
	"/duplex-early-body": { requestHeaders: () => [body("request", {}), headers("request", {})] },
	"/duplex-plain-body": { requestBody: () => body("request", {}) },
	"/duplex-trailers": {
		requestBody: ({ request }) => streamed("request", request),
		responseBody: ({ request }) => streamed("response", request),
		requestTrailers: () =>
			({
				response: {
					case: "requestTrailers",
					value: { headerMutation: { setHeaders: [set("x-more", "2")] } },
				},
			}) as Answer,
	},
	"/duplex-immediate": {
		requestBody: ({ request }) => streamed("request", request),
		responseHeaders: () => scripts["/immediate-late"]!["responseHeaders"]!({} as ProcessingRequest),
	},
	"/metadata": {
		requestHeaders: () =>
			({ ...headers("request", {}), dynamicMetadata: { mine: { who: "me" }, other: { who: "not" } } }) as Answer,
	},
};

async function start(side: Side, fields: object): Promise<World> {
	const backend = await startSeenBackend(side);
	const paths = new WeakMap<object, string>();
	const service = await startGrpcService(side, {
		onMessage(call, message) {
			const request = fromBinary(ProcessingRequestSchema, message);
			const { request: kind } = request;
			if (kind.case === "requestHeaders") {
				const path = kind.value.headers?.headers.find(({ key }) => key === ":path");
				paths.set(call, Buffer.from(path?.rawValue ?? []).toString() || (path?.value ?? ""));
			}
			const script = scripts[paths.get(call) ?? ""]?.[kind.case ?? ""];
			const answer = script?.(request) ?? ({ response: { case: kind.case, value: {} } } as Answer);
			if (answer === "silent") return;
			if (answer === "fail") call.finish(13, "broken");
			else if (answer === "close") call.finish();
			else
				for (const one of [answer].flat())
					call.send(toBinary(ProcessingResponseSchema, create(ProcessingResponseSchema, one)));
		},
		onEnd: (call) => call.finish(),
	});
	const processor = {
		name: "envoy.filters.http.ext_proc",
		typed_config: typed("filters.http.ext_proc.v3.ExternalProcessor", {
			grpc_service: { envoy_grpc: { cluster_name: "processor" } },
			message_timeout: "0.4s",
			...fields,
		}),
	};
	const perRoute = (config: Record<string, unknown>) => ({
		typed_per_filter_config: {
			"envoy.filters.http.ext_proc": typed("filters.http.ext_proc.v3.ExtProcPerRoute", config),
		},
	});
	const manager = managerFilter({
		http_protocol_options: { enable_trailers: true },
		http_filters: [processor, routerFilter],
		access_log: [
			{
				name: "stdout",
				typed_config: typed("access_loggers.stream.v3.StdoutAccessLog", {
					log_format: {
						text_format_source: {
							inline_string:
								"%REQ(X-CASE)% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %DYNAMIC_METADATA(mine)% %DYNAMIC_METADATA(other)%\n",
						},
					},
				}),
			},
		],
		route_config: oneHost([
			{
				match: { prefix: "/", headers: [{ name: "x-to", string_match: { exact: "moved" } }] },
				direct_response: { status: 202, body: { inline_string: "moved" } },
			},
			{ match: { path: "/off" }, route: { cluster: "c" }, ...perRoute({ disabled: true }) },
			{
				match: { path: "/skip" },
				route: { cluster: "c" },
				...perRoute({
					overrides: { processing_mode: { request_header_mode: "SKIP", response_header_mode: "SEND" } },
				}),
			},
			{ match: { prefix: "/" }, route: { cluster: "c" } },
		]),
	});
	const proxy = await side.proxy({
		static_resources: {
			listeners: [{ name: "l", address: socketAddress(0), filter_chains: [{ filters: [manager] }] }],
			clusters: [plainCluster("c", backend), grpcCluster("processor", service.port)],
		},
	});
	return { proxy, port: await proxy.port("l"), service };
}

const ignored =
	/^(x-request-id|:authority|host|connection|date|x-envoy-upstream-service-time|keep-alive|x-forwarded-proto)$/;

/** The answer, and what the service was told, without what differs from run to run. */
async function ask({ port, service, proxy }: World, call: Omit<HttpCall, "port">, messages = 0) {
	const before = service.calls.length;
	const name = `c${before}`;
	const {
		status,
		body: text,
		headers: fields,
	} = await sendRequest({
		port,
		...call,
		headers: { ...call.headers, "x-case": name },
	});
	// Who only observes is told while the answer is on its way.
	await eventually(() => {
		const count = service.calls.slice(before).reduce((sum, one) => sum + one.messages.length, 0);
		if (count < messages) throw new Error(`${count} messages of ${messages}`);
	});
	const told = service.calls.slice(before).flatMap(({ messages }) =>
		messages.map((message) => {
			const { request, protocolConfig, attributes, observabilityMode } = fromBinary(ProcessingRequestSchema, message);
			const value = request.value as unknown as Record<string, unknown>;
			const map = (value["headers"] ?? value["trailers"]) as
				| { headers: { key: string; value: string; rawValue: Uint8Array }[] }
				| undefined;
			return {
				kind: request.case,
				attributes,
				observes: observabilityMode,
				protocol:
					protocolConfig === undefined ? undefined : [protocolConfig.requestBodyMode, protocolConfig.responseBodyMode],
				fields: map?.headers
					.filter(({ key }) => !ignored.test(key) && key !== "x-case")
					.map((field) => `${field.key}: ${Buffer.from(field.rawValue).toString()}${field.value}`)
					.sort(),
				body: value["body"] === undefined ? undefined : Buffer.from(value["body"] as Uint8Array).toString(),
				ends: value["endOfStream"],
			};
		}),
	);
	const shown = Object.fromEntries(Object.entries(fields).filter(([key]) => !ignored.test(key)));
	return {
		status,
		body: text.replaceAll(name, "NAME"),
		headers: shown,
		told: JSON.parse(JSON.stringify(told).replaceAll(name, "NAME")) as unknown,
		log: proxy.stdout() === "",
	};
}

const simple = (path: string, want: object, call: Partial<HttpCall> = {}) => ({
	want,
	see: async (world: World) => {
		const { log: _log, ...seen } = await ask(world, { path, ...call });
		return seen;
	},
});

/** How streams end is left to each proxy. */
const counted =
	"ext_proc\\.(streams_started|streams_failed|stream_msgs|spurious|message_timeouts|immediate|override|rejected|clear|failure)";

const post: Partial<HttpCall> = { method: "POST", body: "some body" };

compareWithEnvoy("ext_proc with headers", {
	start: (side) =>
		start(side, {
			allow_mode_override: true,
			metadata_options: { receiving_namespaces: { untyped: ["mine"] } },
		}),
	cases: {
		"nothing changes": simple("/plain", { status: 200 }),
		"a request with a body": simple("/plain", { status: 200 }, post),
		"headers both ways": simple("/headers", { status: 201 }, { headers: { "x-old": "o", "x-gone": "g" } }),
		"what may not change": simple("/forbidden", { status: 200 }),
		"a message made up": simple("/replace", { status: 200 }),
		"a message made up in place of a body": simple("/replace", { status: 200 }, post),
		"an answer at once": simple("/immediate", { status: 403, body: "not you" }),
		"an answer in place of the upstream's": simple("/immediate-late", { status: 418 }),
		"an answer without more": simple("/immediate-plain", { status: 200 }),
		"a message out of order": simple("/spurious", { status: 500 }),
		"a service that fails": simple("/fail", { status: 500 }),
		"a service that fails later": simple("/fail-late", { status: 500 }),
		"a service that ends the stream": simple("/close", { status: 200 }),
		"a service that is silent": simple("/silent", { status: 504 }),
		"another route": simple("/route", { status: 202 }),
		"another mode": simple("/mode", { status: 200 }, post),
		"dynamic metadata": simple("/metadata", { status: 200 }),
		"a route without it": simple("/off", { status: 200 }),
		"a route with another mode": simple("/skip", { status: 200 }),
		counters: { want: { "http.in.ext_proc.streams_failed": 2 }, see: ({ proxy }) => proxy.stats(counted) },
	},
});

compareWithEnvoy("ext_proc with whole bodies", {
	start: (side) =>
		start(side, {
			processing_mode: { request_body_mode: "BUFFERED", response_body_mode: "BUFFERED" },
			mutation_rules: { allow_all_routing: true, allow_envoy: true },
			failure_mode_allow: true,
		}),
	cases: {
		"nothing changes": simple("/plain", { status: 200 }, post),
		"no body": simple("/plain", { status: 200 }),
		"other bodies of another length": simple("/body", { status: 500 }, post),
		"other bodies": simple("/body-length", { status: 200, body: "changed" }, post),
		"no body any more": simple("/clear", { status: 500 }, post),
		"headers with the body": simple("/late-headers", { status: 200 }, post),
		"what may change": simple("/forbidden", { status: 200 }),
		"a service that fails": simple("/fail", { status: 200 }, post),
		"a service that fails later": simple("/fail-late", { status: 200 }),
		"a service that is silent": simple("/silent", { status: 200 }),
		counters: { want: { "http.in.ext_proc.streams_failed": 2 }, see: ({ proxy }) => proxy.stats(counted) },
	},
});

compareWithEnvoy("ext_proc with pieces of bodies", {
	start: (side) => start(side, { processing_mode: { request_body_mode: "STREAMED", response_body_mode: "STREAMED" } }),
	cases: {
		"nothing changes": {
			want: { status: 200 },
			see: async (world) => {
				const { status, body: text } = await ask(world, { path: "/plain", ...post });
				return { status, text };
			},
		},
		"no body any more": {
			want: { status: 200 },
			see: async (world) => {
				const { status, body: text } = await ask(world, { path: "/clear", ...post });
				return { status, text };
			},
		},
		"no body": simple("/plain-none", { status: 200 }, { headers: { "x-answer-body": "short" } }),
	},
});

compareWithEnvoy("ext_proc with as much of bodies as may be held", {
	start: (side) =>
		start(side, {
			processing_mode: { request_body_mode: "BUFFERED_PARTIAL", response_body_mode: "BUFFERED_PARTIAL" },
		}),
	cases: {
		"nothing changes": simple("/plain", { status: 200 }, post),
		"other bodies": simple("/body", { status: 200 }, post),
		"no body": simple("/plain", { status: 200 }),
		"headers with the body": simple("/late-headers", { status: 200 }, post),
	},
});

const outcome = (path: string, want: object, call: Partial<HttpCall> = {}) => ({
	want,
	see: async (world: World) => {
		const { status, body: text } = await ask(world, { path, ...call });
		return { status, text };
	},
});

compareWithEnvoy("ext_proc in full duplex", {
	start: (side) =>
		start(side, {
			processing_mode: {
				request_body_mode: "FULL_DUPLEX_STREAMED",
				request_trailer_mode: "SEND",
				response_body_mode: "FULL_DUPLEX_STREAMED",
				response_trailer_mode: "SEND",
			},
		}),
	cases: {
		"bodies as the service cuts them": outcome("/duplex", { status: 200 }, post),
		"no body": outcome("/duplex", { status: 200 }),
		"a head that waits for the body": outcome("/duplex-late", { status: 200 }, post),
		"a body before its head": outcome("/duplex-early-body", { status: 500 }, post),
		"an answer of the other modes": outcome("/duplex-plain-body", { status: 500 }, post),
		trailers: {
			want: { status: 200 },
			see: async (world) => {
				const { status, body: text } = await sendRequest({
					port: world.port,
					path: "/duplex-trailers",
					...post,
					trailers: { "x-last": "1" },
				});
				return { status, text };
			},
		},
		"an answer at once": outcome("/immediate", { status: 403 }, post),
		"a late answer at once": outcome("/duplex-immediate", { status: 418 }, post),
		"a service that fails": outcome("/fail", { status: 500 }, post),
		counters: {
			want: {},
			see: ({ proxy }) =>
				proxy.stats("ext_proc\\.(streams_started|streams_failed|spurious|message_timeouts|immediate|failure)"),
		},
	},
});

compareWithEnvoy("ext_proc with attributes, and modes that the service may ask for", {
	start: (side) =>
		start(side, {
			request_attributes: [
				"request.path",
				"request.method",
				"request.size",
				"source.address == ''",
				"nothing",
				"xds.route_name",
			],
			response_attributes: ["response.code", "response.code_details", "request.path", "connection.mtls"],
			processing_mode: { request_body_mode: "BUFFERED" },
			allow_mode_override: true,
			allowed_override_modes: [{ request_body_mode: "STREAMED", response_header_mode: "SEND" }],
		}),
	cases: {
		"without a body": simple("/plain", { status: 200 }),
		"with a body": simple("/plain", { status: 200 }, post),
		"a mode that is not allowed": simple("/mode", { status: 200 }, post),
		"a mode that is allowed": simple("/mode-allowed", { status: 200 }, post),
	},
});

compareWithEnvoy("ext_proc that only observes", {
	start: (side) =>
		start(side, {
			observability_mode: true,
			deferred_close_timeout: "2s",
			request_attributes: ["request.path"],
			processing_mode: {
				request_body_mode: "STREAMED",
				response_body_mode: "BUFFERED",
				request_trailer_mode: "SEND",
				response_trailer_mode: "SEND",
			},
		}),
	cases: {
		"nothing changes": {
			want: { status: 200 },
			see: async (world) => {
				const { log: _log, ...seen } = await ask(world, { path: "/headers" }, 2);
				return seen;
			},
		},
		"bodies are told by the piece": {
			want: { status: 200 },
			see: async (world) => {
				const { told, status, body: text } = await ask(world, { path: "/body", ...post }, 3);
				const pieces = told as { readonly kind: string; readonly body?: string; readonly ends?: boolean }[];
				// How many pieces a body comes in is left to each proxy.
				return {
					status,
					text,
					first: pieces[0]?.kind,
					whole: pieces.map((piece) => (piece.kind === "requestBody" ? piece.body : "")).join(""),
				};
			},
		},
		"an answer at once is none": {
			want: { status: 200 },
			see: async (world) => {
				const { log: _log, ...seen } = await ask(world, { path: "/immediate" }, 2);
				return seen;
			},
		},
		counters: {
			want: { "http.in.ext_proc.streams_started": 3 },
			see: ({ proxy }) => proxy.stats("ext_proc\\.(streams_started|streams_failed|failure|immediate)"),
		},
	},
});
