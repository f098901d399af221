import type { Address } from "../../api/gen/envoy/config/core/v3/address_pb.js";
import type { TypedExtensionConfig } from "../../api/gen/envoy/config/core/v3/extension_pb.js";
import type { CaresDnsResolverConfig } from "../../api/gen/envoy/extensions/network/dns_resolver/cares/v3/cares_dns_resolver_pb.js";
import { unpackAny } from "../../api/index.ts";

/** The name servers that a resolver's config names; the resolver itself is always ours. */
export function readNameServers(message: TypedExtensionConfig | undefined): string[] {
	const config = message?.typedConfig === undefined ? undefined : unpackAny(message.typedConfig);
	if (config?.$typeName !== "envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig") return [];
	return (config as CaresDnsResolverConfig).resolvers.flatMap(formatServer);
}

function formatServer({ address }: Address): string[] {
	if (address.case !== "socketAddress") return [];
	const { address: host, portSpecifier } = address.value;
	const port = portSpecifier.case === "portValue" && portSpecifier.value !== 0 ? portSpecifier.value : 53;
	return [host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`];
}
