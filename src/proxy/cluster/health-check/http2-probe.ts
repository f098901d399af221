import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from "node:http2";
import type { Clock, HeaderList } from "../../../core/index.ts";
import type { CheckResult } from "../../../engine/health-check/index.ts";
import type { HeaderAddition } from "../../../engine/router/index.ts";
import type { Host } from "../cluster.ts";
import { createCheckHeaders, groupHeaders } from "./check-headers.ts";
import { formatHeaders, type HttpProbeOptions, judgeAnswer } from "./http-probe.ts";
import type { ConnectForCheck, Probe } from "./probe.ts";

/** One exchange over HTTP/2, with the connection kept for the next. */
interface Exchange {
	readonly headers: Record<string, string>;
	readonly body: Buffer | undefined;
	/** What the answer means; called at most once. */
	judge(headers: IncomingHttpHeaders, body: Buffer, trailers: IncomingHttpHeaders): CheckResult;
}

/** Requests the path over HTTP/2. */
export function createHttp2Probe(options: HttpProbeOptions): Probe {
	const { check } = options;
	const { host, ...headers } = joinHeaders(formatHeaders(options));
	return createExchangeProbe(options.connect, options.reuseConnection, {
		headers: {
			":method": check.method,
			":path": check.path,
			":authority": host ?? options.authority,
			":scheme": options.isSecure ? "https" : "http",
			...headers,
			...(check.send.length > 0 ? { "content-length": String(check.send.length) } : {}),
		},
		body: check.send.length > 0 ? Buffer.from(check.send) : undefined,
		judge: (answer, body) =>
			judgeAnswer(options, {
				status: Number(answer[":status"] ?? 0),
				header: (name) => first(answer[name]),
				body,
			}),
	});
}

/** Options of {@link createGrpcProbe}. */
export interface GrpcProbeOptions {
	/** Empty for the server as a whole. */
	readonly serviceName: string;
	readonly authority: string;
	readonly headersToAdd: readonly HeaderAddition[];
	readonly isSecure: boolean;
	readonly reuseConnection: boolean;
	readonly host: Host;
	readonly clock: Clock;
	readonly connect: ConnectForCheck;
}

/** Calls `grpc.health.v1.Health/Check`. */
export function createGrpcProbe(options: GrpcProbeOptions): Probe {
	return createExchangeProbe(options.connect, options.reuseConnection, {
		headers: {
			":method": "POST",
			":path": "/grpc.health.v1.Health/Check",
			":authority": options.authority,
			":scheme": options.isSecure ? "https" : "http",
			...joinHeaders(
				createCheckHeaders(
					["content-type", "application/grpc", "te", "trailers", "user-agent", "Envoy/HC"],
					{ add: options.headersToAdd, remove: [] },
					{ ...options, protocol: "HTTP/2" },
				),
			),
		},
		body: encodeRequest(options.serviceName),
		judge(headers, body, trailers) {
			const status = first(trailers["grpc-status"] ?? headers["grpc-status"]);
			const isServing = Number(headers[":status"]) === 200 && status === "0" && readServingStatus(body) === serving;
			return isServing ? { kind: "passed", degraded: false } : { kind: "refused" };
		},
	});
}

/** Node takes one value of each name. */
function joinHeaders(headers: HeaderList): Record<string, string> {
	const grouped = Object.entries(groupHeaders(headers));
	return Object.fromEntries(grouped.map(([name, value]) => [name, Array.isArray(value) ? value.join(",") : value]));
}

function createExchangeProbe(open: ConnectForCheck, reuseConnection: boolean, exchange: Exchange): Probe {
	let session: ClientHttp2Session | undefined;
	const forget = (): void => {
		session?.destroy();
		session = undefined;
	};
	const send = (current: ClientHttp2Session, end: (result: CheckResult) => void): void => {
		const stream = current.request(exchange.headers, { endStream: exchange.body === undefined });
		let headers: IncomingHttpHeaders = {};
		let trailers: IncomingHttpHeaders = {};
		const parts: Buffer[] = [];
		let length = 0;
		stream.on("response", (received) => {
			headers = received;
		});
		stream.on("trailers", (received) => {
			trailers = received;
		});
		stream.on("data", (bytes: Buffer) => {
			if (length < maxBodyBytes) parts.push(bytes);
			length += bytes.length;
		});
		stream.on("end", () => end(exchange.judge(headers, Buffer.concat(parts), trailers)));
		stream.on("error", () => end({ kind: "network" }));
		if (exchange.body !== undefined) stream.end(exchange.body);
	};
	return {
		start(done) {
			let isOver = false;
			const end = (result: CheckResult | undefined): void => {
				if (isOver) return;
				isOver = true;
				if (!reuseConnection || result === undefined || result.kind === "network") forget();
				if (result !== undefined) done(result);
			};
			if (session !== undefined && !session.closed && !session.destroyed) {
				send(session, end);
				return () => end(undefined);
			}
			forget();
			const socket = open(() => {
				if (isOver) return;
				session = connect("http://check", { createConnection: () => socket });
				session.on("error", () => end({ kind: "network" }));
				session.on("close", () => end({ kind: "network" }));
				session.unref();
				send(session, end);
			});
			socket.on("error", () => end({ kind: "network" }));
			socket.on("close", () => end({ kind: "network" }));
			return () => {
				end(undefined);
				socket.destroy();
			};
		},
		close: forget,
	};
}

const maxBodyBytes = 4096;
const serving = 1;

/** `HealthCheckRequest { string service = 1 }` in gRPC's frame. */
function encodeRequest(service: string): Buffer {
	const name = Buffer.from(service, "utf8");
	const length: number[] = [];
	for (let rest = name.length; ; rest >>>= 7) {
		length.push(rest > 127 ? (rest & 127) | 128 : rest);
		if (rest <= 127) break;
	}
	const message = name.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0x0a, ...length]), name]);
	const frame = Buffer.alloc(5);
	frame.writeUInt32BE(message.length, 1);
	return Buffer.concat([frame, message]);
}

/** The field `status` (1) of a `HealthCheckResponse`; 0 when it is absent. */
function readServingStatus(body: Buffer): number {
	if (body.length < 7 || body[0] !== 0 || body[5] !== 0x08) return 0;
	return body[6]!;
}

function first(value: string | string[] | undefined): string | undefined {
	return Array.isArray(value) ? value[0] : value;
}
