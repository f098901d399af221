import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import { TrafficDirection } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import {
	type Filter,
	type FilterChain,
	FilterChainSchema,
	FilterSchema,
	type ListenerFilter,
	ListenerFilterSchema,
} from "../../api/gen/envoy/config/listener/v3/listener_components_pb.js";
import { type Listener, ListenerSchema } from "../../api/gen/envoy/config/listener/v3/listener_pb.js";
import {
	type HttpConnectionManager,
	HttpConnectionManagerSchema,
	type HttpFilter,
	HttpFilterSchema,
} from "../../api/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { typeUrlOf } from "../../api/index.ts";
import type { ListenerPatchMatch, PatchContext } from "../../model/index.ts";
import type { CompiledPatch } from "./compile.ts";
import { routerName, withLandmark } from "./landmarks.ts";
import { listMergeOf, mergeMessages } from "./merge.ts";
import { patchList } from "./patch-list.ts";
import { patchRouteConfiguration } from "./patch-routes.ts";
import { isInContext } from "./select.ts";

type Side = Exclude<PatchContext, "ANY">;

/** The listeners of a proxy with one patch applied.
 *  @param isGateway of a gateway; else the listener's direction says the side */
export function patchListeners(
	listeners: readonly Listener[],
	compiled: CompiledPatch,
	isGateway: boolean,
): readonly Listener[] {
	const { patch, value } = compiled;
	const sideOf = (listener: Listener): Side =>
		isGateway
			? "GATEWAY"
			: listener.trafficDirection === TrafficDirection.INBOUND
				? "SIDECAR_INBOUND"
				: "SIDECAR_OUTBOUND";
	if (patch.applyTo === "LISTENER") {
		const isMatch = (listener: Listener): boolean =>
			isInContext(patch.context, sideOf(listener)) && matchesListener(listener, patch);
		if (patch.operation === "ADD") {
			const added = value as Listener;
			return listeners.some(({ name }) => name === added.name) ? listeners : [...listeners, added];
		}
		return patchList(listeners, {
			operation: patch.operation,
			value: value as Listener | undefined,
			isMatch,
			namesItem: true,
			merge: (item, change) => mergeMessages(ListenerSchema, item, change, listMergeOf(patch)),
		});
	}
	return listeners.map((listener) =>
		isInContext(patch.context, sideOf(listener)) && matchesListener(listener, patch)
			? patchListener(listener, compiled, sideOf(listener))
			: listener,
	);
}

/** Ports of what comes in are those of the workload: of the listener's name, or of its chains. */
function matchesListener(listener: Listener, { applyTo, listener: match = {} }: CompiledPatch["patch"]): boolean {
	if (match.name !== undefined && match.name !== listener.name) return false;
	if (match.portNumber === undefined || (applyTo !== "LISTENER" && isVirtual(listener))) return true;
	const address = listener.address?.address;
	const socket = address?.case === "socketAddress" ? address.value.portSpecifier : undefined;
	const port = socket?.case === "portValue" ? socket.value : undefined;
	return port === match.portNumber || listener.name === `inbound_${match.portNumber}`;
}

/** One listener for all ports of a side. */
function isVirtual({ name }: Listener): boolean {
	return name === "virtualInbound" || name === "virtualOutbound";
}

function patchListener(listener: Listener, compiled: CompiledPatch, side: Side): Listener {
	const { patch, value } = compiled;
	const match = patch.listener;
	if (patch.applyTo === "LISTENER_FILTER") {
		const listenerFilters = patchList<ListenerFilter>(listener.listenerFilters, {
			operation: patch.operation,
			value: value as ListenerFilter | undefined,
			isMatch: ({ name }) => match?.listenerFilter === undefined || name === match.listenerFilter,
			namesItem: match?.listenerFilter !== undefined,
			onlyNamed: true,
			merge: (item, change) => mergeMessages(ListenerFilterSchema, item, change),
		});
		return create(ListenerSchema, { ...listener, listenerFilters: [...listenerFilters] });
	}
	const isMatch = (chain: FilterChain): boolean => matchesChain(chain, listener, match);
	const ofChain = (chain: FilterChain): FilterChain => (isMatch(chain) ? patchChain(chain, compiled, side) : chain);
	if (patch.applyTo === "FILTER_CHAIN") {
		const filterChains = patchList<FilterChain>(listener.filterChains, {
			operation: patch.operation,
			value: value as FilterChain | undefined,
			isMatch,
			namesItem: true,
			merge: (item, change) => mergeMessages(FilterChainSchema, item, change, listMergeOf(patch)),
		});
		return create(ListenerSchema, { ...listener, filterChains: [...filterChains] });
	}
	return create(ListenerSchema, {
		...listener,
		filterChains: listener.filterChains.map(ofChain),
		...(listener.defaultFilterChain !== undefined && { defaultFilterChain: ofChain(listener.defaultFilterChain) }),
	});
}

