/** ext_authz: answers that are too large, statuses among fields, answers to errors, shadow mode, and what of the configuration the service and the log
 *  see. */
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { CheckRequestSchema, CheckResponseSchema } from "../../src/api/gen/envoy/service/auth/v3/external_auth_pb.js";
import { managerFilter, routerFilter, socketAddress, typed } from "../support/bootstraps.ts";
import { grpcCluster, plainCluster } from "../support/call-out-clusters.ts";
import { type Case, compareWithEnvoy, type Side } from "../support/differential.ts";
import { startGrpcService } from "../support/grpc-service.ts";
import { sendRequest } from "../support/http-call.ts";
import { findLogLine } from "../support/log-line.ts";
import type { ProxyProcess } from "../support/proxy-process.ts";
import { startSeenBackend } from "../support/seen-backend.ts";

type Answer = MessageInitShape<typeof CheckResponseSchema>;

const header = (key: string, value: string, more: object = {}) => ({ header: { key, value }, ...more });
const many = (count: number, more: object = {}) =>
	Array.from({ length: count }, (_, index) => header(`x-many-${index}`, "v", more));
const answer = (kind: "ok" | "denied" | "error", value: object): Answer =>
	({
		status: { code: kind === "ok" ? 0 : kind === "denied" ? 7 : 13 },
		httpResponse: { case: `${kind}Response`, value },
	}) as Answer;
const ok = (value: object) => answer("ok", value);

const answers: Readonly<Record<string, Answer>> = {
	"/ok": ok({ headers: [header("x-fine", "1")], responseHeadersToAdd: [header("x-told", "1")] }),
	"/denied": answer("denied", { status: { code: 401 }, body: "no", headers: [header("x-why", "no")] }),
	"/denied-plain": { status: { code: 7 } } as Answer,
	"/error-response": answer("error", { status: { code: 599 }, body: "broken", headers: [header("x-why", "broken")] }),
	"/error-response-empty": answer("error", {}),
	"/error-response-bad": answer("error", { headers: [header("x y", "1\n"), header("x-fine", "1")] }),
	"/error-response-large": answer("error", { body: "0123456789".repeat(3), headers: many(120) }),
	"/request-90": ok({ headers: many(90) }),
	"/request-120": ok({ headers: many(120) }),
	"/request-large": ok({ headers: [header("x-large", "v".repeat(70_000))] }),
	"/response-90": ok({ responseHeadersToAdd: many(90) }),
	...Object.fromEntries(
		// With the request's own seven it is one hundred, or one more.
		[93, 94].map((count) => [`/request-${count}`, ok({ headers: many(count) })]),
	),
	"/response-120": ok({ responseHeadersToAdd: many(120) }),
	"/response-set-120": ok({
		responseHeadersToAdd: [...many(120, { append: false }), header("x-backend", "2", { append: false })],
	}),
	"/response-absent-120": ok({ responseHeadersToAdd: many(120, { appendAction: 1 }) }),
	"/response-100": ok({ responseHeadersToAdd: many(100) }),
	"/response-action": ok({ responseHeadersToAdd: [header("x-odd", "1", { appendAction: 17 }), header("x-even", "1")] }),
	"/denied-90": answer("denied", { headers: many(90) }),
	"/denied-120": answer("denied", { headers: many(120) }),
	"/status-added": ok({ responseHeadersToAdd: [header(":status", "299")] }),
	"/status-set": ok({ responseHeadersToAdd: [header(":status", "299", { append: false })] }),
	"/status-overwritten": ok({ responseHeadersToAdd: [header(":status", "299", { appendAction: 3 })] }),
	"/status-absent": ok({ responseHeadersToAdd: [header(":status", "299", { appendAction: 1 })] }),
	"/status-no-number": ok({ responseHeadersToAdd: [header(":status", "abc", { append: false })] }),
	"/status-small": ok({ responseHeadersToAdd: [header(":status", "42", { append: false })] }),
	"/metadata": { ...ok({}), dynamicMetadata: { who: "me" } } as Answer,
};

const configurations: Readonly<Record<string, object>> = {
	plain: {},
	limits: { enforce_response_header_limits: true, max_denied_response_body_bytes: 12 },
	shadow: { shadow_mode: true },
	"shadow-lenient": { shadow_mode: true, failure_mode_allow: true, failure_mode_allow_header_add: true },
	validated: { validate_mutations: true },
	described: { filter_metadata: { a: "1", b: { c: [true] } }, bootstrap_metadata_labels_key: "labels" },
	"without-labels": { bootstrap_metadata_labels_key: "nothing" },
};

