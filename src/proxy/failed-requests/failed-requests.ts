import { type Clock, getHeader, invariant, type Millis } from "../../core/index.ts";
import { compileJsonFormat, type JsonFormat, type StreamInfo } from "../../engine/format/index.ts";

/** The last requests of a process that failed. */
export interface FailedRequests {
	/** Looks at a request that is over; keeps it when it failed (status 400 and above, none, or a response flag). */
	see(stream: StreamInfo): void;
	/** Entries of another thread. */
	add(dump: FailedRequestsDump): void;
	/** What was kept since this was asked last. */
	takeNew(): FailedRequestsDump;
	/** Entries as JSON objects, newest first: those of a request id, or the last ones. */
	list(requestId: string | undefined, limit: number): readonly string[];
	/** How many were not written down because there were too many in a second. */
	readonly skipped: number;
}

/** What travels between threads. */
export interface FailedRequestsDump {
	readonly entries: readonly FailedRequest[];
	readonly skipped: number;
}

interface FailedRequest {
	readonly id: string;
	/** An object of JSON. */
	readonly text: string;
}

/** How many are kept, the oldest go first. */
const maximumKept = 1_000;
/** An attack that only makes errors must not cost more than to answer them. */
const maximumPerSecond = 500;
const maximumIdLength = 256;

/** Without queries and without header values: secrets travel there. */
const format: JsonFormat = {
	time: "%START_TIME%",
	request_id: "%REQ(X-REQUEST-ID):256%",
	method: "%REQ(:METHOD):32%",
	authority: "%REQ(:AUTHORITY):256%",
	path: "%PATH(NQ):512%",
	protocol: "%PROTOCOL%",
	status: "%RESPONSE_CODE%",
	flags: "%RESPONSE_FLAGS%",
	flags_long: "%RESPONSE_FLAGS_LONG%",
	details: "%RESPONSE_CODE_DETAILS%",
	reason: "%DYNAMIC_METADATA(amime:denied)%",
	termination_details: "%CONNECTION_TERMINATION_DETAILS%",
	duration_ms: "%DURATION%",
	local_address: "%DOWNSTREAM_LOCAL_ADDRESS%",
	remote_address: "%DOWNSTREAM_REMOTE_ADDRESS%",
	filter_chain: "%FILTER_CHAIN_NAME%",
	caller: "%DOWNSTREAM_PEER_URI_SAN%",
	route: "%ROUTE_NAME%",
	route_config: "%METADATA(ROUTE:istio:config)%",
	upstream_cluster: "%UPSTREAM_CLUSTER%",
	upstream_host: "%UPSTREAM_HOST%",
	upstream_attempts: "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
	upstream_failure: "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
	callee: "%UPSTREAM_PEER_URI_SAN%",
};

/** Creates the list of one thread. */
export function createFailedRequests(clock: Clock): FailedRequests {
	const compiled = compileJsonFormat(format);
	invariant(compiled.ok, "the format of failed requests");
	const { value: formatter } = compiled;
	const entries: FailedRequest[] = [];
	/** How many of the newest entries {@link FailedRequests.takeNew} has not given away. */
	let fresh = 0;
	let skipped = 0;
	let skippedTaken = 0;
	let second: Millis = -1;
	let inSecond = 0;

	const push = (entry: FailedRequest): void => {
		entries.push(entry);
		fresh = Math.min(fresh + 1, maximumKept);
		// Taking the first one from so short a list is cheap; it happens only for requests that failed.
		if (entries.length > maximumKept) entries.shift();
	};

	return {
		see(stream) {
			const { responseCode } = stream;
			if (responseCode < 400 && responseCode !== 0 && stream.responseFlags === 0) return;
			const now = Math.floor(clock.now() / 1000);
			if (now !== second) {
				second = now;
				inSecond = 0;
			}
			if (++inSecond > maximumPerSecond) {
				skipped++;
				return;
			}
			const id = getHeader(stream.request?.headers ?? [], "x-request-id") ?? "";
			push({ id: id.slice(0, maximumIdLength), text: formatter.format(stream) });
		},
		add(dump) {
			for (const entry of dump.entries) push(entry);
			skipped += dump.skipped;
		},
		takeNew() {
			const taken = { entries: entries.slice(entries.length - fresh), skipped: skipped - skippedTaken };
			fresh = 0;
			skippedTaken = skipped;
			return taken;
		},
		list(requestId, limit) {
			const found = requestId === undefined ? entries : entries.filter(({ id }) => id === requestId);
			return found
				.slice(-limit)
				.reverse()
				.map(({ text }) => text);
		},
		get skipped() {
			return skipped;
		},
	};
}
