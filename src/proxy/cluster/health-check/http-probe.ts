import { Agent, type IncomingMessage, request } from "node:http";
import type { Duplex } from "node:stream";
import type { Clock, HeaderList } from "../../../core/index.ts";
import type { CheckResult } from "../../../engine/health-check/index.ts";
import { matchString } from "../../../engine/matcher/index.ts";
import type { HealthCheckConfig, StatusRange } from "../../runtime-config/index.ts";
import type { Host } from "../cluster.ts";
import { createCheckHeaders, groupHeaders } from "./check-headers.ts";
import { containsInOrder } from "./payload.ts";
import type { ConnectForCheck, Probe } from "./probe.ts";

type HttpCheck = Extract<HealthCheckConfig["checker"], { kind: "http" }>;

/** Options of the HTTP probes. */
export interface HttpProbeOptions {
	readonly check: HttpCheck;
	/** Value of the host header. */
	readonly authority: string;
	readonly isSecure: boolean;
	readonly reuseConnection: boolean;
	readonly host: Host;
	readonly clock: Clock;
	readonly connect: ConnectForCheck;
	/** Called when the answer's cluster name is compared (`verify_cluster`). */
	onVerifyCluster(): void;
}

/** What a check looks at in an answer. */
export interface CheckedAnswer {
	readonly status: number;
	header(name: string): string | undefined;
	readonly body: Buffer;
}

/** Requests the path over HTTP/1.1. */
export function createHttpProbe(options: HttpProbeOptions): Probe {
	const { check } = options;
	const agent = new CheckAgent(options);
	return {
		start(done) {
			let isOver = false;
			const end = (result: CheckResult | undefined): void => {
				if (isOver) return;
				isOver = true;
				if (result !== undefined) done(result);
			};
			const headers = groupHeaders(formatHeaders(options));
			// Node would add the first and leave the second out.
			if (check.send.length > 0 || !bodiless.has(check.method)) headers["content-length"] = String(check.send.length);
			const outgoing = request({ agent, method: check.method, path: check.path, headers });
			outgoing.removeHeader("connection");
			outgoing.on("error", () => end({ kind: "network" }));
			outgoing.on("response", (answer) => {
				readBody(answer, (body) =>
					end(
						judgeAnswer(options, {
							status: answer.statusCode ?? 0,
							header: (name) => first(answer.headers[name]),
							body,
						}),
					),
				);
				answer.on("close", () => end({ kind: "network" }));
			});
			outgoing.end(check.send);
			return () => {
				end(undefined);
				outgoing.destroy();
			};
		},
		close: () => agent.destroy(),
	};
}

/** What an answer says of the host. */
export function judgeAnswer(options: HttpProbeOptions, answer: CheckedAnswer): CheckResult {
	const { check } = options;
	const isGood =
		isInRanges(answer.status, check.expectedStatuses) &&
		(check.receive.length === 0 || containsInOrder(answer.body, check.receive));
	const httpStatus = answer.status;
	if (!isGood) return { kind: isInRanges(httpStatus, check.retriableStatuses) ? "retriable" : "refused", httpStatus };
	if (check.serviceName !== undefined) {
		options.onVerifyCluster();
		const name = answer.header("x-envoy-upstream-healthchecked-cluster") ?? "";
		if (!matchString(check.serviceName, name)) return { kind: "refused", httpStatus };
	}
	return { kind: "passed", degraded: answer.header("x-envoy-degraded") !== undefined };
}

/** The headers of a check, pseudo headers aside. */
export function formatHeaders({ check, authority, host, clock }: HttpProbeOptions): HeaderList {
	const protocol = check.http2 ? "HTTP/2" : "HTTP/1.1";
	const changes = { add: check.headersToAdd, remove: check.headersToRemove };
	return createCheckHeaders(["host", authority, "user-agent", "Envoy/HC"], changes, { host, protocol, clock });
}

/** Methods whose requests say nothing of a body when they have none. */
const bodiless: ReadonlySet<string> = new Set(["GET", "HEAD", "CONNECT", "TRACE", "DELETE"]);

/** Bytes of a body that are compared. */
const maxBodyBytes = 1024;

function readBody(answer: IncomingMessage, done: (body: Buffer) => void): void {
	const parts: Buffer[] = [];
	let length = 0;
	answer.on("data", (bytes: Buffer) => {
		if (length >= maxBodyBytes) return;
		parts.push(bytes);
		length += bytes.length;
	});
	answer.on("end", () => done(Buffer.concat(parts).subarray(0, maxBodyBytes)));
}

function isInRanges(status: number, ranges: readonly StatusRange[]): boolean {
	return ranges.some(({ start, end }) => status >= start && status < end);
}

function first(value: string | string[] | undefined): string | undefined {
	return Array.isArray(value) ? value[0] : value;
}

/** Connects by the cluster's transport socket, and keeps the connection for the next check. */
class CheckAgent extends Agent {
	readonly #connect: ConnectForCheck;

	constructor({ connect, reuseConnection }: HttpProbeOptions) {
		super({ keepAlive: reuseConnection, maxSockets: 1 });
		this.#connect = connect;
	}

	override createConnection(_options: object, callback?: (error: Error | null, stream: Duplex) => void): undefined {
		let isReported = false;
		const report = (error: Error | null): void => {
			if (isReported) return;
			isReported = true;
			callback?.(error, socket);
		};
		const socket = this.#connect(() => report(null));
		socket.on("error", (error) => report(error));
		socket.on("close", () => report(new Error("connection closed")));
	}
}
