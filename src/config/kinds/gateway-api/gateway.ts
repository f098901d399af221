import type { ClientValidation, Gateway } from "../../../model/index.ts";
import { list, map } from "../../schema/collections.ts";
import { defaulted, type ObjectOf, object, optional, refused, required } from "../../schema/object.ts";
import { oneOf, string } from "../../schema/scalars.ts";
import { refine } from "../../schema/schema.ts";
import { defineKind } from "../kind.ts";
import { allowedNamespaces, areNamesUnique, listener, toListener } from "./listener.ts";
import { gatewayGroup, group, kindName, objectReference, port, toReference } from "./reference.ts";

const address = object({
	type: defaulted(string({ maxLength: 253 }), "IPAddress", "Hostname, or IPAddress", "IPAddress"),
	value: defaulted(
		string({ minLength: 0, maxLength: 253 }),
		"",
		"With type Hostname the host of the Service in front of the proxies",
	),
});

const validationFields = {
	caCertificateRefs: required(
		list(objectReference("ConfigMap", "Name of the ConfigMap"), { min: 1, max: 16 }),
		"ConfigMaps or Secrets whose `ca.crt` the certificates of clients are checked by",
	),
	mode: defaulted(
		oneOf(["AllowValidOnly", "AllowInsecureFallback"]),
		"AllowValidOnly",
		"Whether connections without a valid certificate are refused",
		"AllowValidOnly",
	),
};

const tlsOfPort = object({ validation: optional(object(validationFields), "How certificates of clients are checked") });

const frontend = object({
	default: required(tlsOfPort, "For every HTTPS listener whose port is not in perPort"),
	perPort: optional(
		list(object({ port: required(port, "Port of listeners"), tls: required(tlsOfPort, "Their settings") }), {
			max: 64,
		}),
		"For the listeners of a port",
	),
});

const metadataText = map(string({ minLength: 0, maxLength: 4096 }), {
	format: "a label key",
	pattern: /^[A-Za-z0-9]([-A-Za-z0-9_./]*[A-Za-z0-9])?$/,
});

const spec = refine(
	object({
		gatewayClassName: required(
			string({ maxLength: 253 }),
			"Class of the Gateway: amime, istio, or the name of a GatewayClass",
		),
		listeners: required(
			list(listener, { min: 1, max: 64, salvage: "this listener is left out, the other listeners serve" }),
			"Ports, hosts and protocols that it serves",
		),
		addresses: optional(
			list(address, { max: 16 }),
			"With type Hostname the Service whose proxies serve it; without one, proxies with the label gateway.networking.k8s.io/gateway-name. With type IPAddress the address that the proxy of `amime up` listens on, which its machine must have",
		),
		infrastructure: optional(
			object({
				labels: optional(metadataText, "Labels of the proxy that `amime up` starts for it"),
				annotations: optional(metadataText, "Annotations of it: `amime.dev/proxy: envoy` makes it a stock Envoy"),
				parametersRef: optional(
					object({
						group: required(group(), "Group of the kind"),
						kind: required(kindName(), "Kind of the object: ConfigMap"),
						name: required(string({ maxLength: 253 }), "Name of the object"),
					}),
					"Settings; that the ConfigMap exists is checked",
				),
			}),
			"What a Gateway is made of",
		),
		tls: optional(
			object({
				frontend: optional(frontend, "TLS with clients"),
				backend: optional(
					object({
						clientCertificateRef: optional(
							objectReference("Secret", "Name of the Secret"),
							"Certificate shown to backends of a BackendTLSPolicy that ask for one",
						),
					}),
					"TLS with backends",
				),
			}),
			"TLS of all listeners",
		),
		allowedListeners: optional(
			object({
				namespaces: optional(
					allowedNamespaces("None", "Namespaces of ListenerSets"),
					"Namespaces that they may come from",
				),
			}),
			"Which ListenerSets may add listeners; none when absent",
		),
		defaultScope: refused("name the Gateway in parentRefs of the routes"),
	}),
	(value, _node, reader) => (areNamesUnique(value.listeners, reader) ? value : undefined),
);

/** `gateway.networking.k8s.io/v1` Gateway. */
export const gatewayKind = defineKind({
	name: "Gateway",
	apiVersions: [`${gatewayGroup}/v1`, `${gatewayGroup}/v1beta1`],
	aliases: ["gateways", "gtw"],
	doc: "Ports, hosts and protocols that gateway proxies serve; routes attach to its listeners. `amime up` starts a proxy for a Gateway that no Workload serves; the annotation `amime.dev/proxy: envoy` makes it a stock Envoy.",
	example: `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: public, namespace: edge }
spec:
  gatewayClassName: amime
  addresses: [{ type: Hostname, value: public.edge.svc.cluster.local }]
  listeners:
    - name: http
      port: 80
      protocol: HTTP
      allowedRoutes: { namespaces: { from: All } }
`,
	naming: "subdomain",
	spec,
	toModel: (value, context): Gateway => {
		const { namespace } = context;
		const frontendTls = value.tls?.frontend;
		const clientCertificate = value.tls?.backend?.clientCertificateRef;
		const defaultValidation =
			frontendTls === undefined ? undefined : toClientValidation(frontendTls.default.validation, namespace);
		const parameters = value.infrastructure?.parametersRef;
		return {
			namespace,
			name: context.name,
			className: value.gatewayClassName,
			listeners: value.listeners.map((item) => toListener(item, namespace)),
			addresses: value.addresses ?? [],
			allowedListeners: value.allowedListeners?.namespaces ?? { from: "None" },
			...(defaultValidation !== undefined && { clientValidation: defaultValidation }),
			clientValidationByPort: Object.fromEntries(
				(frontendTls?.perPort ?? []).map((item) => [
					item.port,
					toClientValidation(item.tls.validation, namespace) ?? "none",
				]),
			),
			...(clientCertificate !== undefined && { clientCertificateRef: toReference(clientCertificate, namespace) }),
			...(parameters !== undefined && { parametersRef: { ...parameters, namespace } }),
			infrastructure: {
				labels: value.infrastructure?.labels ?? {},
				annotations: value.infrastructure?.annotations ?? {},
			},
			labels: context.labels,
			annotations: context.annotations,
			createdAt: context.createdAt,
			source: context.source,
		};
	},
});

function toClientValidation(
	value: ObjectOf<typeof validationFields> | undefined,
	namespace: string,
): ClientValidation | undefined {
	if (value === undefined) return undefined;
	return {
		caCertificateRefs: value.caCertificateRefs.map((reference) => toReference(reference, namespace)),
		mode: value.mode,
	};
}
