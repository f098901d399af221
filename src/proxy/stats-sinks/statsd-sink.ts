import type { MetricsRegistry, TaggedName } from "../../telemetry/index.ts";
import type { StatsdSinkConfig } from "../runtime-config/index.ts";

/** Takes statistics. */
export interface StatsSink {
	/** Sends what counters grew by since the last time, and gauges as they are. */
	flush(): void;
	/** A histogram has got a value. */
	record(name: string, value: number): void;
}

/** Sends one datagram; what is lost is lost. */
export type SendDatagram = (bytes: Buffer) => void;

export interface StatsdSource {
	readonly registry: Pick<MetricsRegistry, "counters" | "gauges">;
	readonly tagsOf: (statName: string) => TaggedName;
}

/** Statistics as statsd takes them: `prefix.name:value|type`, with `|#tag:value,…` behind it for DogStatsD. Counters that were used
 *  once are sent each time, histograms value by value as timers. */
export function createStatsdSink(config: StatsdSinkConfig, source: StatsdSource, send: SendDatagram): StatsSink {
	const { hasTags, maxDatagramBytes, prefix } = config;
	const sentCounts = new Map<string, number>();
	/** Lines of a flush that go together. */
	let waiting = "";

	function write(name: string, value: number, type: "c" | "g"): void {
		const line = format(name, value, type);
		if (maxDatagramBytes === 0) {
			send(Buffer.from(line));
			return;
		}
		const joined = waiting === "" ? line : `${waiting}\n${line}`;
		if (Buffer.byteLength(joined) <= maxDatagramBytes) {
			waiting = joined;
			return;
		}
		sendWaiting();
		if (Buffer.byteLength(line) > maxDatagramBytes) send(Buffer.from(line));
		else waiting = line;
	}

	function sendWaiting(): void {
		if (waiting !== "") send(Buffer.from(waiting));
		waiting = "";
	}

	function format(name: string, value: number, type: string): string {
		if (!hasTags) return `${prefix}.${name}:${value}|${type}`;
		const tagged = source.tagsOf(name);
		const tags = tagged.tags.map(([tag, text]) => `${tag}:${text}`);
		return `${prefix}.${tagged.name}:${value}|${type}${tags.length === 0 ? "" : `|#${tags.join(",")}`}`;
	}

	return {
		flush() {
			const { registry } = source;
			const gone = new Set(sentCounts.keys());
			for (const { name, value } of registry.counters()) {
				gone.delete(name);
				const before = sentCounts.get(name);
				if (before === undefined && value === 0) continue;
				// After /reset_counters they count from 0.
				write(name, value >= (before ?? 0) ? value - (before ?? 0) : value, "c");
				sentCounts.set(name, value);
			}
			for (const name of gone) sentCounts.delete(name);
			for (const { isUsed, name, value } of registry.gauges()) if (isUsed) write(name, value, "g");
			sendWaiting();
		},
		record(name, value) {
			send(Buffer.from(format(name, Math.max(0, Math.floor(value)), "ms")));
		},
	};
}
