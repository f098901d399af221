import type { FilterConfig } from "../../api/gen/envoy/extensions/filters/http/grpc_stats/v3/config_pb.js";

/** `envoy.extensions.filters.http.grpc_stats.v3.FilterConfig`. */
export interface GrpcStatsConfig {
	/** Which requests are counted by their method; the others are counted together. */
	readonly methods: "all" | ReadonlySet<string>;
	readonly replacesDots: boolean;
	/** Whether times of the upstream are kept. */
	readonly timesUpstream: boolean;
	readonly emitsFilterState: boolean;
}

export function readGrpcStats(message: FilterConfig): GrpcStatsConfig {
	const specifier = message.perMethodStatSpecifier;
	const listed =
		specifier.case === "individualMethodStatsAllowlist"
			? specifier.value.services.flatMap(({ name, methodNames }) => methodNames.map((method) => `${name}/${method}`))
			: [];
	return {
		methods: specifier.case === "statsForAllMethods" && specifier.value.value ? "all" : new Set(listed),
		replacesDots: message.replaceDotsInGrpcServiceName,
		timesUpstream: message.enableUpstreamStats,
		emitsFilterState: message.emitFilterState,
	};
}
