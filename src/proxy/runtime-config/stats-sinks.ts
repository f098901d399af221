import type { DogStatsdSink, StatsdSink, StatsSink } from "../../api/gen/envoy/config/metrics/v3/stats_pb.js";
import type { AddressConfig } from "./listener-config.ts";
import type { Scope } from "./scope.ts";
import { readIpAddress, unpackExtension } from "./values.ts";

/** `envoy.config.metrics.v3.StatsdSink` and `DogStatsdSink` over UDP. */
export interface StatsdSinkConfig {
	readonly address: Extract<AddressConfig, { readonly kind: "socket" }>;
	/** What names begin with, the dot not included; `envoy` by default. */
	readonly prefix: string;
	/** Whether tags stand behind the values, as DogStatsD has them, instead of in the names. */
	readonly hasTags: boolean;
	/** Lines go together up to this size; 0 for a datagram each. */
	readonly maxDatagramBytes: number;
}

export function readStatsSinks(messages: readonly StatsSink[], scope: Scope): StatsdSinkConfig[] {
	return messages.flatMap((message, index) => {
		const at = scope.at("stats_sinks", index).at("typed_config");
		const config = unpackExtension(message.configType.value, at);
		switch (config?.$typeName) {
			case undefined:
				return [];
			case "envoy.config.metrics.v3.StatsdSink": {
				const { prefix, statsdSpecifier } = config as StatsdSink;
				return statsdSpecifier.case === "address" ? readSink(prefix, false, 0, statsdSpecifier.value, at) : [];
			}
			case "envoy.config.metrics.v3.DogStatsdSink": {
				const { prefix, dogStatsdSpecifier, maxBytesPerDatagram } = config as DogStatsdSink;
				const maxBytes = Number(maxBytesPerDatagram ?? 0n);
				return dogStatsdSpecifier.case === "address"
					? readSink(prefix, true, maxBytes, dogStatsdSpecifier.value, at)
					: [];
			}
			default:
				at.report(`stats sink ${config?.$typeName} is not supported`);
				return [];
		}
	});
}

function readSink(
	prefix: string,
	hasTags: boolean,
	maxDatagramBytes: number,
	message: Parameters<typeof readIpAddress>[0],
	scope: Scope,
): StatsdSinkConfig[] {
	const address = readIpAddress(message, scope.at("address"), "udp");
	if (address === undefined) return [];
	if (address.kind !== "socket") {
		scope.at("address").report("statistics go to addresses of UDP only, not to paths");
		return [];
	}
	return [{ address, prefix: prefix === "" ? "envoy" : prefix, hasTags, maxDatagramBytes }];
}
