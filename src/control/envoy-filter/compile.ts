import { type DescMessage, fromJson, type JsonValue, type Message } from "@bufbuild/protobuf";
import { ClusterSchema } from "../../api/gen/envoy/config/cluster/v3/cluster_pb.js";
import {
	FilterChainSchema,
	FilterSchema,
	ListenerFilterSchema,
} from "../../api/gen/envoy/config/listener/v3/listener_components_pb.js";
import { ListenerSchema } from "../../api/gen/envoy/config/listener/v3/listener_pb.js";
import { RouteSchema, VirtualHostSchema } from "../../api/gen/envoy/config/route/v3/route_components_pb.js";
import { RouteConfigurationSchema } from "../../api/gen/envoy/config/route/v3/route_pb.js";
import { HttpFilterSchema } from "../../api/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { apiRegistry } from "../../api/index.ts";
import { describeError } from "../../core/index.ts";
import type { EnvoyFilter, EnvoyPatch, PatchPlace } from "../../model/index.ts";
import type { MeshProblem } from "../translate/index.ts";

/** A patch with its value as a message. */
export interface CompiledPatch {
	readonly patch: EnvoyPatch;
	/** Undefined for `REMOVE`. */
	readonly value: Message | undefined;
	/** Names of the messages in it that amime's own proxy does not know: with any, only stock Envoys get it. */
	readonly foreignTypes: readonly string[];
}

/** The patches of an object that are messages of Envoy's API, and what is wrong with the others. */
export interface CompiledFilter {
	readonly patches: readonly CompiledPatch[];
	readonly problems: readonly MeshProblem[];
}

/** The message of each place. */
export const schemas = {
	LISTENER: ListenerSchema,
	FILTER_CHAIN: FilterChainSchema,
	NETWORK_FILTER: FilterSchema,
	HTTP_FILTER: HttpFilterSchema,
	LISTENER_FILTER: ListenerFilterSchema,
	ROUTE_CONFIGURATION: RouteConfigurationSchema,
	VIRTUAL_HOST: VirtualHostSchema,
	HTTP_ROUTE: RouteSchema,
	CLUSTER: ClusterSchema,
} as const satisfies Record<PatchPlace, DescMessage>;

const compiled = new WeakMap<EnvoyFilter, CompiledFilter>();

/** Reads the values of an object's patches, once. */
export function compileEnvoyFilter(filter: EnvoyFilter): CompiledFilter {
	const known = compiled.get(filter);
	if (known !== undefined) return known;
	const problems: MeshProblem[] = [];
	const { namespace, name, source } = filter;
	const patches = filter.patches.flatMap((patch): CompiledPatch[] => {
		try {
			return [compilePatch(patch)];
		} catch (error) {
			const path = `${patch.path}.patch.value`;
			const problem = `${describeError(error)}; this patch is left out, the others are applied`;
			problems.push({ kind: "EnvoyFilter", namespace, name, source, path, problem });
			return [];
		}
	});
	const result = { patches, problems };
	compiled.set(filter, result);
	return result;
}

function compilePatch(patch: EnvoyPatch): CompiledPatch {
	if (patch.operation === "REMOVE") return { patch, value: undefined, foreignTypes: [] };
	const foreignTypes: string[] = [];
	const json = wrapForeign(patch.value, foreignTypes) as JsonValue;
	const value = fromJson(schemas[patch.applyTo], json, { registry: apiRegistry });
	return { patch, value, foreignTypes };
}

const typedStruct = "type.googleapis.com/udpa.type.v1.TypedStruct";

/** Extensions that are not among the messages here go as TypedStruct: Envoy reads them by the type that it names.
 *  @param found their types are added here */
function wrapForeign(value: unknown, found: string[]): unknown {
	if (Array.isArray(value)) return value.map((item) => wrapForeign(item, found));
	if (value === null || typeof value !== "object") return value;
	const { "@type": type, ...fields } = value as Readonly<Record<string, unknown>>;
	const typeName = typeof type === "string" ? type.slice(type.lastIndexOf("/") + 1) : undefined;
	if (typeName !== undefined && apiRegistry.getMessage(typeName) === undefined) {
		found.push(typeName);
		return { "@type": typedStruct, type_url: type, value: fields };
	}
	return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, wrapForeign(item, found)]));
}
