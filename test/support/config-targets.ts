/** Translators that know only what a configuration refers to, and targets that write down what reaches them. */
import { create } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { NodeSchema } from "../../src/api/gen/envoy/config/core/v3/base_pb.js";
import { HttpConnectionManagerSchema } from "../../src/api/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import type { Secret } from "../../src/api/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import type { Problem, Validated } from "../../src/core/index.ts";
import type { RouteTableConfig } from "../../src/engine/router/index.ts";
import type { ConfigTargets, ResourceProblem, Translators } from "../../src/proxy/config-source/index.ts";
import {
	type AddressConfig,
	type AssignmentConfig,
	type BootstrapConfig,
	type ClusterConfig,
	type ConfigSourceConfig,
	type ExtensionConfig,
	type ListenerConfig,
	qualifyName,
	type RouteScopeConfig,
	type SecretConfig,
} from "../../src/proxy/runtime-config/index.ts";

export const ads: ConfigSourceConfig = { kind: "ads", initialFetchTimeoutMs: 15_000 };

/** Secrets from the static cluster `sds`. */
export const sds: ConfigSourceConfig = {
	kind: "api",
	initialFetchTimeoutMs: 15_000,
	delta: true,
	services: [
		{
			target: { kind: "cluster", name: "sds", authority: "" },
			timeoutMs: 0,
			initialMetadata: [],
			skipEnvoyHeaders: false,
			maxReceiveMessageBytes: 0,
		},
	],
	setNodeOnFirstMessageOnly: true,
};

function ok<T>(value: unknown): Validated<T> {
	return { ok: true, value: value as T };
}

/** A listener with a transport socket gets the secret `default` from the cluster `sds`.
 *  A cluster with a negative connect timeout, and a listener or route configuration named `bad…`, are refused. */
export const plainTranslators: Translators = {
	rules: () => [],
	cluster(message) {
		const problems: Problem[] = [];
		if ((message.connectTimeout?.seconds ?? 0n) < 0n) {
			problems.push({ path: "connect_timeout", problem: "must be positive" });
		}
		if (problems.length > 0) return { ok: false, problems };
		const serviceName = message.edsClusterConfig?.serviceName || message.name;
		return ok<ClusterConfig>({
			name: message.name,
			discovery:
				message.edsClusterConfig === undefined
					? { kind: "aggregate", clusters: [] }
					: { kind: "eds", serviceName, source: ads },
			transportSocket: { kind: "raw-buffer" },
			transportSocketMatches: [],
		});
	},
	assignment: (message) =>
		ok<AssignmentConfig>({
			clusterName: message.clusterName,
			localities: message.endpoints.map(({ lbEndpoints }) => ({ endpoints: lbEndpoints })),
		}),
	listener(message) {
		if (message.name.startsWith("bad")) return { ok: false, problems: [{ path: "name", problem: "is bad" }] };
		const filterChains = message.filterChains.map((chain) => ({
			filters: chain.filters.map((filter) => {
				const any = filter.configType.case === "typedConfig" ? filter.configType.value : undefined;
				const manager = any === undefined ? undefined : anyUnpack(any, HttpConnectionManagerSchema);
				const name = manager?.routeSpecifier.case === "rds" ? manager.routeSpecifier.value.routeConfigName : "";
				return {
					kind: "http-connection-manager",
					config: {
						statPrefix: manager?.statPrefix,
						routes: { kind: "rds", name, source: ads },
						filters: [],
						upgrades: [],
					},
				};
			}),
			transportSocket: chain.transportSocket === undefined ? { kind: "raw-buffer" } : { kind: "tls", tls: tlsOverSds },
		}));
		const rest = { defaultFilterChain: undefined, listenerFilters: [], addresses: [], bindToPort: true };
		return ok<ListenerConfig>({ name: message.name, filterChains, ...rest });
	},
	routes(message) {
		if (message.name.startsWith("bad")) return { ok: false, problems: [{ path: "name", problem: "is bad" }] };
		return ok<RouteTableConfig>({ name: message.name });
	},
	extension: ({ name }) => ok<ExtensionConfig>({ name, typeUrl: "", filter: { name, disabled: false, kind: "cors" } }),
	scope: ({ name }) => ok<RouteScopeConfig>({ name, key: [name], routes: { kind: "named", name } }),
	secret: (message) => ok<SecretConfig>(translateSecret(message)),
};

const tlsOverSds = {
	certificates: [{ kind: "secret", name: qualifyName("default", sds), source: sds }],
	validation: { kind: "none" },
	ticketKeys: { kind: "none" },
};

