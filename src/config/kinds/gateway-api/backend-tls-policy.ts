import type { BackendTlsPolicy } from "../../../model/index.ts";
import { list } from "../../schema/collections.ts";
import { ignored, object, optional, required } from "../../schema/object.ts";
import { oneOf, string } from "../../schema/scalars.ts";
import { refine } from "../../schema/schema.ts";
import { defineKind } from "../kind.ts";
import { gatewayGroup, group, hostname, kindName, preciseHostname, sectionName } from "./reference.ts";

const name = string({ maxLength: 253 });

const subjectAltName = refine(
	object({
		type: required(oneOf(["Hostname", "URI"]), "Which field of the certificate"),
		hostname: optional(hostname(), "With type Hostname"),
		uri: optional(
			string({
				format: "an absolute URI such as spiffe://mesh/ns/a/sa/b",
				pattern: /^[A-Za-z][A-Za-z0-9+.-]*:\/\/[^/?#\s]+\S*$/,
				maxLength: 253,
			}),
			"With type URI",
		),
	}),
	(value, _node, reader) => {
		const [field, other] = value.type === "URI" ? (["uri", "hostname"] as const) : (["hostname", "uri"] as const);
		if (value[other] !== undefined) return reader.field(other).refuse(`must not be set with type ${value.type}`);
		const text = value[field];
		if (text === undefined) return reader.field(field).refuse(`is required with type ${value.type}`);
		return { type: value.type, value: text };
	},
);

const validation = refine(
	object({
		caCertificateRefs: optional(
			list(
				object({
					group: required(group(), "Group of the kind; empty for ConfigMaps and Secrets"),
					kind: required(kindName(), "ConfigMap, or Secret"),
					name: required(name, "Name, in the policy's namespace"),
				}),
				{ max: 8 },
			),
			"ConfigMaps or Secrets whose `ca.crt` is trusted",
		),
		wellKnownCACertificates: optional(
			string({
				format: "System, or the name of another implementation's set such as example.com/public",
				pattern:
					/^(System|[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)$/,
				maxLength: 253,
			}),
			"System trusts the certificates of the proxy's system; connections of a policy with another set fail",
		),
		hostname: required(preciseHostname(), "Server name that is sent, and that the certificate must be for"),
		subjectAltNames: optional(
			list(subjectAltName, { max: 5 }),
			"Names of which the certificate must have one, instead of the hostname",
		),
	}),
	(value, _node, reader) => {
		const hasReferences = (value.caCertificateRefs ?? []).length > 0;
		if (hasReferences !== (value.wellKnownCACertificates !== undefined)) return value;
		return reader.refuse(
			hasReferences
				? "must have caCertificateRefs or wellKnownCACertificates, not both"
				: "must have caCertificateRefs or wellKnownCACertificates: System",
		);
	},
);

const targets = refine(
	list(
		object({
			group: required(group(), "Group of the kind; empty for a Service"),
			kind: required(kindName(), "Service, or Istio's ServiceEntry"),
			name: required(name, "Name, in the policy's namespace"),
			sectionName: optional(sectionName(), "Name of the port; every port when absent"),
		}),
		{ min: 1, max: 16 },
	),
	(value, _node, reader) => {
		const double = value.findIndex((item, position) => value.slice(0, position).some((other) => isSame(item, other)));
		if (double === -1) return value;
		return reader.item(double).refuse("is the target of another item: give each of them a sectionName of its own");
	},
);

type TargetSpec = Readonly<Record<"group" | "kind" | "name", string>> & { readonly sectionName?: string | undefined };

/** Without a section name a target is all of its ports. */
function isSame(a: TargetSpec, b: TargetSpec): boolean {
	if (a.group !== b.group || a.kind !== b.kind || a.name !== b.name) return false;
	return a.sectionName === undefined || b.sectionName === undefined || a.sectionName === b.sectionName;
}

const spec = object({
	targetRefs: required(targets, "Services and ServiceEntries whose backends speak TLS"),
	validation: required(validation, "How the certificate of a backend is checked"),
	options: ignored("Settings of other implementations", "is without effect: there are no options here"),
});

/** `gateway.networking.k8s.io/v1` BackendTLSPolicy. */
export const backendTlsPolicyKind = defineKind({
	name: "BackendTLSPolicy",
	apiVersions: [`${gatewayGroup}/v1`, `${gatewayGroup}/v1alpha3`],
	aliases: ["backendtlspolicies", "btlspolicy"],
	doc: "Connections of gateways and sidecars to a Service or the hosts of a ServiceEntry are encrypted, and its certificate is checked. It comes before the TLS of DestinationRules and before mutual TLS. A port whose clients speak TLS themselves is left as it is, unless routes lead requests there.",
	example: `apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: { name: vault, namespace: shop }
spec:
  targetRefs: [{ group: "", kind: Service, name: vault }]
  validation:
    wellKnownCACertificates: System
    hostname: vault.example.com
`,
	naming: "subdomain",
	spec,
	toModel: (value, { namespace, name: own, createdAt, source }): BackendTlsPolicy => ({
		namespace,
		name: own,
		targets: value.targetRefs.map(({ sectionName: section, ...reference }) => ({
			...reference,
			namespace,
			...(section !== undefined && { sectionName: section }),
		})),
		hostname: value.validation.hostname,
		caCertificateRefs: (value.validation.caCertificateRefs ?? []).map((reference) => ({ ...reference, namespace })),
		usesSystemCertificates: value.validation.wellKnownCACertificates === "System",
		...(value.validation.wellKnownCACertificates !== undefined &&
			value.validation.wellKnownCACertificates !== "System" && {
				unknownAuthorities: value.validation.wellKnownCACertificates,
			}),
		subjectAltNames: value.validation.subjectAltNames ?? [],
		createdAt,
		source,
	}),
});
