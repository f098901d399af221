import type { Any } from "@bufbuild/protobuf/wkt";
import type { MetadataExchange } from "../../api/gen/envoy/tcp/metadataexchange/config/metadata_exchange_pb.js";
import { unpackAny } from "../../api/index.ts";
import type { Scope } from "./scope.ts";
import type { CommonTlsConfig } from "./tls-config.ts";

type Socket = { readonly kind: string; readonly tls?: Pick<CommonTlsConfig, "alpnProtocols"> };

/** Istio's filter that tells the other side of a connection who is talking, before its first byte, when both have agreed on that by ALPN. We
 *  do not agree: the protocol is taken out of what is offered, and connections carry their bytes from the first one on, as they do between
 *  Istio's proxies and those of others.
 *  @returns its protocol; undefined for every other filter */
export function readExchangedProtocol(config: Any | undefined): string | undefined {
	const message = config === undefined ? undefined : unpackAny(config);
	if (message?.$typeName !== "envoy.tcp.metadataexchange.config.MetadataExchange") return undefined;
	return (message as MetadataExchange).protocol;
}

/** The network filters of a cluster's connections: of these there is only that one.
 *  @returns its protocols */
export function readClusterFilters(
	filters: readonly { readonly typedConfig?: Any | undefined; readonly configDiscovery?: object | undefined }[],
	scope: Scope,
): readonly string[] {
	return filters.flatMap(({ typedConfig, configDiscovery }, index) => {
		const at = scope.at("filters", index);
		const protocol = readExchangedProtocol(typedConfig);
		if (configDiscovery !== undefined) at.at("config_discovery").report("this field is not supported");
		else if (protocol === undefined) at.report("network filters of upstream connections are not supported");
		return protocol ?? [];
	});
}

/** A transport socket that does not offer some protocols. */
export function withoutProtocols<S extends Socket>(socket: S, protocols: readonly string[]): S {
	if (protocols.length === 0 || socket.tls === undefined) return socket;
	const alpnProtocols = socket.tls.alpnProtocols.filter((protocol) => !protocols.includes(protocol));
	return { ...socket, tls: { ...socket.tls, alpnProtocols } };
}
