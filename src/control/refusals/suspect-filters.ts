import { fromBinary } from "@bufbuild/protobuf";
import type { FilterChain } from "../../api/gen/envoy/config/listener/v3/listener_components_pb.js";
import { ListenerSchema } from "../../api/gen/envoy/config/listener/v3/listener_pb.js";
import {
	type HttpFilter,
	HttpConnectionManagerSchema as ManagerSchema,
} from "../../api/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { typeUrlOf } from "../../api/index.ts";

/** Names of the HTTP filters that a refusal of a listener is about: those at the place that it names, else those whose name it repeats, else
 *  those of the message that it says is invalid.
 *  @param refused the bytes of the listener */
export function findSuspectFilters(reason: string, refused: Uint8Array): string[] {
	const { filterChains, defaultFilterChain } = fromBinary(ListenerSchema, refused);
	const chains = [...filterChains, ...(defaultFilterChain === undefined ? [] : [defaultFilterChain])];
	const all = chains.flatMap((chain) => listHttpFilters(chain));
	const named = [...reason.matchAll(/filter_chains\[(\d+)\].*?http_filters\[(\d+)\]/gs)].flatMap(
		([, chain, position]) => listHttpFilters(filterChains[Number(chain)])[Number(position)] ?? [],
	);
	const repeated = all.filter(({ name }) => reason.includes(name));
	// Envoy: `Proto constraint validation failed (ExtAuthzValidationError.AllowedHeaders: …`.
	const messages = new Set([...reason.matchAll(/(\w+?)ValidationError/g)].map(([, message]) => message));
	const invalid = all.filter(({ typeUrl }) => messages.has(typeUrl.slice(typeUrl.lastIndexOf(".") + 1)));
	const found = [named, repeated, invalid].find(({ length }) => length > 0) ?? [];
	return [...new Set(found.map(({ name }) => name))];
}

function listHttpFilters(chain: FilterChain | undefined): { readonly name: string; readonly typeUrl: string }[] {
	return (chain?.filters ?? []).flatMap(({ configType }) => {
		if (configType.case !== "typedConfig" || configType.value.typeUrl !== typeUrlOf(ManagerSchema)) return [];
		return fromBinary(ManagerSchema, configType.value.value).httpFilters.map((filter) => ({
			name: filter.name,
			typeUrl: typeOf(filter),
		}));
	});
}

function typeOf({ configType }: HttpFilter): string {
	return configType.case === "typedConfig" ? configType.value.typeUrl : "";
}
