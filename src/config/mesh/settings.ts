import { defaultRootNamespace, type MeshSettings } from "../../model/index.ts";

/** The settings of a mesh, filled with their defaults. */
export function resolveMeshSettings(options: Partial<MeshSettings> = {}): MeshSettings {
	return {
		name: options.name ?? "amime",
		trustDomain: options.trustDomain ?? "cluster.local",
		clusterDomain: options.clusterDomain ?? "cluster.local",
		rootNamespace: options.rootNamespace ?? defaultRootNamespace,
		svidTtlMs: options.svidTtlMs ?? 24 * 3_600_000,
		traceSamplingPercent: options.traceSamplingPercent ?? 1,
		...(options.proxyHttpPort !== undefined && { proxyHttpPort: options.proxyHttpPort }),
		...(options.proxyScope !== undefined && { proxyScope: options.proxyScope }),
		enableAutoMtls: options.enableAutoMtls ?? true,
		...(options.pathNormalization !== undefined && { pathNormalization: options.pathNormalization }),
		...(options.defaultPolicy !== undefined && { defaultPolicy: options.defaultPolicy }),
		extensionProviders: options.extensionProviders ?? [],
		outboundTrafficPolicy: options.outboundTrafficPolicy ?? "ALLOW_ANY",
		...(options.outboundTrafficPolicy !== undefined && { forwardProxyPolicy: options.outboundTrafficPolicy }),
	};
}
