import type { Clock, HeaderList, Random, Timer } from "../../core/index.ts";
import type { UpstreamCluster } from "../connection-pool/index.ts";
import { PassRequestHead } from "../filter/http/pass-head.ts";
import { HttpTry, type TryOutcome } from "./http-try.ts";

/** A request and what may happen to it. */
export interface HttpCallOptions {
	readonly cluster: string;
	readonly method: string;
	/** With query. */
	readonly path: string;
	readonly authority: string;
	/** Names in lower case; becomes the call's own. */
	readonly headers: HeaderList;
	readonly body?: Buffer | undefined;
	/** For the whole call, retries included. */
	readonly timeoutMs: number;
	/** Answers with more are failures. */
	readonly maxBodyBytes: number;
	readonly retry?: HttpCallRetry | undefined;
	/** Whether the service learns the proxy's address by x-forwarded-for. */
	readonly sendsAddress: boolean;
}

/** When a call is tried again. */
export interface HttpCallRetry {
	readonly count: number;
	/** Words of `retry_on`. */
	readonly on: ReadonlySet<string>;
	readonly baseMs: number;
	readonly maxMs: number;
}

/** What came back. */
export interface HttpAnswer {
	readonly status: number;
	readonly headers: HeaderList;
	readonly body: Buffer;
	/** Why there was no answer of the upstream; `status` is what a router would say then. */
	readonly failure: "no-cluster" | "no-host" | "connect" | "reset" | "timeout" | "too-large" | undefined;
}

/** A call under way. */
export interface HttpCall {
	/** Gives it up; `done` is not called any more. */
	cancel(): void;
}

/** What calls need of the proxy. */
export interface HttpCallContext {
	readonly clock: Clock;
	readonly random: Random;
	/** Put into x-forwarded-for. */
	readonly localAddress: string;
	getCluster(name: string): UpstreamCluster | undefined;
}

/** Sends a request. `done` is called once, never before this returned. */
export function callHttp(
	context: HttpCallContext,
	options: HttpCallOptions,
	done: (answer: HttpAnswer) => void,
): HttpCall {
	let isOver = false;
	let running: HttpTry | undefined;
	let backOff: Timer | undefined;
	let triesLeft = options.retry?.count ?? 0;
	let step = 0;
	const deadline = context.clock.setTimer(options.timeoutMs, () => onTimeout(), { unref: true });

	const onTimeout = (): void => {
		running?.timeOut();
		running = undefined;
		finish(failWith("timeout", 504));
	};

	const finish = (answer: HttpAnswer): void => {
		if (isOver) return;
		stop();
		done(answer);
	};
	const stop = (): void => {
		isOver = true;
		deadline.cancel();
		backOff?.cancel();
		if (running !== undefined) running.cancel();
	};
	const onOutcome = (outcome: TryOutcome): void => {
		running = undefined;
		if (isOver) return;
		const { retry } = options;
		if (retry === undefined || triesLeft === 0 || !isRetriable(outcome, retry.on)) {
			finish(outcome);
			return;
		}
		triesLeft--;
		const { baseMs, maxMs } = retry;
		const delayMs = context.random.next() * Math.min(maxMs, baseMs * 2 ** ++step);
		context.getCluster(options.cluster)!.cluster.responses.retry.count(outcome.status);
		backOff = context.clock.setTimer(delayMs, start, { unref: true });
	};
	const start = (): void => {
		const upstream = context.getCluster(options.cluster);
		if (upstream === undefined) {
			finish(failWith("no-cluster", 503));
			return;
		}
		const { method, path, authority, body } = options;
		const headers = [...options.headers, "x-envoy-internal", "true"];
		if (options.sendsAddress) headers.push("x-forwarded-for", context.localAddress);
		headers.push("x-envoy-expected-rq-timeout-ms", String(Math.ceil(options.timeoutMs)));
		const request = new PassRequestHead(headers, method, path, authority, "http", undefined);
		running = new HttpTry(upstream, request, body, options.maxBodyBytes, context.clock, onOutcome);
		running.start();
	};
	backOff = context.clock.setTimer(0, start);
	return { cancel: stop };
}

function isRetriable({ status, failure }: TryOutcome, on: ReadonlySet<string>): boolean {
	if (failure === "too-large" || failure === "no-host") return false;
	if (on.has("5xx") && status >= 500) return true;
	if (failure === "connect") return on.has("connect-failure") || on.has("reset");
	if (failure === "reset") return on.has("reset");
	return on.has("gateway-error") && status >= 502 && status <= 504;
}

function failWith(failure: NonNullable<HttpAnswer["failure"]>, status: number): HttpAnswer {
	return { status, headers: [], body: Buffer.alloc(0), failure };
}
