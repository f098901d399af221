import type { Clock, Timer } from "../../../../core/index.ts";
import type { StreamInfo } from "../../../../engine/format/index.ts";
import type { AccessLog } from "../../../../telemetry/index.ts";
import type { HttpConnectionManagerConfig } from "../../../runtime-config/index.ts";

/** Access-log entries of streams that go on: with their beginning, and from time to time. */
export interface EarlyLogs {
	/** A request's head is here. */
	begin(record: StreamInfo): void;
	/** The entry of the stream's end is about to be written. */
	end(record: StreamInfo): void;
}

/** @returns undefined when the configuration asks for none */
export function createEarlyLogs(
	config: Pick<HttpConnectionManagerConfig, "accessLogOnNewRequest" | "accessLogFlushIntervalMs">,
	logs: readonly AccessLog[],
	clock: Clock,
): EarlyLogs | undefined {
	const { accessLogOnNewRequest, accessLogFlushIntervalMs: intervalMs } = config;
	if (logs.length === 0 || (!accessLogOnNewRequest && intervalMs <= 0)) return undefined;
	const timers = new Map<StreamInfo, Timer>();
	const write = (record: StreamInfo, type: string): void => {
		record.accessLogType = type;
		for (const log of logs) log.log(record);
		record.accessLogType = undefined;
	};
	const schedule = (record: StreamInfo): void => {
		const due = (): void => {
			write(record, "DownstreamPeriodic");
			schedule(record);
		};
		timers.set(record, clock.setTimer(intervalMs, due, { unref: true }));
	};
	return {
		begin(record) {
			if (accessLogOnNewRequest) write(record, "DownstreamStart");
			if (intervalMs > 0) schedule(record);
		},
		end(record) {
			timers.get(record)?.cancel();
			timers.delete(record);
		},
	};
}
