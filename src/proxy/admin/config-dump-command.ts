import { readFileSync } from "node:fs";
import { type DescMessage, fromBinary, toJson } from "@bufbuild/protobuf";
import { BootstrapSchema } from "../../api/gen/envoy/config/bootstrap/v3/bootstrap_pb.js";
import { ClusterSchema } from "../../api/gen/envoy/config/cluster/v3/cluster_pb.js";
import { ListenerSchema } from "../../api/gen/envoy/config/listener/v3/listener_pb.js";
import { RouteConfigurationSchema } from "../../api/gen/envoy/config/route/v3/route_pb.js";
import { SecretSchema } from "../../api/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import { apiRegistry, typeUrlOf } from "../../api/index.ts";
import type { AdminCluster, AdminConfig, AdminHost, AdminResource, AdminState } from "./admin-state.ts";
import { addressJson } from "./clusters-command.ts";
import { describeRouteScopes, extensionSections } from "./config-dump-discovered.ts";
import { applyMask } from "./field-mask.ts";
import { isMaskInto, isMaskOf } from "./mask-paths.ts";
import { redactSecrets } from "./redact.ts";
import { type AdminRequest, type AdminResponse, json, readPattern } from "./request.ts";

type Json = Record<string, unknown>;

const jsonOptions = { registry: apiRegistry, useProtoFieldName: true } as const;
const adminPackage = "envoy.admin.v3.";
const typePrefix = `type.googleapis.com/${adminPackage}`;

/** `/config_dump`: what the proxy runs on, secrets hidden. */
export function dumpConfig(state: AdminState, request: AdminRequest): AdminResponse {
	const nameFilter = readPattern(request.query, "name_regex");
	if (nameFilter !== undefined && "problem" in nameFilter) {
		const pattern = request.query.get("name_regex") ?? "";
		return plain(`INVALID_ARGUMENT: Error while parsing name_regex from ${pattern}: ${nameFilter.problem}`, 400);
	}
	const resource = request.query.get("resource") ?? "";
	const mask = request.query.get("mask") ?? "";
	const includeEds = request.query.has("include_eds");
	let configs = listSections(state, includeEds).map((section) => redactSecrets(section) as Json);
	if (nameFilter !== undefined) configs = configs.map((section) => filterByName(section, nameFilter));
	if (resource !== "") {
		if (singleFields.has(resource)) {
			return plain(`${resource} is not a repeated field. Use ?mask=${resource} to get only this field`, 400);
		}
		const holder = configs.find((section) => resource in section && resource !== "@type");
		const isKnown = elementTypes.has(resource) && (includeEds || !resource.endsWith("_endpoint_configs"));
		if (holder === undefined && !isKnown) return plain(`${resource} not found in config dump`, 404);
		const found = holder?.[resource];
		const elements = (Array.isArray(found) ? found : found === undefined ? [] : [found]) as Json[];
		const type = elementTypes.get(resource);
		configs = elements.map((element) => (type === undefined ? element : { "@type": typePrefix + type, ...element }));
		const schema = type === undefined ? undefined : apiRegistry.getMessage(`envoy.admin.v3.${type}`);
		if (mask !== "" && schema !== undefined && !configs.every((element) => isMaskInto(schema, mask, element))) {
			return plain(`FieldMask paths: "${mask}"\n could not be successfully used.`, 400);
		}
		if (mask !== "")
			configs = configs.map((element) => applyMask(element, mask)).filter((element) => element !== undefined);
	} else if (mask !== "") {
		configs = configs.flatMap((section) => {
			const schema = apiRegistry.getMessage(String(section["@type"]).slice(typePrefix.length - adminPackage.length));
			if (schema === undefined || !isMaskOf(schema, mask)) return [];
			return [applyMask(section, mask) ?? { "@type": section["@type"] }];
		});
		if (configs.length === 0) return plain(`FieldMask ${mask} could not be successfully applied to any configs.`, 400);
	}
	return json(configs.length === 0 ? {} : { configs });
}

function plain(body: string, status: number): AdminResponse {
	return { status, contentType: "text/plain", headers: [["x-content-type-options", "nosniff"]], body };
}

