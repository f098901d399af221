import type { HeaderList, Timer } from "../../../../core/index.ts";
import type { AccessLog } from "../../../../telemetry/index.ts";
import type { Host } from "../../../cluster/index.ts";
import type { UpstreamExchange, UpstreamResponse } from "../../../connection-pool/index.ts";
import type { DataPathContext } from "../../../data-path-context.ts";
import type { RouterFilterConfig } from "../../../runtime-config/index.ts";
import type { HttpStream } from "../../network/http-connection-manager/http-stream.ts";
import { PassResponseHead } from "../pass-head.ts";
import { StreamRecord } from "../stream-record.ts";

/** Writes an entry for every attempt. Spec: `upstream_log` and `upstream_log_options` of
 *  `envoy.extensions.filters.http.router.v3.Router`. */
export class UpstreamLogs {
	readonly #logs: readonly AccessLog[];
	readonly #options: RouterFilterConfig["upstreamLogOptions"];
	readonly context: DataPathContext;

	/** Undefined where no log is configured. */
	static create(config: RouterFilterConfig | undefined, context: DataPathContext): UpstreamLogs | undefined {
		return config === undefined || config.upstreamLogs.length === 0 ? undefined : new UpstreamLogs(config, context);
	}

	private constructor(config: RouterFilterConfig, context: DataPathContext) {
		this.#logs = config.upstreamLogs.map((log) => context.createAccessLog(log));
		this.#options = config.upstreamLogOptions;
		this.context = context;
	}

	begin(stream: HttpStream, host: Host): UpstreamLogEntry {
		return new UpstreamLogEntry(this, stream, host, this.#options);
	}

	write(record: StreamRecord, type: "UpstreamPoolReady" | "UpstreamPeriodic" | "UpstreamEnd"): void {
		record.accessLogType = type;
		for (const log of this.#logs) log.log(record);
	}
}

/** What is known of one attempt. As in Envoy it has a record of its own: the client's side of the stream is not in it, but for the
 *  connection and the request's head. */
export class UpstreamLogEntry {
	readonly #logs: UpstreamLogs;
	readonly #stream: HttpStream;
	readonly #record: StreamRecord;
	readonly #options: RouterFilterConfig["upstreamLogOptions"];
	#timer: Timer | undefined;
	#isWritten = false;

	constructor(logs: UpstreamLogs, stream: HttpStream, host: Host, options: RouterFilterConfig["upstreamLogOptions"]) {
		const { clock } = logs.context;
		const { record: downstream } = stream;
		const record = new StreamRecord(stream.connection, clock.now(), clock.wall());
		// There is none before there is a connection.
		record.protocol = "";
		// Envoy gives these records no id.
		record.streamId = "-";
		record.request = stream.request;
		record.originalPath = downstream.originalPath;
		record.routeName = downstream.routeName;
		record.routeMetadata = downstream.routeMetadata;
		record.virtualHostName = downstream.virtualHostName;
		record.upstreamClusterName = downstream.upstreamClusterName;
		record.upstreamClusterRawName = downstream.upstreamClusterRawName;
		record.upstreamClusterMetadata = downstream.upstreamClusterMetadata;
		record.healthCheck = downstream.healthCheck;
		record.upstreamHost = host;
		this.#logs = logs;
		this.#stream = stream;
		this.#record = record;
		this.#options = options;
		this.#schedule();
	}

	onReady(connection: UpstreamExchange): void {
		const record = this.#record;
		record.protocol = connection.protocol;
		record.upstreamProtocol = connection.protocol;
		record.upstreamConnection = connection;
		record.upstreamConnectionId = connection.id;
		record.upstreamFirstSentAt = this.#stream.now();
		if (this.#options.onPoolReady) this.#logs.write(record, "UpstreamPoolReady");
	}

	onResponse({ headers, status, contentLength }: UpstreamResponse): void {
		const record = this.#record;
		record.upstreamFirstReceivedAt = this.#stream.now();
		record.responseCode = status;
		// The head that goes on is changed in place.
		const copy = Array.isArray(headers) ? [...headers] : [...headers.list];
		record.responseHead = new PassResponseHead(copy, status, contentLength);
	}

	onBody(bytes: number): void {
		this.#record.bytesReceived += bytes;
	}

	onTrailers(trailers: HeaderList): void {
		this.#record.responseTrailers = [...trailers];
	}

	/** Why the attempt came to nothing. */
	addFlag(flag: number): void {
		this.#record.responseFlags |= flag;
	}

	setFailureReason(detail: string): void {
		this.#record.upstreamTransportFailureReason = detail;
	}

	/** The attempt is over. May be called again. */
	end(): void {
		if (this.#isWritten) return;
		this.#isWritten = true;
		this.#timer?.cancel();
		this.#update();
		this.#record.endedAt = this.#stream.now();
		this.#record.upstreamLastReceivedAt = this.#record.endedAt;
		this.#logs.write(this.#record, "UpstreamEnd");
	}

	/** What was sent is what came from the client. */
	#update(): void {
		if (this.#record.upstreamConnection !== undefined) this.#record.bytesSent = this.#stream.record.bytesReceived;
	}

	#schedule(): void {
		const { flushIntervalMs } = this.#options;
		if (flushIntervalMs <= 0) return;
		this.#timer = this.#logs.context.clock.setTimer(
			flushIntervalMs,
			() => {
				this.#update();
				this.#logs.write(this.#record, "UpstreamPeriodic");
				this.#schedule();
			},
			{ unref: true },
		);
	}
}
