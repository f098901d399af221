import { type Clock, getHeader, invariant, type Millis } from "../../core/index.ts";
import { compileJsonFormat, type JsonFormat, type StreamInfo } from "../../engine/format/index.ts";

/** The last requests of a process that failed, and beside them those that policies only tried would have denied, or that were audited. */
export interface FailedRequests {
	/** Looks at a request that is over; keeps it when it failed (status 400 and above, none, or a response flag) or was marked. */
	see(stream: StreamInfo): void;
	/** Keeps a connection that no filter chain took, or whose handshake failed. */
	seeRefused(connection: StreamInfo): void;
	/** Looks at a TCP session that is over; keeps it when it failed (a response flag, or a filter that ended it). */
	seeSession(session: StreamInfo): void;
	/** Entries of another thread. */
	add(dump: FailedRequestsDump): void;
	/** What was kept since this was asked last. */
	takeNew(): FailedRequestsDump;
	/** Entries as JSON objects, newest first: those of a request id whatever they are, or the last ones of a kind. */
	list(requestId: string | undefined, limit: number, kind?: KeptKind): readonly string[];
	/** How many were not written down because there were too many in a second. */
	countSkipped(): number;
}

/** Why a request is kept; connections that were refused or failed are listed among the failed ones. */
export type KeptKind = "failed" | "dry-run" | "refused";

/** What travels between threads. */
export type FailedRequestsDump = Readonly<Record<KeptKind, RingDump>>;

interface RingDump {
	readonly entries: readonly FailedRequest[];
	readonly skipped: number;
}

interface FailedRequest {
	readonly id: string;
	/** Wall time of its end; threads have it in common. */
	readonly at: Millis;
	/** An object of JSON. */
	readonly text: string;
}

/** How many are kept, the oldest go first. */
const maximumKept = 1_000;
/** An attack that only makes errors must not cost more than to answer them. */
const maximumPerSecond = 500;
const maximumIdLength = 256;
/** Why a connection was closed whose handshake took too long. */
const handshakeTimeout = "transport_socket_timeout";

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
	would_deny: "%DYNAMIC_METADATA(amime:would_deny)%",
	audited: "%DYNAMIC_METADATA(amime:audited)%",
	missing_cluster: "%DYNAMIC_METADATA(amime:missing_cluster)%",
	limit: "%DYNAMIC_METADATA(amime:limit)%",
	dns_failure: "%DYNAMIC_METADATA(amime:dns_failure)%",
	termination_details: "%CONNECTION_TERMINATION_DETAILS%",
	duration_ms: "%DURATION%",
	local_address: "%DOWNSTREAM_LOCAL_ADDRESS%",
	remote_address: "%DOWNSTREAM_REMOTE_ADDRESS%",
	server_name: "%REQUESTED_SERVER_NAME%",
	filter_chain: "%FILTER_CHAIN_NAME%",
	caller: "%DOWNSTREAM_PEER_URI_SAN%",
	caller_failure: "%DOWNSTREAM_TRANSPORT_FAILURE_REASON%",
	route: "%ROUTE_NAME%",
	route_config: "%METADATA(ROUTE:istio:config)%",
	route_rule: "%METADATA(ROUTE:istio:rule)%",
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
	// Each has its own room: what is only tried must not push failures out.
	const rings: Readonly<Record<KeptKind, Ring>> = {
		failed: new Ring(clock),
		"dry-run": new Ring(clock),
		refused: new Ring(clock),
	};
	const kinds = Object.keys(rings) as readonly KeptKind[];
	const listAll = (some: readonly KeptKind[]): FailedRequest[] =>
		some.flatMap((kind) => rings[kind].entries).sort((a, b) => a.at - b.at);
	const write = (stream: StreamInfo): FailedRequest => {
		const id = getHeader(stream.request?.headers ?? [], "x-request-id") ?? "";
		return { id: id.slice(0, maximumIdLength), at: clock.wall(), text: formatter.format(stream) };
	};
	return {
		see(stream) {
			const { responseCode, responseFlags, dynamicMetadata } = stream;
			if (responseCode >= 400 || responseCode === 0 || responseFlags !== 0) rings.failed.keep(() => write(stream));
			else if (isMarked(dynamicMetadata?.get("amime"))) rings["dry-run"].keep(() => write(stream));
		},
		seeRefused(connection) {
			rings.refused.keep(() => write(connection));
		},
		seeSession(session) {
			const { connection, connectionTerminationDetails, responseFlags } = session;
			if (responseFlags === 0 && connectionTerminationDetails === "") return;
			// The listener has told of those whose handshake failed.
			if (connection.transportFailureReason !== "" || connection.localCloseReason === handshakeTimeout) return;
			rings.refused.keep(() => {
				session.endedAt = clock.now();
				return write(session);
			});
		},
		add(dump) {
			for (const kind of kinds) rings[kind].add(dump[kind]);
		},
		takeNew: () => ({
			failed: rings.failed.takeNew(),
			"dry-run": rings["dry-run"].takeNew(),
			refused: rings.refused.takeNew(),
		}),
		list(requestId, limit, kind = "failed") {
			const entries =
				requestId !== undefined
					? listAll(kinds).filter(({ id }) => id === requestId)
					: listAll(kind === "failed" ? ["failed", "refused"] : [kind]);
			return entries
				.slice(-limit)
				.reverse()
				.map(({ text }) => text);
		},
		countSkipped: () => kinds.reduce((sum, kind) => sum + rings[kind].skipped, 0),
	};
}

function isMarked(metadata: unknown): boolean {
	if (typeof metadata !== "object" || metadata === null) return false;
	return "would_deny" in metadata || "audited" in metadata;
}

/** The last entries of one kind. */
class Ring {
	readonly entries: FailedRequest[] = [];
	skipped = 0;
	readonly #clock: Clock;
	/** How many of the newest entries {@link takeNew} has not given away. */
	#fresh = 0;
	#skippedTaken = 0;
	#second: Millis = -1;
	#inSecond = 0;

	constructor(clock: Clock) {
		this.#clock = clock;
	}

	keep(write: () => FailedRequest): void {
		const now = Math.floor(this.#clock.now() / 1000);
		if (now !== this.#second) {
			this.#second = now;
			this.#inSecond = 0;
		}
		if (++this.#inSecond > maximumPerSecond) {
			this.skipped++;
			return;
		}
		this.#push(write());
	}

	add(dump: RingDump): void {
		for (const entry of dump.entries) this.#push(entry);
		this.skipped += dump.skipped;
	}

	takeNew(): RingDump {
		const taken = {
			entries: this.entries.slice(this.entries.length - this.#fresh),
			skipped: this.skipped - this.#skippedTaken,
		};
		this.#fresh = 0;
		this.#skippedTaken = this.skipped;
		return taken;
	}

	#push(entry: FailedRequest): void {
		this.entries.push(entry);
		this.#fresh = Math.min(this.#fresh + 1, maximumKept);
		// Taking the first one from so short a list is cheap; it happens only for requests that are kept.
		if (this.entries.length > maximumKept) this.entries.shift();
	}
}