interface World {
	readonly proxy: ProxyProcess;
}

const format = `%REQ(X-CASE)% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %FILTER_STATE(authz.shadow:PLAIN)% %FILTER_STATE(authz.shadow:FIELD:check_result)% %DYNAMIC_METADATA(envoy.filters.http.ext_authz)%|%FILTER_STATE(authz.shadow)%\n`;

async function start(side: Side): Promise<World> {
	const backend = await startSeenBackend(side);
	const service = await startGrpcService(side, {
		onMessage(call, message) {
			const { attributes } = fromBinary(CheckRequestSchema, message);
			const path = attributes?.request?.http?.path ?? "";
			if (path === "/failing") {
				call.finish(14, "gone");
				return;
			}
			const labelsOf = (peer = attributes?.source) => Object.entries(peer?.labels ?? {}).sort();
			const labels = JSON.stringify([labelsOf(attributes?.destination), labelsOf()]);
			const says = path === "/seen" ? ok({ headers: [header("x-labels", labels)] }) : answers[path]!;
			call.send(toBinary(CheckResponseSchema, create(CheckResponseSchema, says)));
			call.finish();
		},
	});
	const route_config = {
		name: "r",
		virtual_hosts: [{ name: "v", domains: ["*"], routes: [{ match: { prefix: "/" }, route: { cluster: "c" } }] }],
	};
	const listeners = Object.entries(configurations).map(([name, fields]) => {
		const authz = typed("filters.http.ext_authz.v3.ExtAuthz", {
			grpc_service: { envoy_grpc: { cluster_name: "authz" }, timeout: "2s" },
			transport_api_version: "V3",
			stat_prefix: name,
			...fields,
		});
		const log = typed("access_loggers.stream.v3.StdoutAccessLog", {
			log_format: { text_format_source: { inline_string: format } },
		});
		const manager = managerFilter({
			http_filters: [{ name: "authz", typed_config: authz }, routerFilter],
			access_log: [{ name: "stdout", typed_config: log }],
			route_config,
		});
		return { name, address: socketAddress(0), filter_chains: [{ filters: [manager] }] };
	});
	const proxy = await side.proxy(
		{
			node: { id: "n", cluster: "c", metadata: { labels: { app: "shop", tier: "web", n: 1 } } },
			static_resources: { listeners, clusters: [plainCluster("c", backend), grpcCluster("authz", service.port)] },
		},
		{ args: ["--file-flush-interval-msec", "20"] },
	);
	return { proxy };
}

let asked = 1000;

async function ask({ proxy }: World, listener: string, path: string): Promise<unknown> {
	const id = `case-${++asked}`;
	const { status, headers, body } = await sendRequest({
		port: await proxy.port(listener),
		path,
		headers: { "x-case": id },
	}).catch((error: Error) => ({ status: 0, body: `no answer: ${(error as NodeJS.ErrnoException).code}`, headers: {} }));
	const shown = Object.entries(headers).filter(([name]) => !/^(date|server|x-envoy-upstream-service-time)$/.test(name));
	const line = (await findLogLine(proxy, id)).replace(/"ext_authz_duration":\d+/, "");
	const text = body.replaceAll(id, "ID");
	const [logged, state = "-"] = line.split("|");
	return {
		status,
		headers: Object.fromEntries(shown),
		body: text.length > 5000 ? text.length : text,
		logged,
		state: state === "-" ? undefined : JSON.parse(state),
	};
}

const cases: Record<string, Case<World>> = {};
for (const listener of Object.keys(configurations)) {
	for (const path of [...Object.keys(answers), "/failing", "/seen"]) {
		// Envoy would send the line end.
		if (path === "/error-response-bad" && !/validated|shadow/.test(listener)) continue;
		cases[`${listener}: ${path}`] = { want: {}, see: (world) => ask(world, listener, path) };
	}
}

compareWithEnvoy("options of ext_authz", {
	start,
	cases: {
		...cases,
		counters: {
			want: {},
			see: ({ proxy }) => proxy.stats("ext_authz\\.|cluster\\.c\\.(external\\.|internal\\.)?upstream_rq_[45]"),
		},
	},
});
