import { defaultRootNamespace, type MeshSettings } from "../../model/index.ts";

/** The settings of a mesh, filled with their defaults. */
export function resolveMeshSettings(options: Partial<MeshSettings> = {}): MeshSettings {
	const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
	return {
		...given,
		name: options.name ?? "amime",
		trustDomain: options.trustDomain ?? "cluster.local",
		trustDomainAliases: options.trustDomainAliases ?? [],
		clusterDomain: options.clusterDomain ?? "cluster.local",
		rootNamespace: options.rootNamespace ?? defaultRootNamespace,
		svidTtlMs: options.svidTtlMs ?? 24 * 3_600_000,
		traceSamplingPercent: options.traceSamplingPercent ?? 1,
		enableAutoMtls: options.enableAutoMtls ?? true,
		extensionProviders: options.extensionProviders ?? [],
		outboundTrafficPolicy: options.outboundTrafficPolicy ?? "ALLOW_ANY",
		...(options.outboundTrafficPolicy !== undefined && { forwardProxyPolicy: options.outboundTrafficPolicy }),
	};
}
