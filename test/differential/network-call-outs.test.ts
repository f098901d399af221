/** Services that are asked about connections: ext_authz and ratelimit as network filters, before TCP and before HTTP. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { create, fromBinary, toBinary, toJson } from "@bufbuild/protobuf";
import { CheckRequestSchema, CheckResponseSchema } from "../../src/api/gen/envoy/service/auth/v3/external_auth_pb.js";
import {
	RateLimitResponse_Code as Code,
	RateLimitRequestSchema,
	RateLimitResponseSchema,
} from "../../src/api/gen/envoy/service/ratelimit/v3/rls_pb.js";
import { apiRegistry } from "../../src/api/index.ts";
import { managerFilter, socketAddress, typed } from "../support/bootstraps.ts";
import { grpcCluster, plainCluster } from "../support/call-out-clusters.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
import { eventually } from "../support/eventually.ts";
import { findFreePort } from "../support/free-port.ts";
import { type GrpcService, startGrpcService } from "../support/grpc-service.ts";
import type { ProxyProcess } from "../support/proxy-process.ts";
import { startSeenBackend } from "../support/seen-backend.ts";
import { startGreeter, talk } from "../support/tcp-talk.ts";

interface World {
	readonly proxy: ProxyProcess;
	readonly service: GrpcService;
	readonly log: () => string[];
}

const format =
	"%FILTER_CHAIN_NAME% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% %DOWNSTREAM_LOCAL_CLOSE_REASON% %BYTES_RECEIVED% %BYTES_SENT% %DYNAMIC_METADATA(envoy.filters.network.ext_authz:who)% %DYNAMIC_METADATA(envoy.filters.network.rbac)%\n";

function filter(type: string, fields: object): object {
	return { name: type, typed_config: typed(`filters.network.${type}`, fields as never) };
}

/** Listeners are told apart by the service's `authority`, which names them. */
const asked = (name: string, cluster = "service"): object => ({
	envoy_grpc: { cluster_name: cluster, authority: name },
	timeout: "2s",
});
const authz = (name: string, fields: object = {}, cluster = "service"): object =>
	filter("ext_authz.v3.ExtAuthz", {
		stat_prefix: name,
		grpc_service: asked(name, cluster),
		transport_api_version: "V3",
		...fields,
	});
const limit = (name: string, fields: object = {}, cluster = "service"): object =>
	filter("ratelimit.v3.RateLimit", {
		stat_prefix: name,
		domain: "shop",
		timeout: "2s",
		descriptors: [{ entries: [{ key: "from", value: "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%" }] }],
		rate_limit_service: { transport_api_version: "V3", grpc_service: asked(name, cluster) },
		...fields,
	});
const everybody = { permissions: [{ any: true }], principals: [{ any: true }] };
const nobody = {
	permissions: [{ any: true }],
	principals: [{ direct_remote_ip: { address_prefix: "10.9.9.9", prefix_len: 32 } }],
};
const shadow = (policy: object): object =>
	filter("rbac.v3.RBAC", {
		stat_prefix: "shadow.",
		shadow_rules_stat_prefix: "istio_ext_authz_",
		shadow_rules: { action: "DENY", policies: { "istio-ext-authz-it-rule": policy } },
	});
const onlyMatched = {
	filter_enabled_metadata: {
		filter: "envoy.filters.network.rbac",
		path: [{ key: "istio_ext_authz_shadow_effective_policy_id" }],
		value: { string_match: { prefix: "istio-ext-authz-it" } },
	},
};

async function start(side: Side): Promise<World> {
	const [one, backend, dead] = await Promise.all([startGreeter(side, "one"), startSeenBackend(side), findFreePort()]);
	const service = await startGrpcService(side, {
		onMessage(call, message) {
			const name = String(call.headers[":authority"]);
			if (name.startsWith("broken")) {
				call.finish(13, "broken");
				return;
			}
			if (call.path.endsWith("ShouldRateLimit")) {
				fromBinary(RateLimitRequestSchema, message);
				const overallCode = name.startsWith("over") ? Code.OVER_LIMIT : Code.OK;
				call.send(toBinary(RateLimitResponseSchema, create(RateLimitResponseSchema, { overallCode })));
			} else {
				const code = name.startsWith("denied") ? 7 : 0;
				const answer = create(CheckResponseSchema, { status: { code }, dynamicMetadata: { who: name } });
				call.send(toBinary(CheckResponseSchema, answer));
			}
			call.finish();
		},
	});
	const path = join(side.folder, "access.log");
	const access_log = [
		{
			name: "file",
			typed_config: typed("access_loggers.file.v3.FileAccessLog", {
				path,
				log_format: { text_format_source: { inline_string: format } },
			}),
		},
	];
	const listener = (name: string, gates: readonly object[], last = tcp): object => ({
		name,
		address: socketAddress(0),
		filter_chains: [{ name, filters: [...gates, last] }],
	});
	const tcp = filter("tcp_proxy.v3.TcpProxy", { stat_prefix: "t", cluster: "one", access_log });
	const http = managerFilter({
		route_config: {
			name: "r",
			virtual_hosts: [{ name: "v", domains: ["*"], routes: [{ match: { prefix: "/" }, route: { cluster: "http" } }] }],
		},
	});
	const unreachable = "dead";
	const proxy = await side.proxy({
		node: { id: "n", cluster: "c", metadata: { labels: { app: "x", number: 1 } } },
		static_resources: {
			listeners: [
				listener("ok", [authz("ok", { bootstrap_metadata_labels_key: "labels", include_tls_session: true })]),
				listener("denied", [authz("denied")]),
				listener("denied-http", [authz("denied-http")], http as never),
				listener("ok-http", [authz("ok-http")], http as never),
				listener("broken", [authz("broken")]),
				listener("broken-open", [authz("broken-open", { failure_mode_allow: true })]),
				listener("gone", [authz("gone", {}, unreachable)]),
				listener("matched", [shadow(everybody), authz("denied-matched", onlyMatched)]),
				listener("unmatched", [shadow(nobody), authz("denied-unmatched", onlyMatched)]),
				listener("limit", [limit("limit")]),
				listener("over", [limit("over")]),
				listener("over-http", [limit("over-http")], http as never),
				listener("limit-open", [limit("limit-open", {}, unreachable)]),
				listener("limit-closed", [limit("limit-closed", { failure_mode_deny: true }, unreachable)]),
				listener("both", [limit("both"), authz("both")]),
			],
			clusters: [
				plainCluster("one", one),
				plainCluster("http", backend),
				grpcCluster("service", service.port),
				grpcCluster("dead", dead),
			],
		},
	});
	const log = (): string[] => readFileSync(path, "utf8").split("\n").slice(0, -1);
	return { proxy, service, log };
}

