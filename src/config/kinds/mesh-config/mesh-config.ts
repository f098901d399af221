import { defaultRootNamespace, type MeshSettings, type PathNormalization } from "../../../model/index.ts";
import { list } from "../../schema/collections.ts";
import { istioDuration } from "../../schema/durations.ts";
import { dnsLabel, dnsSubdomain } from "../../schema/kubernetes.ts";
import { defaulted, object, optional, required } from "../../schema/object.ts";
import { boolean, integer, number, oneOf, string } from "../../schema/scalars.ts";
import { refine } from "../../schema/schema.ts";
import { defineKind } from "../kind.ts";
import { extensionProvider } from "./extension-provider.ts";
import { findAccessLogFault, istioFields, toIstioSettings } from "./istio-fields.ts";

/** The settings a MeshConfig gives; the others keep their defaults. */
export type MeshConfig = Partial<MeshSettings>;

const maxSvidTtlMs = 24 * 3_600_000;
const minSvidTtlMs = 60_000;

const fields = {
	trustDomain: optional(
		string({
			format: "a trust domain: lower case letters, digits, '.', '-' and '_'",
			pattern: /^[a-z0-9._-]+$/,
			maxLength: 255,
		}),
		"Trust domain of every identity; `cluster.local` when absent",
	),
	clusterDomain: optional(dnsSubdomain(), "Last part of the full names of services; `cluster.local` when absent"),
	rootNamespace: optional(dnsLabel(), "Policies in this namespace cover the whole mesh; `amime-system` when absent"),
	certificateTtl: optional(
		refine(istioDuration(), (value, _node, reader) =>
			value >= minSvidTtlMs && value <= maxSvidTtlMs ? value : reader.refuse("must be from 1m to 24h"),
		),
		"Life of a workload's certificate, renewed at half of it; from `1m` to `24h`, `24h` when absent",
	),
	traceSamplingPercent: optional(
		number({ min: 0, max: 100 }),
		"Share of requests traced when the client sent no trace context; 1 when absent",
	),
	proxyHttpPort: optional(
		integer({ min: 1, max: 65_535 }),
		"Port on loopback where the sidecar of a Pod is an HTTP forward proxy; none when absent",
	),
	proxyScope: optional(
		oneOf(["ALL", "NEEDED"]),
		"What a proxy is given: `ALL` services, or those `NEEDED`, which it is seen to call, and the others when it asks; when absent, those needed as soon as all would be more than half a MiB",
	),
	enableAutoMtls: defaulted(
		boolean(),
		true,
		"Whether clients use mutual TLS with every endpoint that takes it, without a DestinationRule",
	),
	pathNormalization: optional(
		object({
			normalization: required(
				oneOf(["DEFAULT", "NONE", "BASE", "MERGE_SLASHES", "DECODE_AND_MERGE_SLASHES"]),
				"As Istio has it; `DEFAULT` is `BASE`",
			),
		}),
		"How paths are normalised before policies see them. When absent: `BASE`, and for workloads whose policies compare paths everything that applications may take for the same path (`//`, `%2f`, `;`)",
	),
	denyByDefault: defaulted(
		boolean(),
		false,
		"Whether calls need an ALLOW policy: workloads and gateways that no other ALLOW policy covers refuse every request and connection, as with one without rules in the root namespace",
	),
	extensionProviders: defaulted(
		list(extensionProvider, { max: 100, salvage: "this provider is left out: what policies ask it about is denied" }),
		[],
		"Services outside the proxies; AuthorizationPolicies with the action CUSTOM name them",
	),
	outboundTrafficPolicy: optional(
		object({
			mode: defaulted(oneOf(["ALLOW_ANY", "REGISTRY_ONLY"]), "ALLOW_ANY", "Whether it may pass", "ALLOW_ANY"),
		}),
		"What becomes of traffic to hosts that the mesh does not know; a Sidecar object wins. When absent, captured traffic may pass (as in Istio) and forward proxies refuse it",
	),
	...istioFields,
};

const spec = refine(object(fields), (value, _node, reader) => {
	const fault = findAccessLogFault(value);
	return fault === undefined ? value : reader.field("accessLogFormat").refuse(fault);
});

/** `amime.dev/v1alpha1` MeshConfig. */
export const meshConfigKind = defineKind({
	name: "MeshConfig",
	apiVersions: ["amime.dev/v1alpha1"],
	aliases: ["meshconfigs"],
	doc: "Settings of the whole mesh, at most one object; its name is the name of the mesh.",
	example: `apiVersion: amime.dev/v1alpha1
kind: MeshConfig
metadata: { name: shop }
spec:
  trustDomain: shop.example
  traceSamplingPercent: 10
`,
	naming: "label",
	spec,
	toModel: (value, context): MeshConfig => ({
		name: context.name,
		trustDomain: value.trustDomain,
		clusterDomain: value.clusterDomain,
		rootNamespace: value.rootNamespace,
		svidTtlMs: value.certificateTtl,
		traceSamplingPercent: value.traceSamplingPercent ?? value.defaultConfig?.tracing?.sampling,
		proxyHttpPort: value.proxyHttpPort,
		proxyScope: value.proxyScope,
		enableAutoMtls: value.enableAutoMtls,
		pathNormalization: toNormalization(value.pathNormalization?.normalization),
		...(value.denyByDefault && {
			defaultPolicy: {
				namespace: value.rootNamespace ?? defaultRootNamespace,
				name: "deny-by-default",
				action: "ALLOW",
				rules: [],
				createdAt: context.createdAt,
				source: context.source,
			},
		}),
		extensionProviders: value.extensionProviders,
		outboundTrafficPolicy: value.outboundTrafficPolicy?.mode,
		...toIstioSettings(value),
	}),
});

function toNormalization(value: PathNormalization | "DEFAULT" | undefined): PathNormalization | undefined {
	return value === "DEFAULT" ? "BASE" : value;
}
