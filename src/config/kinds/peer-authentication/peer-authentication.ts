import type { PeerAuthentication } from "../../../model/index.ts";
import { map } from "../../schema/collections.ts";
import { workloadSelector } from "../../schema/kubernetes.ts";
import { defaulted, object, optional } from "../../schema/object.ts";
import { oneOf } from "../../schema/scalars.ts";
import { refine } from "../../schema/schema.ts";
import { securityVersions } from "../istio/api-versions.ts";
import { defineKind } from "../kind.ts";
import { readTarget } from "../policy-target.ts";
import { toSelector } from "../selector.ts";

const mutualTls = object({
	mode: defaulted(
		oneOf(["UNSET", "DISABLE", "PERMISSIVE", "STRICT"]),
		"UNSET",
		"`STRICT`: mutual TLS only; `PERMISSIVE`: plain text too; `DISABLE`: plain text only; `UNSET`: as the wider policy says",
		"UNSET",
	),
});

const portKey = {
	format: "a port from 1 to 65535",
	pattern: /^([1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5])$/,
};

const spec = refine(
	object({
		selector: optional(
			workloadSelector(),
			"Workloads it is for; without it all of the namespace, and in the root namespace all of the mesh",
		),
		mtls: optional(mutualTls, "Mutual TLS of every port"),
		portLevelMtls: optional(map(mutualTls, portKey), "Mutual TLS by the port of the workload; needs a selector"),
	}),
	(value, _node, reader) => {
		if (value.portLevelMtls === undefined || toSelector(value.selector) !== undefined) return value;
		return reader.field("portLevelMtls").refuse("needs a selector: ports belong to workloads");
	},
);

/** `security.istio.io/v1` PeerAuthentication. */
export const peerAuthenticationKind = defineKind({
	name: "PeerAuthentication",
	apiVersions: securityVersions,
	aliases: ["peerauthentications", "pa"],
	doc: "Whether workloads accept mutual TLS, plain text or both.",
	example: `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default, namespace: shop }
spec:
  mtls: { mode: STRICT }
`,
	naming: "subdomain",
	spec,
	toModel: (value, context): PeerAuthentication => ({
		namespace: context.namespace,
		name: context.name,
		selector: toSelector(value.selector),
		mode: value.mtls?.mode ?? "UNSET",
		portModes: Object.fromEntries(Object.entries(value.portLevelMtls ?? {}).map(([port, { mode }]) => [port, mode])),
		createdAt: context.createdAt,
		source: context.source,
	}),
	// What was to be kept out is not known, so plain text is.
	failClosed: (node, { namespace, name, createdAt, source }): PeerAuthentication => {
		const { selector } = readTarget(node);
		return {
			namespace,
			name,
			...(selector !== undefined && { selector }),
			mode: "STRICT",
			portModes: {},
			createdAt,
			source,
		};
	},
});
