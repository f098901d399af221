/** ext_authz services that answer nonsense over gRPC: what becomes of the request, and what clients and backends see. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
	CheckRequestSchema,
	type CheckResponse,
	CheckResponseSchema,
} from "../../src/api/gen/envoy/service/auth/v3/external_auth_pb.js";
import { frameMessage } from "../../src/wire/grpc/index.ts";
import { type AuthorizerAnswer, allowedWith, deniedWith, headerOption } from "../support/authorizer-answers.ts";
import { managerFilter, oneHost, routerFilter, socketAddress, typed } from "../support/bootstraps.ts";
import { grpcCluster, plainCluster } from "../support/call-out-clusters.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
import { type GrpcService, type ServedCall, startGrpcService } from "../support/grpc-service.ts";
import { sendRequest } from "../support/http-call.ts";
import { findLogLine } from "../support/log-line.ts";
import type { ProxyProcess } from "../support/proxy-process.ts";
import { startSeenBackend } from "../support/seen-backend.ts";

interface World {
	readonly port: number;
	readonly proxy: ProxyProcess;
	readonly service: GrpcService;
}

const encode = (answer: AuthorizerAnswer): Uint8Array =>
	toBinary(CheckResponseSchema, create(CheckResponseSchema, answer) as CheckResponse);
const ok = (value: object): Uint8Array => encode(allowedWith(value));
const denied = (value: object): Uint8Array => encode(deniedWith(value));
const status = (code: number) => denied({ status: { code }, body: "no", headers: [headerOption("x-why", "no")] });

const many = Array.from({ length: 300 }, (_, index) => headerOption(`x-many-${index}`, "v"));
const fine = ok({ headers: [headerOption("x-fine", "1")] });

/** What the service says, by the request's path. */
const messages: Readonly<Record<string, Uint8Array>> = {
	"/ok": fine,
	"/denied-name-space": denied({ headers: [headerOption("x bad", "1")] }),
	"/denied-name-empty": denied({ headers: [headerOption("", "1")] }),
	"/denied-name-colon": denied({ headers: [headerOption("x:y", "1")] }),
	"/denied-pseudo": denied({ headers: [headerOption(":status", "299")] }),
	"/denied-length": denied({ body: "hello", headers: [headerOption("content-length", "2")] }),
	"/denied-coding": denied({ body: "hello", headers: [headerOption("transfer-encoding", "chunked")] }),
	"/denied-connection": denied({ body: "hello", headers: [headerOption("connection", "close")] }),
	"/denied-many": denied({ headers: many }),
	"/denied-long": denied({ headers: [headerOption("x-long", "v".repeat(40_000))] }),
	"/denied-utf8": denied({ body: "ü", headers: [headerOption("x-u", "ü")] }),
	"/denied-big": denied({ body: "b".repeat(1_500_000) }),
	"/status-42": status(42),
	"/status-100": status(100),
	"/status-101": status(101),
	"/status-204": status(204),
	"/status-304": status(304),
	"/status-600": status(600),
	"/status-999": status(999),
	"/status-70000": status(70_000),
	"/status-negative": status(-1),
	"/ok-length": ok({ headers: [headerOption("content-length", "7")] }),
	"/ok-pseudo": ok({ headers: [headerOption(":what", "7"), headerOption(":scheme", "ftp")] }),
	"/ok-method": ok({ headers: [headerOption(":method", "PUT")] }),
	"/ok-host": ok({ headers: [headerOption("host", "a b")] }),
	"/ok-many": ok({ headers: many.slice(0, 90) }),
	"/ok-utf8": ok({ headers: [headerOption("x-u", "ü")] }),
	"/ok-remove": ok({ headersToRemove: ["", " ", "x\r\n", ":path", "Host", "X-GONE"] }),
	"/ok-query?a=1": ok({
		queryParametersToSet: [
			{ key: "b c", value: "d&e=f" },
			{ key: "", value: "" },
		],
	}),
	"/ok-response-length": ok({ responseHeadersToAdd: [headerOption("content-length", "3", { append: false })] }),
	"/both": encode({
		status: { code: 0 },
		httpResponse: { case: "deniedResponse", value: { body: "x" } },
	} as AuthorizerAnswer),
	"/both-ok": encode({ status: { code: 7 }, httpResponse: { case: "okResponse", value: {} } } as AuthorizerAnswer),
	"/no-status": encode({ httpResponse: { case: "deniedResponse", value: { body: "x" } } } as AuthorizerAnswer),
};

const raw = (call: ServedCall, headers: Record<string, string>, bytes?: Buffer): void => {
	call.stream.respond({ ":status": 200, "content-type": "application/grpc", ...headers }, { waitForTrailers: true });
	if (bytes !== undefined) call.stream.write(bytes);
	call.stream.end();
};
const framed = frameMessage(fine);

