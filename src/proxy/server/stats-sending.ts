import type { Clock, Log, Timer } from "../../core/index.ts";
import type { UpstreamCluster } from "../connection-pool/index.ts";
import type { BootstrapConfig } from "../runtime-config/index.ts";
import {
	createStatsdSink,
	openClusterSender,
	openUdpSender,
	type SinkSender,
	type StatsdSource,
	type StatsSink,
} from "../stats-sinks/index.ts";

/** The sinks of a proxy, which are flushed every `stats_flush_interval`, or when the admin port is asked for statistics. */
export interface StatsSending {
	/** For the registry; undefined without sinks, so that recording costs nothing. */
	readonly onRecord: ((name: string, value: number) => void) | undefined;
	/** @param refresh brings gauges up to date that nobody keeps
	 *  @param getCluster of sinks that are clusters */
	start(
		source: StatsdSource,
		refresh: () => Promise<void>,
		getCluster: (name: string) => UpstreamCluster | undefined,
	): void;
	/** Sends everything now. */
	flush(): void;
	/** Sends what is left. */
	close(): Promise<void>;
}

export function createStatsSending(
	{ hidesStatistic, statsFlushIntervalMs, statsSinks }: BootstrapConfig,
	clock: Clock,
	log: Log,
): StatsSending {
	const senders: SinkSender[] = [];
	let sinks: readonly StatsSink[] = [];
	let timer: Timer | undefined;
	let isClosed = false;
	const flush = (): void => {
		for (const sink of sinks) sink.flush();
	};
	return {
		onRecord:
			statsSinks.length === 0
				? undefined
				: (name, value) => {
						if (hidesStatistic?.(name) === true) return;
						for (const sink of sinks) sink.record(name, value);
					},
		start(source, refresh, getCluster) {
			sinks = statsSinks.map((config) => {
				const { target } = config;
				const sender =
					target.kind === "cluster"
						? openClusterSender(() => getCluster(target.name))
						: openUdpSender(target.address, log);
				senders.push(sender);
				return createStatsdSink(config, source, sender.send);
			});
			const next = (): void => {
				if (sinks.length === 0 || statsFlushIntervalMs === Number.POSITIVE_INFINITY || isClosed) return;
				timer = clock.setTimer(statsFlushIntervalMs, () => void refresh().then(flush).then(next), { unref: true });
			};
			next();
		},
		flush,
		async close() {
			isClosed = true;
			timer?.cancel();
			flush();
			await Promise.all(senders.map((sender) => sender.close()));
		},
	};
}