/** The message type of the elements behind each field that `?resource=` takes. */
const elementTypes: ReadonlyMap<string, string> = new Map([
	["ecds_filters", "EcdsConfigDump.EcdsFilterConfig"],
	["inline_scoped_route_configs", "ScopedRoutesConfigDump.InlineScopedRouteConfigs"],
	["dynamic_scoped_route_configs", "ScopedRoutesConfigDump.DynamicScopedRouteConfigs"],
	["static_listeners", "ListenersConfigDump.StaticListener"],
	["dynamic_listeners", "ListenersConfigDump.DynamicListener"],
	["static_clusters", "ClustersConfigDump.StaticCluster"],
	["dynamic_active_clusters", "ClustersConfigDump.DynamicCluster"],
	["dynamic_warming_clusters", "ClustersConfigDump.DynamicCluster"],
	["static_route_configs", "RoutesConfigDump.StaticRouteConfig"],
	["dynamic_route_configs", "RoutesConfigDump.DynamicRouteConfig"],
	["static_endpoint_configs", "EndpointsConfigDump.StaticEndpointConfig"],
	["dynamic_endpoint_configs", "EndpointsConfigDump.DynamicEndpointConfig"],
	["static_secrets", "SecretsConfigDump.StaticSecret"],
	["dynamic_active_secrets", "SecretsConfigDump.DynamicSecret"],
	["dynamic_warming_secrets", "SecretsConfigDump.DynamicSecret"],
]);
/** Fields of sections that are no lists, which `?resource=` does not take. */
const singleFields: ReadonlySet<string> = new Set(["bootstrap", "last_updated", "version_info"]);

/** The sections in Envoy's order. */
function listSections(state: AdminState, includeEds: boolean): Json[] {
	const { config } = state;
	return [
		section("BootstrapConfigDump", {
			bootstrap: describeBootstrap(state),
			last_updated: time(config.bootstrapUpdatedAt),
		}),
		clustersSection(config),
		...extensionSections(config, unpack),
		...(includeEds ? [endpointsSection(state.clusters())] : []),
		listenersSection(config),
		section("ScopedRoutesConfigDump", describeRouteScopes(config, unpack)),
		routesSection(config),
		secretsSection(config),
	];
}

/** The bootstrap, whose node says which program it became. */
function describeBootstrap({ config, serverInfo }: AdminState): Json {
	const bootstrap = toJson(BootstrapSchema, config.bootstrap, jsonOptions) as Json;
	const agent = { user_agent_name: "amime", user_agent_version: serverInfo().version };
	return { ...bootstrap, node: { ...(bootstrap["node"] as Json | undefined), ...agent } };
}

function section(type: string, fields: Json): Json {
	const kept = Object.entries(fields).filter(
		([, value]) => value !== undefined && value !== "" && !(Array.isArray(value) && value.length === 0),
	);
	return { "@type": typePrefix + type, ...Object.fromEntries(kept) };
}

function clustersSection(config: AdminConfig): Json {
	const dynamic = dynamicOf(config, typeUrlOf(ClusterSchema));
	const toDynamic = (resource: AdminResource): Json => ({
		...withVersion(resource.version),
		cluster: unpack(ClusterSchema, resource),
		last_updated: time(resource.updatedAt),
	});
	const isWarming = (resource: AdminResource): boolean => config.isWarming(resource.typeUrl, resource.name);
	return section("ClustersConfigDump", {
		version_info: config.versionOf(typeUrlOf(ClusterSchema)),
		static_clusters: byName(config.bootstrap.staticResources?.clusters ?? []).map((cluster) => ({
			cluster: typed(ClusterSchema, toJson(ClusterSchema, cluster, jsonOptions)),
			last_updated: time(config.bootstrapUpdatedAt),
		})),
		dynamic_active_clusters: dynamic.filter((resource) => !isWarming(resource)).map(toDynamic),
		dynamic_warming_clusters: dynamic.filter(isWarming).map(toDynamic),
	});
}

function byName<T extends { readonly name: string }>(messages: readonly T[]): T[] {
	return [...messages].sort((left, right) => (left.name < right.name ? -1 : left.name > right.name ? 1 : 0));
}

