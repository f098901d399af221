import type { DogStatsdSink, StatsdSink, StatsSink } from "../../api/gen/envoy/config/metrics/v3/stats_pb.js";
import { checkNode } from "./config-source.ts";
import type { AddressConfig } from "./listener-config.ts";
import type { Scope } from "./scope.ts";
import { readIpAddress, unpackExtension } from "./values.ts";

/** `envoy.config.metrics.v3.StatsdSink` and `DogStatsdSink`. */
export interface StatsdSinkConfig {
	/** An address that takes datagrams, or a cluster that takes lines over TCP. */
	readonly target:
		| { readonly kind: "datagrams"; readonly address: SocketAddressConfig }
		| { readonly kind: "cluster"; readonly name: string };
	/** What names begin with, the dot not included; `envoy` by default. */
	readonly prefix: string;
	/** Whether tags stand behind the values, as DogStatsD has them, instead of in the names. */
	readonly hasTags: boolean;
	/** Lines go together up to this size; 0 for a datagram each. */
	readonly maxDatagramBytes: number;
}

type SocketAddressConfig = Extract<AddressConfig, { readonly kind: "socket" }>;

export function readStatsSinks(messages: readonly StatsSink[], scope: Scope): StatsdSinkConfig[] {
	return messages.flatMap((message, index) => {
		const at = scope.at("stats_sinks", index).at("typed_config");
		const config = unpackExtension(message.configType.value, at);
		switch (config?.$typeName) {
			case undefined:
				return [];
			case "envoy.config.metrics.v3.StatsdSink": {
				const { prefix, statsdSpecifier } = config as StatsdSink;
				if (statsdSpecifier.case === "tcpClusterName") return readTcpSink(prefix, statsdSpecifier.value, at);
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
	return [{ target: { kind: "datagrams", address }, prefix: prefix || defaultPrefix, hasTags, maxDatagramBytes }];
}

function readTcpSink(prefix: string, name: string, scope: Scope): StatsdSinkConfig[] {
	checkNode(scope);
	if (scope.options.hasCluster?.(name) === false) {
		scope.at("tcp_cluster_name").report(`unknown cluster '${name}'`);
		return [];
	}
	return [{ target: { kind: "cluster", name }, prefix: prefix || defaultPrefix, hasTags: false, maxDatagramBytes: 0 }];
}

const defaultPrefix = "envoy";
