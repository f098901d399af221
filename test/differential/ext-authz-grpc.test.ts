/** ext_authz over gRPC: what the service is told, and what becomes of its answers. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { HeaderValueOption_HeaderAppendAction as Append } from "../../src/api/gen/envoy/config/core/v3/base_pb.js";
import {
	CheckRequestSchema,
	type CheckResponse,
	CheckResponseSchema,
} from "../../src/api/gen/envoy/service/auth/v3/external_auth_pb.js";
import { type AuthorizerAnswer, allowedWith, deniedWith, headerOption } from "../support/authorizer-answers.ts";
import { managerFilter, routerFilter, socketAddress, typed } from "../support/bootstraps.ts";
import { grpcCluster, plainCluster } from "../support/call-out-clusters.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
import { type GrpcService, startGrpcService } from "../support/grpc-service.ts";
import { type HttpCall, sendRequest } from "../support/http-call.ts";
import type { ProxyProcess } from "../support/proxy-process.ts";
import { startSeenBackend } from "../support/seen-backend.ts";

interface World {
	readonly port: number;
	readonly proxy: ProxyProcess;
	readonly service: GrpcService;
}

/** What the service says, by the request's path. */
const answers: Readonly<Record<string, AuthorizerAnswer>> = {
	"/ok": allowedWith({}),
	"/plain-ok": { status: { code: 0 } } as AuthorizerAnswer,
	"/set": allowedWith({
		headers: [
			headerOption("x-new", "1"),
			headerOption("x-old", "replaced"),
			headerOption("x-app", "second", { append: true }),
			headerOption("x-absent-app", "only", { append: true }),
		],
		headersToRemove: ["x-gone", ":method", "host"],
	}),
	"/actions": allowedWith({
		headers: [
			headerOption("x-old", "if-absent", { appendAction: Append.ADD_IF_ABSENT }),
			headerOption("x-new", "if-absent", { appendAction: Append.ADD_IF_ABSENT }),
			headerOption("x-app", "if-exists", { appendAction: Append.OVERWRITE_IF_EXISTS }),
			headerOption("x-none", "if-exists", { appendAction: Append.OVERWRITE_IF_EXISTS }),
		],
	}),
	"/response": allowedWith({
		responseHeadersToAdd: [
			headerOption("x-cs", "added"),
			headerOption("x-backend", "beside"),
			headerOption("x-over", "over", { appendAction: Append.OVERWRITE_IF_EXISTS_OR_ADD }),
			headerOption("x-backend-absent", "a", { appendAction: Append.ADD_IF_ABSENT }),
		],
	}),
	"/query?a=1&b=2": allowedWith({ queryParametersToSet: [{ key: "c", value: "3" }], queryParametersToRemove: ["a"] }),
	"/metadata": { ...allowedWith({}), dynamicMetadata: { who: "me", nested: { a: 1 } } } as AuthorizerAnswer,
	"/denied": deniedWith({
		status: { code: 401 },
		body: "go away",
		headers: [headerOption("x-why", "no"), headerOption("x-why", "really")],
	}),
	"/denied-plain": { status: { code: 16 } } as AuthorizerAnswer,
	"/denied-zero": deniedWith({ body: "none" }),
	"/path": allowedWith({ headers: [headerOption(":path", "/elsewhere")] }),
};

const format =
	"%REQ(X-CASE)% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %DYNAMIC_METADATA(envoy.filters.http.ext_authz:who)%\n";

async function start(side: Side, fields: object): Promise<World> {
	const backend = await startSeenBackend(side);
	const service = await startGrpcService(side, {
		onMessage(call, message) {
			const request = fromBinary(CheckRequestSchema, message);
			const path = request.attributes?.request?.http?.path ?? "";
			if (path === "/error") call.finish(13, "broken");
			else if (path !== "/never") {
				const answer = answers[path] ?? allowedWith({});
				call.send(toBinary(CheckResponseSchema, create(CheckResponseSchema, answer) as CheckResponse));
				call.finish();
			}
		},
	});
	const authz = {
		name: "envoy.filters.http.ext_authz",
		typed_config: typed("filters.http.ext_authz.v3.ExtAuthz", {
			grpc_service: { envoy_grpc: { cluster_name: "authz" }, timeout: "0.5s" },
			transport_api_version: "V3",
			...fields,
		}),
	};
	const perRoute = (config: Record<string, unknown>) => ({
		"envoy.filters.http.ext_authz": typed("filters.http.ext_authz.v3.ExtAuthzPerRoute", config),
	});
	const manager = managerFilter({
		http_filters: [authz, routerFilter],
		access_log: [
			{
				name: "stdout",
				typed_config: typed("access_loggers.stream.v3.StdoutAccessLog", {
					log_format: { text_format_source: { inline_string: format } },
				}),
			},
		],
		route_config: {
			name: "r",
			virtual_hosts: [
				{
					name: "v",
					domains: ["*"],
					typed_per_filter_config: perRoute({ check_settings: { context_extensions: { level: "host", host: "1" } } }),
					routes: [
						{
							match: { prefix: "/context" },
							route: { cluster: "c" },
							typed_per_filter_config: perRoute({ check_settings: { context_extensions: { level: "route" } } }),
						},
						{ match: { prefix: "/" }, route: { cluster: "c" } },
					],
				},
			],
		},
	});
	const proxy = await side.proxy({
		static_resources: {
			listeners: [{ name: "l", address: socketAddress(0), filter_chains: [{ filters: [manager] }] }],
			clusters: [plainCluster("c", backend), grpcCluster("authz", service.port)],
		},
	});
	return { proxy, port: await proxy.port("l"), service };
}