function listenersSection(config: AdminConfig): Json {
	const typeUrl = typeUrlOf(ListenerSchema);
	const dynamic = dynamicOf(config, typeUrl);
	const refused = config.refused().filter((refusal) => refusal.typeUrl === typeUrl);
	const names = [...new Set([...dynamic, ...refused].map(({ name }) => name))];
	return section("ListenersConfigDump", {
		version_info: config.versionOf(typeUrl),
		static_listeners: (config.bootstrap.staticResources?.listeners ?? []).map((listener) => ({
			listener: typed(ListenerSchema, toJson(ListenerSchema, listener, jsonOptions)),
			last_updated: time(config.bootstrapUpdatedAt),
		})),
		dynamic_listeners: names.map((name) => {
			const resource = dynamic.find((candidate) => candidate.name === name);
			const refusal = refused.find((candidate) => candidate.name === name);
			const state = resource && {
				...withVersion(resource.version),
				listener: unpack(ListenerSchema, resource),
				last_updated: time(resource.updatedAt),
			};
			return {
				name,
				...(state && { [config.isWarming(typeUrl, name) ? "warming_state" : "active_state"]: state }),
				...(refusal && {
					error_state: {
						...(refusal.value && { failed_configuration: unpackLoosely(ListenerSchema, refusal.value) }),
						last_update_attempt: time(refusal.updatedAt),
						details: refusal.problem,
					},
				}),
			};
		}),
	});
}

function routesSection(config: AdminConfig): Json {
	return section("RoutesConfigDump", {
		static_route_configs: [
			...inlineRoutes(toJson(BootstrapSchema, config.bootstrap, jsonOptions), config.bootstrapUpdatedAt),
			...dynamicOf(config, typeUrlOf(ListenerSchema)).flatMap((listener) =>
				inlineRoutes(unpack(ListenerSchema, listener), listener.updatedAt),
			),
		],
		dynamic_route_configs: dynamicOf(config, typeUrlOf(RouteConfigurationSchema)).map((resource) => ({
			...withVersion(resource.version),
			route_config: unpack(RouteConfigurationSchema, resource),
			last_updated: time(resource.updatedAt),
		})),
	});
}

function inlineRoutes(holder: unknown, updatedAt: number): Json[] {
	return findInlineRoutes(holder).map((route) => ({
		route_config: typed(RouteConfigurationSchema, route),
		last_updated: time(updatedAt),
	}));
}

function secretsSection(config: AdminConfig): Json {
	return section("SecretsConfigDump", {
		static_secrets: (config.bootstrap.staticResources?.secrets ?? []).map((secret) => ({
			name: secret.name,
			secret: typed(SecretSchema, toJson(SecretSchema, secret, jsonOptions)),
		})),
		dynamic_active_secrets: dynamicOf(config, typeUrlOf(SecretSchema)).map((resource) => ({
			name: resource.name,
			...withVersion(resource.version),
			last_updated: time(resource.updatedAt),
			secret: withFileContents(unpack(SecretSchema, resource)),
		})),
		dynamic_warming_secrets: config.awaitedSecrets().map((name) => ({
			name,
			version_info: "uninitialized",
			last_updated: time(config.bootstrapUpdatedAt),
			secret: { "@type": typeUrlOf(SecretSchema), name },
		})),
	});
}

/** What files of a secret hold, as Envoy shows it: they were read when the secret came. */
function withFileContents(secret: Json): Json {
	return Object.fromEntries(
		Object.entries(secret).map(([name, value]) => {
			if (typeof value !== "object" || value === null || Array.isArray(value)) return [name, value];
			const source = value as Json;
			const { filename, ...rest } = source;
			if (typeof filename !== "string") return [name, withFileContents(source)];
			return [name, { ...rest, inline_bytes: readBase64(filename) }];
		}),
	);
}

function readBase64(path: string): string {
	try {
		return readFileSync(path, "base64");
	} catch {
		// It was there when the secret was taken.
		return "";
	}
}

function endpointsSection(clusters: readonly AdminCluster[]): Json {
	const describe = (cluster: AdminCluster): Json => ({
		endpoint_config: {
			"@type": "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
			cluster_name: cluster.edsServiceName === "" ? cluster.name : cluster.edsServiceName,
			...(cluster.hosts.length === 0 ? {} : { endpoints: groupByLocality(cluster) }),
			policy: { overprovisioning_factor: cluster.overprovisioningFactor },
		},
	});
	return section("EndpointsConfigDump", {
		static_endpoint_configs: clusters.filter((cluster) => !cluster.addedViaApi).map(describe),
		dynamic_endpoint_configs: clusters.filter((cluster) => cluster.addedViaApi).map(describe),
	});
}