/** What the service does instead of answering, by path. */
const acts: Readonly<Record<string, (call: ServedCall, service: GrpcService) => void>> = {
	"/nothing": (call) => call.finish(0),
	"/empty": (call) => {
		call.send(Buffer.alloc(0));
		call.finish(0);
	},
	"/garbage": (call) => {
		call.send(Buffer.from("ffffffff0f0a0a0a", "hex"));
		call.finish(0);
	},
	"/cut": (call) => {
		call.send(fine.subarray(0, fine.length - 3));
		call.finish(0);
	},
	"/half-frame": (call) => raw(call, {}, framed.subarray(0, framed.length - 3)),
	"/flags": (call) => raw(call, {}, Buffer.concat([Buffer.of(0x52), framed.subarray(1)])),
	"/compressed": (call) => raw(call, { "grpc-encoding": "zip" }, Buffer.concat([Buffer.of(1), framed.subarray(1)])),
	"/named-encoding": (call) => raw(call, { "grpc-encoding": "zip" }, framed),
	"/two": (call) => {
		call.send(denied({ body: "first" }));
		call.send(fine);
		call.finish(0);
	},
	"/late-refusal": (call) => {
		call.send(fine);
		call.finish(13, "after all");
	},
	"/status-alone": (call) => call.finish(0),
	"/status-text": (call) => raw(call, { "grpc-status": "what" }),
	"/status-17": (call) => call.finish(17, "who%"),
	"/http-500": (call) => {
		call.stream.respond({ ":status": 500, "content-type": "text/html" });
		call.stream.end("broken");
	},
	"/http-200": (call) => {
		call.stream.respond({ ":status": 200, "content-type": "text/html" });
		call.stream.end("fine");
	},
	"/http-redirect": (call) => {
		call.stream.respond({ ":status": 302, location: "/" });
		call.stream.end();
	},
	"/reset": (call) => call.stream.close(2),
	"/reset-late": (call) => {
		call.send(fine);
		setTimeout(() => call.stream.close(8), 20);
	},
	"/cut-connection": (_call, service) => service.disconnect(),
	"/large-head": (call) => raw(call, { "x-large": "x".repeat(30_000) }, framed),
	"/byte-by-byte": (call) => {
		call.stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
		let at = 0;
		const next = (): void => {
			if (at === framed.length) call.stream.end();
			else call.stream.write(framed.subarray(at, ++at), () => setTimeout(next, 1));
		};
		next();
	},
	"/never": () => undefined,
};

const format = "%REQ(X-CASE)% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n";

async function start(side: Side, fields: object): Promise<World> {
	const backend = await startSeenBackend(side);
	const service = await startGrpcService(side, {
		onMessage(call, message) {
			const path = fromBinary(CheckRequestSchema, message).attributes?.request?.http?.path ?? "";
			const act = acts[path];
			if (act !== undefined) {
				act(call, service);
				return;
			}
			call.send(messages[path]!);
			call.finish();
		},
	});
	const authz = {
		name: "envoy.filters.http.ext_authz",
		typed_config: typed("filters.http.ext_authz.v3.ExtAuthz", {
			grpc_service: { envoy_grpc: { cluster_name: "authz" }, timeout: "0.7s" },
			transport_api_version: "V3",
			...fields,
		}),
	};
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
		route_config: oneHost([{ match: { prefix: "/" }, route: { cluster: "c" } }]),
	});
	const proxy = await side.proxy(
		{
			static_resources: {
				listeners: [{ name: "l", address: socketAddress(0), filter_chains: [{ filters: [manager] }] }],
				clusters: [plainCluster("c", backend), grpcCluster("authz", service.port)],
			},
		},
		{ args: ["--file-flush-interval-msec", "20"] },
	);
	return { proxy, port: await proxy.port("l"), service };
}

let cases = 0;

async function ask({ port, proxy }: World, path: string): Promise<unknown> {
	const id = `case-${++cases}`;
	const answer = await sendRequest({ port, path, headers: { "x-case": id, "x-gone": "1" }, timeoutMs: 3000 }).catch(
		(error: Error) => ({ status: 0, body: `no answer: ${(error as NodeJS.ErrnoException).code}`, headers: {} }),
	);
	const headers = Object.entries(answer.headers)
		.filter(([name]) => !/^(date|server|x-envoy-upstream-service-time)$/.test(name))
		.map(([name, value]) => [name, String(value).length > 100 ? String(value).length : value]);
	const line = await findLogLine(proxy, id).catch(() => "no log line");
	return {
		status: answer.status,
		body: answer.body.length > 2000 ? answer.body.length : answer.body.replaceAll(id, "ID"),
		headers: Object.fromEntries(headers),
		line,
	};
}

const paths = [...Object.keys(messages), ...Object.keys(acts)];
/** With mutations validated, amime refuses what Envoy passes on (a header without a name), and the other way round. */
const judgedOtherwise: ReadonlySet<string> = new Set(["/denied-name-empty", "/ok-query?a=1"]);

for (const validates of [false, true]) {
	compareWithEnvoy(`ext_authz and a service that answers nonsense${validates ? ", mutations validated" : ""}`, {
		start: (side) => start(side, { validate_mutations: validates, failure_mode_allow: false }),
		cases: {
			...Object.fromEntries(
				paths
					.filter((path) => !(validates && judgedOtherwise.has(path)))
					.map((path) => [path, { want: {}, see: (world: World) => ask(world, path) }]),
			),
			"requests are asked for as before": {
				want: { status: 200 },
				see: (world) => ask(world, "/ok"),
			},
			counters: {
				want: {},
				see: ({ proxy }) => proxy.stats("ext_authz\\.|cluster\\.authz\\.upstream_rq_(active|pending_active)"),
			},
		},
	});
}
