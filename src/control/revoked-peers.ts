import { create } from "@bufbuild/protobuf";
import type { Node } from "../api/gen/envoy/config/core/v3/base_pb.js";
import { SecretSchema } from "../api/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import {
	packResource,
	type SnapshotSource,
	secretType,
	type XdsResource,
	type XdsSnapshot,
} from "../xds/server/index.ts";
import type { Revocations } from "./agents/index.ts";
import { readProxyKind } from "./snapshot/index.ts";
import { revokedPeersSecret } from "./translate/index.ts";

/** Adds to what amime's own proxies are served whose identities were taken away. */
export function withRevokedPeers(source: SnapshotSource, revocations: Revocations): SnapshotSource {
	let current: { readonly text: string; readonly resource: XdsResource } | undefined;
	let known = new WeakMap<XdsSnapshot, XdsSnapshot>();
	const resourceOf = (text: string): XdsResource => {
		if (current?.text === text) return current.resource;
		const message = create(SecretSchema, {
			name: revokedPeersSecret,
			type: {
				case: "genericSecret",
				value: { secret: { specifier: { case: "inlineBytes", value: Buffer.from(text) } } },
			},
		});
		current = { text, resource: packResource(SecretSchema, revokedPeersSecret, message) };
		known = new WeakMap();
		return current.resource;
	};
	return {
		get(node: Node) {
			const snapshot = source.get(node);
			if (snapshot === undefined || readProxyKind(node) !== "amime") return snapshot;
			const resource = resourceOf(revocations.text);
			const before = known.get(snapshot);
			if (before !== undefined) return before;
			const secrets = new Map(snapshot.resources.get(secretType)).set(resource.name, resource);
			const given = { resources: new Map(snapshot.resources).set(secretType, secrets) };
			known.set(snapshot, given);
			return given;
		},
		onChange(listener) {
			const stops = [source.onChange(listener), revocations.onChange(() => listener("all"))];
			return () => stops.forEach((stop) => void stop());
		},
	};
}
