import type {
	Config,
	Config_DiscoveryMethod,
	Config_PropagationMethod,
} from "../../api/gen/io/istio/http/peer_metadata/config_pb.js";
import type { Scope } from "./scope.ts";

/** What Istio's filter exchanges with the other sides of a request: by headers, the only way that is spoken. Where peers are looked up by their
 *  addresses, nobody is found. */
export interface PeerMetadataConfig {
	readonly asksClient: boolean;
	readonly asksUpstream: boolean;
	readonly tellsClient: boolean;
	readonly tellsUpstream: boolean;
	/** Upstreams outside the mesh are told nothing. */
	readonly skipsExternal: boolean;
}

/** Translates Istio's filter of peer metadata. */
export function readPeerMetadata(message: Config, scope: Scope): PeerMetadataConfig {
	checkMethods(message.downstreamPropagation, scope, "downstream_propagation");
	checkMethods(message.upstreamPropagation, scope, "upstream_propagation");
	return {
		asksClient: usesHeaders(message.downstreamDiscovery),
		asksUpstream: usesHeaders(message.upstreamDiscovery),
		tellsClient: usesHeaders(message.downstreamPropagation),
		tellsUpstream: usesHeaders(message.upstreamPropagation),
		skipsExternal: message.upstreamPropagation.some(
			({ methodSpecifier: { case: kind, value } }) => kind === "istioHeaders" && value.skipExternalClusters,
		),
	};
}

function usesHeaders(methods: readonly (Config_DiscoveryMethod | Config_PropagationMethod)[]): boolean {
	return methods.some(({ methodSpecifier }) => methodSpecifier.case === "istioHeaders");
}

function checkMethods(methods: readonly Config_PropagationMethod[], scope: Scope, field: string): void {
	for (const [index, { methodSpecifier }] of methods.entries())
		if (methodSpecifier.case === "baggage") scope.at(field, index).at("baggage").report("this field is not supported");
}
