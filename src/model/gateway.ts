import type { Labels, ObjectName } from "./names.ts";
import type { ObjectReference } from "./reference.ts";
import type { Source } from "./source.ts";
import type { Workload } from "./workload.ts";

/** `gateway.networking.k8s.io` GatewayClass: which controller looks after Gateways of a class. It has no namespace. */
export interface GatewayClass extends ObjectName {
	readonly controllerName: string;
	readonly parametersRef?: ObjectReference;
	readonly createdAt: number;
	readonly source: Source;
}

/** An address that a Gateway asks for: the host of the Service in front of its proxies, or an IP address. */
export interface GatewayAddress {
	/** `IPAddress`, `Hostname`, or the name of another type. */
	readonly type: string;
	/** Empty leaves the choice to the controller. */
	readonly value: string;
}

/** `tls` of a listener. */
export interface ListenerTls {
	readonly mode: "Terminate" | "Passthrough";
	readonly certificateRefs: readonly ObjectReference[];
	readonly options: Readonly<Record<string, string>>;
}

/** Which routes a listener takes. */
export interface AllowedRoutes {
	readonly from: "All" | "Same" | "Selector" | "None";
	/** With `from: Selector`: namespaces by their labels. */
	readonly selector?: LabelSelector;
	/** Empty allows every kind that the protocol carries. */
	readonly kinds: readonly { readonly group: string; readonly kind: string }[];
}

/** A Kubernetes label selector; every condition must hold. */
export interface LabelSelector {
	readonly matchLabels: Labels;
	readonly matchExpressions: readonly LabelExpression[];
}

export interface LabelExpression {
	readonly key: string;
	readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
	readonly values: readonly string[];
}

export interface GatewayListener {
	readonly name: string;
	/** Undefined matches every host. */
	readonly hostname?: string;
	readonly port: number;
	/** `HTTP`, `HTTPS`, `TLS`, `TCP`, or one that is not supported. */
	readonly protocol: string;
	readonly tls?: ListenerTls;
	readonly allowedRoutes: AllowedRoutes;
	/** Field path of the listener in its document. */
	readonly path: string;
}

/** How certificates of clients are checked. */
export interface ClientValidation {
	readonly caCertificateRefs: readonly ObjectReference[];
	/** `AllowInsecureFallback` asks for a certificate and takes any, or none. */
	readonly mode: "AllowValidOnly" | "AllowInsecureFallback";
}

/** Which namespaces objects may be of that attach. */
export type AllowedNamespaces = Pick<AllowedRoutes, "from" | "selector">;

/** `gateway.networking.k8s.io` ListenerSet (GEP-1713): listeners that are added to a Gateway. */
export interface ListenerSet extends ObjectName {
	/** The Gateway. */
	readonly parent: ObjectName;
	readonly listeners: readonly GatewayListener[];
	readonly createdAt: number;
	readonly source: Source;
}

/** `gateway.networking.k8s.io` Gateway. */
export interface Gateway extends ObjectName {
	readonly className: string;
	readonly listeners: readonly GatewayListener[];
	readonly addresses: readonly GatewayAddress[];
	/** Namespaces of the ListenerSets that may add to it. */
	readonly allowedListeners: AllowedNamespaces;
	/** Of `tls.frontend.default`. */
	readonly clientValidation?: ClientValidation;
	/** Of `tls.frontend.perPort`; a port that is listed without validation has none. */
	readonly clientValidationByPort: Readonly<Record<number, ClientValidation | "none">>;
	/** What its proxies show to backends that ask for a certificate. */
	readonly clientCertificateRef?: ObjectReference;
	readonly parametersRef?: ObjectReference;
	/** Labels and annotations of what is made for it: of the proxy that `amime up` starts. */
	readonly infrastructure: { readonly labels: Labels; readonly annotations: Readonly<Record<string, string>> };
	readonly labels: Labels;
	readonly annotations: Readonly<Record<string, string>>;
	readonly createdAt: number;
	readonly source: Source;
}

/** The TLS modes of Istio's Gateway. */
export type ServerTlsMode =
	| "PASSTHROUGH"
	| "SIMPLE"
	| "MUTUAL"
	| "AUTO_PASSTHROUGH"
	| "ISTIO_MUTUAL"
	| "OPTIONAL_MUTUAL";

/** `TLS_AUTO` leaves the choice to the proxy. */
export type TlsVersion = "TLS_AUTO" | "TLSV1_0" | "TLSV1_1" | "TLSV1_2" | "TLSV1_3";

/** `tls` of a server of Istio's Gateway. */
export interface ServerTls {
	readonly mode: ServerTlsMode;
	readonly httpsRedirect: boolean;
	/** Names of Secrets, `name` or `kubernetes-gateway://namespace/name`. */
	readonly credentialNames: readonly string[];
	/** Name of a Secret with the certificates that clients are checked by; `<credentialName>-cacert` or the Secret's own by default. */
	readonly caCertificateCredentialName?: string;
	/** Files on the proxy's machine. */
	readonly files?: { readonly certificate: string; readonly privateKey: string; readonly caCertificates?: string };
	/** File with revoked certificates of clients, on the proxy's machine. */
	readonly caCrl?: string;
	/** Names that a client's certificate must have one of; empty takes any. */
	readonly subjectAltNames: readonly string[];
	readonly certificateSpkis: readonly string[];
	readonly certificateHashes: readonly string[];
	readonly minVersion: TlsVersion;
	readonly maxVersion: TlsVersion;
	readonly cipherSuites: readonly string[];
	readonly insecureSkipVerify: boolean;
}

/** One server of Istio's Gateway. */
export interface GatewayServer {
	readonly name?: string;
	readonly port: { readonly number: number; readonly protocol: string; readonly name: string };
	/** `host` or `namespace/host`; the namespace may be `*` or `.`, which is the Gateway's own. */
	readonly hosts: readonly string[];
	/** Address to listen on; all addresses when undefined. */
	readonly bind?: string;
	readonly tls?: ServerTls;
	/** Field path of the server in its document. */
	readonly path: string;
}

/** `networking.istio.io` Gateway. */
export interface IstioGateway extends ObjectName {
	/** Labels of the proxies it configures, in any namespace; empty selects every gateway proxy. */
	readonly selector: Labels;
	readonly servers: readonly GatewayServer[];
	readonly annotations: Readonly<Record<string, string>>;
	readonly createdAt: number;
	readonly source: Source;
}

/** A gateway proxy that a machine starts for Gateways which no proxy of the config serves. */
export interface GatewayProxy extends Workload {
	/** Ports of its Gateways, ascending. */
	readonly gatewayPorts: readonly number[];
	/** IP addresses that its Gateways ask for; it listens on the first that its machine has. */
	readonly gatewayAddresses: readonly string[];
	readonly gateways: readonly (ObjectName & { readonly kind: "Gateway" | "IstioGateway" })[];
}