/** The answer, and what the service was asked, without what differs from run to run. */
async function ask({ port, service }: World, call: Omit<HttpCall, "port">) {
	const before = service.calls.length;
	const { status, body, headers } = await sendRequest({ port, ...call });
	const asked = service.calls.slice(before).map(({ path, messages }) => {
		const request = fromBinary(CheckRequestSchema, messages[0]!);
		const { attributes } = request;
		const http = attributes?.request?.http;
		const fields = Object.fromEntries(
			Object.entries(http?.headers ?? {})
				.filter(([name]) => !["x-request-id", ":authority"].includes(name))
				.sort(),
		);
		return {
			path,
			method: http?.method,
			target: http?.path,
			scheme: http?.scheme,
			protocol: http?.protocol,
			size: Number(http?.size),
			body: http?.body,
			raw: Buffer.from(http?.rawBody ?? []).toString("latin1"),
			fields,
			extensions: attributes?.contextExtensions,
			hasId: http?.id !== "",
			hasTime: attributes?.request?.time !== undefined,
			sourceCase: attributes?.source?.address?.address.case,
			service: attributes?.source?.service,
			metadata: Object.keys(attributes?.metadataContext?.filterMetadata ?? {}),
		};
	});
	const shown = Object.fromEntries(
		Object.entries(headers).filter(([name]) => /^x-(?!envoy)|content|www|location/.test(name)),
	);
	return { status, body, headers: shown, asked };
}

const simple = (path: string, want: object, call: Partial<HttpCall> = {}) => ({
	want,
	see: (world: World) => ask(world, { path, ...call }),
});

compareWithEnvoy("ext_authz over gRPC", {
	start: (side) => start(side, { failure_mode_allow: false, clear_route_cache: true }),
	cases: {
		"what the service is told": simple("/ok", { status: 200 }, { headers: { "x-a": "1", cookie: "b=c" } }),
		"an answer without a part for the request": simple("/plain-ok", { status: 200 }),
		"headers set, appended and removed": simple(
			"/set",
			{ status: 200 },
			{ headers: { "x-old": "old", "x-app": "first", "x-gone": "1" } },
		),
		"append actions of the request": simple(
			"/actions",
			{ status: 200 },
			{ headers: { "x-old": "old", "x-app": "first" } },
		),
		"headers of the response": simple("/response", { status: 200 }, { headers: { "x-answer": "x-over=under" } }),
		"query parameters": simple("/query?a=1&b=2", { status: 200 }),
		"dynamic metadata": simple("/metadata", { status: 200 }, { headers: { "x-case": "metadata" } }),
		"a denial with status, body and headers": simple("/denied", { status: 401, body: "go away" }),
		"a denial without more": simple("/denied-plain", { status: 403 }),
		"a denial without a status": simple("/denied-zero", { status: 403 }),
		"a denial of a gRPC call": simple("/denied", { status: 200 }, { headers: { "content-type": "application/grpc" } }),
		"another path": simple("/path", { status: 200 }),
		"a service that fails": simple("/error", { status: 403 }, { headers: { "x-case": "error" } }),
		"a service that is silent": simple("/never", { status: 403 }),
		"context of host and route": simple("/context", { status: 200 }),
		"a body that is not sent": simple("/ok", { status: 200 }, { method: "POST", body: "unseen" }),
		counters: {
			want: { "http.in.ext_authz.denied": 4 },
			see: ({ proxy }) => proxy.stats("ext_authz\\.|cluster\\.c\\.upstream_rq_(4|2|completed)"),
		},
	},
});

compareWithEnvoy("ext_authz over gRPC, with bodies and chosen headers", {
	start: (side) =>
		start(side, {
			with_request_body: { max_request_bytes: 8, allow_partial_message: true, pack_as_bytes: true },
			allowed_headers: { patterns: [{ prefix: "x-" }, { exact: ":path" }] },
			disallowed_headers: { patterns: [{ exact: "x-secret" }] },
			failure_mode_allow: true,
			failure_mode_allow_header_add: true,
			status_on_error: { code: "ServiceUnavailable" },
		}),
	cases: {
		"a whole body": simple("/ok", { status: 200 }, { method: "POST", body: "short" }),
		"a body that is cut": simple("/ok", { status: 200 }, { method: "POST", body: "longer than that" }),
		"only some headers": simple("/ok", { status: 200 }, { headers: { "x-secret": "1", "x-open": "2", accept: "*/*" } }),
		"a failure that is let through": simple("/error", { status: 200 }),
		counters: { want: {}, see: ({ proxy }) => proxy.stats("ext_authz\\.") },
	},
});