function matchesChain(chain: FilterChain, listener: Listener, match: ListenerPatchMatch = {}): boolean {
	const own = chain.filterChainMatch;
	const port = own?.destinationPort;
	if (isVirtual(listener) && match.portNumber !== undefined && port !== match.portNumber) return false;
	const wanted = match.filterChain;
	if (wanted === undefined) return true;
	if (wanted.name !== undefined && wanted.name !== chain.name && wanted.name !== istioNameOf(chain.name)) return false;
	if (wanted.sni !== undefined && own?.serverNames.includes(wanted.sni) !== true) return false;
	if (wanted.transportProtocol !== undefined && own?.transportProtocol !== wanted.transportProtocol) return false;
	if (wanted.destinationPort !== undefined && port !== wanted.destinationPort) return false;
	const protocols = wanted.applicationProtocols?.split(",").map((text) => text.trim()) ?? [];
	return protocols.every((protocol) => own?.applicationProtocols.includes(protocol) === true);
}

/** Chains of one port have names of their own here, where Istio gives them all the port's. */
function istioNameOf(name: string): string {
	if (name === "virtualInbound-http" || name === "virtualInbound-mtls-http") return "virtualInbound-catchall-http";
	return name.replace(/(-mtls)?(-http)?$/, "");
}

const managerType = typeUrlOf(HttpConnectionManagerSchema);

function patchChain(chain: FilterChain, compiled: CompiledPatch, side: Side): FilterChain {
	const { patch, value } = compiled;
	const name = patch.listener?.filterChain?.filter?.name;
	const isNamed = (filter: Filter): boolean => name === undefined || filter.name === name;
	if (patch.applyTo === "NETWORK_FILTER") {
		const filters = patchList<Filter>(chain.filters, {
			operation: patch.operation,
			value: value as Filter | undefined,
			isMatch: isNamed,
			namesItem: name !== undefined,
			onlyNamed: true,
			merge: (item, change) => mergeMessages(FilterSchema, item, change),
			isLast: ({ name: own }) => terminal.has(own),
		});
		return create(FilterChainSchema, { ...chain, filters: [...filters] });
	}
	const filters = chain.filters.map((filter) => {
		const config = filter.configType.case === "typedConfig" ? filter.configType.value : undefined;
		if (config?.typeUrl !== managerType || !isNamed(filter)) return filter;
		const manager = patchManager(fromBinary(HttpConnectionManagerSchema, config.value), compiled, side);
		const bytes = toBinary(HttpConnectionManagerSchema, manager);
		const packed = create(AnySchema, { typeUrl: managerType, value: bytes });
		return create(FilterSchema, { ...filter, configType: { case: "typedConfig", value: packed } });
	});
	return create(FilterChainSchema, { ...chain, filters });
}

/** Network filters that end a chain. */
const terminal: ReadonlySet<string> = new Set([
	"envoy.filters.network.http_connection_manager",
	"envoy.filters.network.tcp_proxy",
]);

function patchManager(manager: HttpConnectionManager, compiled: CompiledPatch, side: Side): HttpConnectionManager {
	const { patch, value } = compiled;
	if (patch.applyTo !== "HTTP_FILTER") {
		const { routeSpecifier } = manager;
		if (routeSpecifier.case !== "routeConfig") return manager;
		const patched = patchRouteConfiguration(routeSpecifier.value, compiled, side);
		return create(HttpConnectionManagerSchema, { ...manager, routeSpecifier: { case: "routeConfig", value: patched } });
	}
	const name = patch.listener?.filterChain?.filter?.subFilter?.name;
	const httpFilters = patchList<HttpFilter>(withLandmark(manager.httpFilters, name), {
		operation: patch.operation,
		value: value as HttpFilter | undefined,
		isMatch: (filter) => name === undefined || filter.name === name,
		namesItem: name !== undefined,
		onlyNamed: true,
		merge: (item, change) => mergeMessages(HttpFilterSchema, item, change),
		isLast: ({ name: own }) => own === routerName,
	});
	return create(HttpConnectionManagerSchema, { ...manager, httpFilters: [...httpFilters] });
}