function translateSecret(message: Secret): SecretConfig {
	const bytesOf = (source: { specifier: { case: string | undefined; value?: unknown } } | undefined) => ({
		kind: "inline" as const,
		bytes: Buffer.from(String(source?.specifier.value ?? "")),
	});
	const certificate = message.type.case === "tlsCertificate" ? message.type.value : undefined;
	return {
		kind: "tls-certificate",
		name: message.name,
		certificate: {
			certificateChain: bytesOf(certificate?.certificateChain),
			privateKey: bytesOf(certificate?.privateKey),
			password: undefined,
			pkcs12: undefined,
			watchedDirectory: undefined,
		},
	};
}

/** Targets that keep `events`: one line for each thing that happened, in order. */
export interface RecordingTargets extends ConfigTargets {
	readonly events: string[];
	/** Listeners that cannot be bound, by name. */
	readonly unbindable: Set<string>;
}

export function createRecordingTargets(): RecordingTargets {
	const events: string[] = [];
	const unbindable = new Set<string>();
	const countEndpoints = (assignment: AssignmentConfig): number =>
		assignment.localities.reduce((sum, { endpoints }) => sum + endpoints.length, 0);
	return {
		events,
		unbindable,
		clusters: {
			prepareCluster({ name }, assignment) {
				const endpoints = assignment === undefined ? "no assignment" : `${countEndpoints(assignment)} endpoints`;
				return {
					onWarm: (callback) => callback(),
					activate: () => events.push(`cluster ${name}: ${endpoints}`),
					discard: () => events.push(`cluster ${name} discarded`),
				};
			},
			countChange: () => undefined,
			removeClusters: (names) => events.push(`clusters removed: ${names.join(",")}`),
		},
		assignments: {
			repeatAssignment: () => undefined,
			applyAssignment: (name, assignment) => events.push(`assignment ${name}: ${countEndpoints(assignment)} endpoints`),
		},
		runtime: { applyLayer: (resource) => void events.push(`runtime ${resource}`) },
		extensions: {
			applyExtensions: (added, removed) =>
				void events.push(`extensions: ${added.map(({ name }) => name).join(",")} removed: ${removed.join(",")}`),
		},
		scopes: {
			applyScopes: (added, removed) =>
				void events.push(`scopes: ${added.map(({ name }) => name).join(",")} removed: ${removed.join(",")}`),
		},
		routes: {
			applyRoutes(added, removed) {
				for (const { name } of added) events.push(`routes ${name}`);
				if (removed.length > 0) events.push(`routes removed: ${removed.join(",")}`);
			},
		},
		listeners: {
			async applyListeners(added, removed) {
				const problems: ResourceProblem[] = [];
				if (removed.length > 0) events.push(`listeners removed: ${removed.join(",")}`);
				for (const { name } of added) {
					if (unbindable.has(name)) problems.push({ name, problem: "address in use" });
					else events.push(`listener ${name}`);
				}
				return problems;
			},
		},
	};
}

/** A bootstrap that takes clusters and listeners from `source` (ADS by default) of the server on `port`. */
export function makeBootstrapConfig(
	port: number,
	changes: Partial<BootstrapConfig> = {},
	delta = true,
): BootstrapConfig {
	return {
		node: create(NodeSchema, { id: "test-1", cluster: "test" }),
		listeners: [],
		runtimeLayers: [],
		clusters: [makeStaticCluster("xds", { kind: "socket", address: "127.0.0.1", port, ipv4Compatible: false })],
		secrets: [],
		lds: ads,
		cds: ads,
		ads: {
			delta,
			services: [
				{
					target: { kind: "cluster", name: "xds", authority: "" },
					timeoutMs: 0,
					initialMetadata: [],
					skipEnvoyHeaders: false,
					maxReceiveMessageBytes: 0,
				},
			],
			setNodeOnFirstMessageOnly: true,
		},
		...changes,
	} as BootstrapConfig;
}

/** A static cluster of one endpoint, as far as config sources look at it. */
export function makeStaticCluster(name: string, address: AddressConfig): ClusterConfig {
	return {
		name,
		discovery: { kind: "static", assignment: { clusterName: name, localities: [{ endpoints: [{ address }] }] } },
		transportSocket: { kind: "raw-buffer" },
		transportSocketMatches: [],
		http: { http2: { keepalive: undefined } },
	} as unknown as ClusterConfig;
}