function groupByLocality(cluster: AdminCluster): Json[] {
	const groups = new Map<string, Json & { lb_endpoints: Json[] }>();
	for (const { locality, priority, ...host } of cluster.hosts) {
		const key = JSON.stringify([priority, locality]);
		let group = groups.get(key);
		if (group === undefined) {
			const place = { region: locality.region, zone: locality.zone, sub_zone: locality.subZone };
			group = {
				locality: Object.fromEntries(Object.entries(place).filter(([, value]) => value !== "")),
				lb_endpoints: [],
				load_balancing_weight: 0,
				...(priority === 0 ? {} : { priority }),
			};
			groups.set(key, group);
		}
		group.lb_endpoints.push({
			endpoint: {
				address: addressJson(host.address),
				health_check_config: {},
				...(host.hostname === "" ? {} : { hostname: host.hostname }),
			},
			health_status: coarseHealthOf(host),
			...(Object.keys(host.metadata).length === 0 ? {} : { metadata: { filter_metadata: host.metadata } }),
			load_balancing_weight: host.weight,
		});
	}
	return [...groups.values()];
}

/** Whether the endpoint is used, whatever decided that; Envoy's coarse health. */
function coarseHealthOf({ healthFlags }: Pick<AdminHost, "healthFlags">): string {
	if (healthFlags.some((flag) => /^(failed_|eds_status_draining)/.test(flag))) return "UNHEALTHY";
	return healthFlags.some((flag) => flag.startsWith("degraded_")) ? "DEGRADED" : "HEALTHY";
}

function dynamicOf(config: AdminConfig, typeUrl: string): AdminResource[] {
	return config
		.accepted()
		.filter((resource) => resource.typeUrl === typeUrl && resource.origin !== "bootstrap")
		.sort((left, right) => (left.name < right.name ? -1 : 1));
}

/** Without a field that says nothing, as protobuf leaves it out. */
function withVersion(version: string): Json {
	return version === "" ? {} : { version_info: version };
}

/** What was refused may be no message at all. */
function unpackLoosely(schema: DescMessage, value: Uint8Array): Json | undefined {
	try {
		return typed(schema, toJson(schema, fromBinary(schema, value), jsonOptions));
	} catch {
		return undefined;
	}
}

function unpack(schema: DescMessage, resource: AdminResource): Json {
	return typed(schema, toJson(schema, fromBinary(schema, resource.value), jsonOptions));
}

function typed(schema: DescMessage, fields: unknown): Json {
	return { "@type": typeUrlOf(schema), ...(fields as Json) };
}

function time(epochMs: number): string {
	return new Date(epochMs).toISOString();
}

/** Route configurations written into connection managers. */
function findInlineRoutes(value: unknown): Json[] {
	if (Array.isArray(value)) return value.flatMap(findInlineRoutes);
	if (typeof value !== "object" || value === null) return [];
	return Object.entries(value).flatMap(([name, field]) =>
		name === "route_config" && typeof field === "object" ? [field as Json] : findInlineRoutes(field),
	);
}

const nameHolders = ["listener", "cluster", "route_config", "secret", "endpoint_config"];

/** Keeps the elements whose resource has a name in which the pattern is found. */
function filterByName(sectionJson: Json, pattern: RegExp): Json {
	const kept = Object.entries(sectionJson).map(([field, value]): [string, unknown] => [
		field,
		Array.isArray(value) ? value.filter((element: Json) => pattern.test(nameOf(element))) : value,
	]);
	return Object.fromEntries(kept.filter(([, value]) => !Array.isArray(value) || value.length > 0));
}

function nameOf(element: Json): string {
	if (typeof element["name"] === "string") return element["name"];
	for (const holder of nameHolders) {
		const inner = element[holder] as Json | undefined;
		const name = inner?.["name"] ?? inner?.["cluster_name"];
		if (typeof name === "string") return name;
	}
	return "";
}
