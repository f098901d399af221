import { create, fromBinary, type JsonValue, type MessageInitShape, toBinary, toJson } from "@bufbuild/protobuf";
import type { TlsCertificate } from "../../api/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js";
import { SecretSchema } from "../../api/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import { apiRegistry } from "../../api/index.ts";
import {
	clusterType,
	endpointType,
	extensionType,
	listenerType,
	type NodeResources,
	routeType,
	scopedRouteType,
	secretType,
} from "../../xds/server/index.ts";
import { AdminError } from "../admin/router.ts";

/** A resource that a proxy holds, with its packed message. */
export type DumpedResource = NodeResources["resources"][number] & { readonly value: Uint8Array };

const adminType = "type.googleapis.com/envoy.admin.v3.";

/** What a proxy was given, as Envoy's `/config_dump` tells what it has. Keys of Secrets are left out. */
export function describeConfigDump(resources: readonly DumpedResource[], hasEndpoints: boolean): object {
	const of = (typeUrl: string, describe: (resource: DumpedResource) => object): object[] =>
		resources
			.filter((resource) => resource.typeUrl === typeUrl)
			.sort((a, b) => (a.name < b.name ? -1 : 1))
			.map(describe);
	const versionOf = (typeUrl: string): string => resources.find((one) => one.typeUrl === typeUrl)?.version ?? "";
	const dump = (name: string, fields: object): object => ({ "@type": `${adminType}${name}`, ...fields });
	const as = (field: string) => (resource: DumpedResource) => ({
		...describeState(resource),
		...describeAnswer(resource),
		[field]: toPlain(resource),
	});
	const clusters = of(clusterType, as("cluster"));
	const listeners = of(listenerType, (resource) => ({
		name: resource.name,
		activeState: { ...describeState(resource), listener: toPlain(resource) },
		...describeAnswer(resource),
	}));
	const secrets = of(secretType, (resource) => ({ name: resource.name, ...as("secret")(resource) }));
	return {
		configs: [
			dump("BootstrapConfigDump", {}),
			dump("ClustersConfigDump", { versionInfo: versionOf(clusterType), dynamicActiveClusters: clusters }),
			...(hasEndpoints
				? [dump("EndpointsConfigDump", { dynamicEndpointConfigs: of(endpointType, as("endpointConfig")) })]
				: []),
			dump("ListenersConfigDump", { versionInfo: versionOf(listenerType), dynamicListeners: listeners }),
			dump("ScopedRoutesConfigDump", {}),
			dump("RoutesConfigDump", { dynamicRouteConfigs: of(routeType, as("routeConfig")) }),
			dump("SecretsConfigDump", { dynamicActiveSecrets: secrets }),
			dump("EcdsConfigDump", { ecdsFilters: of(extensionType, as("ecdsFilter")) }),
		],
	};
}

const shortTypes: Readonly<Record<string, string>> = {
	cds: clusterType,
	eds: endpointType,
	lds: listenerType,
	rds: routeType,
	sds: secretType,
	srds: scopedRouteType,
	ecds: extensionType,
};

/** The resources of some types alone.
 *  @param types short names (`cds,eds`) or type URLs
 *  @throws AdminError 400 */
export function describeTypes(resources: readonly DumpedResource[], types: string): JsonValue[] {
	const wanted = types.split(",").map((type) => {
		const typeUrl = shortTypes[type.toLowerCase()] ?? (type.includes("/") ? type : undefined);
		if (typeUrl !== undefined) return typeUrl;
		throw new AdminError(400, "TYPE_UNKNOWN", `'${type}' is no type: use ${Object.keys(shortTypes).join(", ")}`);
	});
	return resources.filter(({ typeUrl }) => wanted.includes(typeUrl)).map(toPlain);
}

function describeState({ version, updatedAt }: DumpedResource) {
	return { versionInfo: version, lastUpdated: new Date(updatedAt).toISOString() };
}

/** What the proxy said to it. */
function describeAnswer({ version, state, reason }: DumpedResource) {
	return {
		clientStatus: state,
		...(reason !== undefined && { errorState: { details: reason, versionInfo: version } }),
	};
}

/** A message as JSON with its type. One with something in it that is not known here, put in by an EnvoyFilter, stays packed. */
function toPlain(resource: DumpedResource): JsonValue {
	const { typeUrl } = resource;
	const value = typeUrl === secretType ? redact(resource.value) : resource.value;
	const schema = apiRegistry.getMessage(typeUrl.slice(typeUrl.lastIndexOf("/") + 1));
	const packed = { "@type": typeUrl, value: Buffer.from(value).toString("base64") };
	if (schema === undefined) return packed;
	try {
		return { "@type": typeUrl, ...(toJson(schema, fromBinary(schema, value), { registry: apiRegistry }) as object) };
	} catch {
		return packed;
	}
}

/** A Secret without what only its holder may know; Istio's words in place of a private key. */
function redact(value: Uint8Array): Uint8Array {
	const { name, type } = fromBinary(SecretSchema, value);
	const shown: MessageInitShape<typeof SecretSchema> =
		type.case === "validationContext"
			? { name, type }
			: type.case === "tlsCertificate"
				? { name, type: { case: type.case, value: { ...describeChain(type.value), privateKey: redacted } } }
				: { name };
	return toBinary(SecretSchema, create(SecretSchema, shown));
}

function describeChain({ certificateChain }: TlsCertificate): Pick<TlsCertificate, "certificateChain"> {
	return certificateChain === undefined ? {} : { certificateChain };
}

const redacted = { specifier: { case: "inlineBytes" as const, value: Buffer.from("[redacted]") } };
