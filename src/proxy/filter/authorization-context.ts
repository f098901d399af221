import { create } from "@bufbuild/protobuf";
import {
	type AttributeContext_Peer,
	AttributeContext_PeerSchema,
} from "../../api/gen/envoy/service/auth/v3/attribute_context_pb.js";
import type { SocketAddress, TlsCertificate } from "../../engine/format/index.ts";

type Struct = Record<string, never>;

/** One end of a connection, as authorization services are told of it. Spec: `envoy.service.auth.v3.AttributeContext.Peer`. */
export function createAuthorizationPeer(
	address: SocketAddress,
	certificate: TlsCertificate | undefined,
): AttributeContext_Peer {
	return create(AttributeContext_PeerSchema, {
		address:
			address.port === 0 && address.ip.startsWith("/")
				? { address: { case: "pipe", value: { path: address.ip } } }
				: {
						address: {
							case: "socketAddress",
							value: { address: address.ip, portSpecifier: { case: "portValue", value: address.port } },
						},
					},
		principal:
			certificate === undefined ? "" : (certificate.uriSans[0] ?? certificate.dnsSans[0] ?? certificate.subject),
	});
}

/** Those of the named parts of metadata that are there. */
export function pickMetadata(names: readonly string[], read: (name: string) => unknown): Record<string, Struct> {
	const picked: Record<string, Struct> = {};
	for (const name of names) {
		const value = read(name);
		if (value !== undefined) picked[name] = value as Struct;
	}
	return picked;
}

/** The texts of a part of the node's metadata, as labels; an empty name for none. */
export function readLabels(name: string, metadata: Readonly<Record<string, unknown>>): Record<string, string> {
	const labels = name === "" ? undefined : metadata[name];
	if (typeof labels !== "object" || labels === null) return {};
	return Object.fromEntries(
		Object.entries(labels).map(([key, value]) => [key, typeof value === "string" ? value : ""]),
	);
}
