import { type DescMessage, toJson } from "@bufbuild/protobuf";
import { BootstrapSchema } from "../../api/gen/envoy/config/bootstrap/v3/bootstrap_pb.js";
import { TypedExtensionConfigSchema } from "../../api/gen/envoy/config/core/v3/extension_pb.js";
import { ListenerSchema } from "../../api/gen/envoy/config/listener/v3/listener_pb.js";
import { ScopedRouteConfigurationSchema } from "../../api/gen/envoy/config/route/v3/scoped_route_pb.js";
import { apiRegistry, typeUrlOf } from "../../api/index.ts";
import type { AdminConfig, AdminResource } from "./admin-state.ts";

type Json = Record<string, unknown>;
type Unpack = (schema: DescMessage, resource: AdminResource) => Json;

/** The section of filters whose configuration comes over ECDS; none where nothing asks for one. */
export function extensionSections(config: AdminConfig, unpack: Unpack): Json[] {
	const listeners = listListeners(config, unpack);
	if (!listeners.some(({ listener }) => find(listener, "config_discovery").length > 0)) return [];
	const filters = dynamicOf(config, typeUrlOf(TypedExtensionConfigSchema)).map((resource) => ({
		...(resource.version === "" ? {} : { version_info: resource.version }),
		ecds_filter: unpack(TypedExtensionConfigSchema, resource),
		last_updated: time(resource.updatedAt),
	}));
	const type = "type.googleapis.com/envoy.admin.v3.EcdsConfigDump";
	return [filters.length === 0 ? { "@type": type } : { "@type": type, ecds_filters: filters }];
}

/** Scopes of routes: those that listeners hold, and those of SRDS by the name of who asks for them. */
export function describeRouteScopes(config: AdminConfig, unpack: Unpack): Json {
	const resources = dynamicOf(config, typeUrlOf(ScopedRouteConfigurationSchema));
	const inline: Json[] = [];
	const dynamic: Json[] = [];
	for (const { listener, updatedAt } of listListeners(config, unpack)) {
		for (const scoped of find(listener, "scoped_routes")) {
			const name = { name: scoped["name"] };
			const list = scoped["scoped_route_configurations_list"] as Json | undefined;
			if (list !== undefined) {
				const scopes = list["scoped_route_configurations"] as readonly Json[];
				const type = { "@type": typeUrlOf(ScopedRouteConfigurationSchema) };
				inline.push({
					...name,
					scoped_route_configs: scopes.map((scope) => ({ ...type, ...scope })),
					last_updated: time(updatedAt),
				});
			} else if (resources.length > 0) {
				const version = config.versionOf(typeUrlOf(ScopedRouteConfigurationSchema));
				dynamic.push({
					...name,
					...(version === "" ? {} : { version_info: version }),
					scoped_route_configs: resources.map((resource) => unpack(ScopedRouteConfigurationSchema, resource)),
					last_updated: time(Math.max(...resources.map((resource) => resource.updatedAt))),
				});
			}
		}
	}
	return { inline_scoped_route_configs: inline, dynamic_scoped_route_configs: dynamic };
}

function listListeners(config: AdminConfig, unpack: Unpack): { listener: unknown; updatedAt: number }[] {
	return [
		{
			listener: toJson(BootstrapSchema, config.bootstrap, { registry: apiRegistry, useProtoFieldName: true }),
			updatedAt: config.bootstrapUpdatedAt,
		},
		...dynamicOf(config, typeUrlOf(ListenerSchema)).map((resource) => ({
			listener: unpack(ListenerSchema, resource),
			updatedAt: resource.updatedAt,
		})),
	];
}

function dynamicOf(config: AdminConfig, typeUrl: string): AdminResource[] {
	return config
		.accepted()
		.filter((resource) => resource.typeUrl === typeUrl)
		.sort((left, right) => (left.name < right.name ? -1 : 1));
}

/** Every object under a field of that name, however deep. */
function find(value: unknown, field: string): Json[] {
	if (Array.isArray(value)) return value.flatMap((one) => find(one, field));
	if (typeof value !== "object" || value === null) return [];
	return Object.entries(value).flatMap(([name, inner]) =>
		name === field && typeof inner === "object" && inner !== null ? [inner as Json] : find(inner, field),
	);
}

function time(epochMs: number): string {
	return new Date(epochMs).toISOString();
}