/** Speaks after the greeting, hears the answer or the end. */
const speak =
	(listener: string) =>
	async ({ proxy }: World) => {
		const port = await proxy.port(listener);
		return talk({ port, send: [{ after: "hello one\n", bytes: "abc" }], until: "echo:abc" });
	};
const passes = { want: { heard: "hello one\necho:abc" } };
const request = "GET /x HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
const ask =
	(listener: string) =>
	async ({ proxy }: World) => {
		const { heard, end } = await talk({ port: await proxy.port(listener), send: [{ bytes: request }] });
		return { status: heard.slice(0, 15), end };
	};

compareWithEnvoy("network ext_authz and ratelimit", {
	start,
	cases: {
		"a connection that the service lets pass": { ...passes, see: speak("ok") },
		"what the service is asked": {
			want: { source: { address: { socketAddress: { address: "127.0.0.1" } } } },
			async see({ service }) {
				const call = service.calls.find(({ path }) => path.endsWith("Check"))!;
				const text = JSON.stringify(
					toJson(CheckRequestSchema, fromBinary(CheckRequestSchema, call.messages[0]!), { registry: apiRegistry }),
				);
				return JSON.parse(text.replace(/"portValue":\d+/g, '"portValue":0')).attributes;
			},
		},
		"a connection that it denies is closed with its first byte": {
			want: { heard: "hello one\n", end: "fin" },
			see: speak("denied"),
		},
		"a client that only ends is asked about": {
			want: { "ext_authz.denied.total": 2 },
			async see({ proxy }) {
				await talk({ port: await proxy.port("denied"), half: true });
				return proxy.stats("^ext_authz\\.denied\\.");
			},
		},
		"a client that leaves first is not": {
			want: { "ext_authz.ok.total": 1, "ext_authz.ok.active": 0 },
			async see({ proxy }) {
				const socket = connect(await proxy.port("ok"), "127.0.0.1");
				await once(socket, "data");
				socket.resetAndDestroy();
				return eventually(async () => {
					const stats = await proxy.stats("^(ext_authz\\.ok\\..*|cluster\\.one\\.upstream_cx_active)$");
					if (stats["cluster.one.upstream_cx_active"] !== 0) throw new Error("still there");
					return stats;
				});
			},
		},
		"HTTP behind a denial": { want: { status: "", end: "fin" }, see: ask("denied-http") },
		"HTTP behind leave": { want: { status: "HTTP/1.1 200 OK" }, see: ask("ok-http") },
		"a service that fails": { want: { end: "fin" }, see: speak("broken") },
		"a service that fails, and it does not matter": { ...passes, see: speak("broken-open") },
		"a service that is not there": { want: { end: "fin" }, see: speak("gone") },
		"a connection whose rule says so is asked about": { want: { end: "fin" }, see: speak("matched") },
		"another one is not": { ...passes, see: speak("unmatched") },
		"a connection within its limit": { ...passes, see: speak("limit") },
		"what the service is asked about limits": {
			want: { domain: "shop" },
			async see({ service }) {
				const call = service.calls.find(({ path }) => path.endsWith("ShouldRateLimit"))!;
				return toJson(RateLimitRequestSchema, fromBinary(RateLimitRequestSchema, call.messages[0]!));
			},
		},
		"a connection over its limit": { want: { heard: "", end: "fin" }, see: speak("over") },
		"HTTP over its limit": {
			want: { status: "" },
			// Whether the request had come before the connection was closed, which makes a reset of the end, is chance on both sides.
			async see(world) {
				const { status } = await ask("over-http")(world);
				return { status };
			},
		},
		"a limiter that is not there": { ...passes, see: speak("limit-open") },
		"a limiter that is not there, and it matters": { want: { heard: "" }, see: speak("limit-closed") },
		"one behind the other": { ...passes, see: speak("both") },
		counters: {
			want: { "ratelimit.over.cx_closed": 1, "ext_authz.denied-unmatched.disabled": 2 },
			see: ({ proxy }) => proxy.stats("^(ext_authz|ratelimit)\\.[a-z-]+\\."),
		},
		"access logs": {
			want: [],
			async see({ proxy, log }) {
				await proxy.stop();
				return log().sort();
			},
		},
	},
});
