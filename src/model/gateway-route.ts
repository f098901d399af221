import type { ObjectName } from "./names.ts";
import type { ObjectReference, ParentReference } from "./reference.ts";
import type { RouteRule, StreamRule } from "./route.ts";
import type { Source } from "./source.ts";

/** A backend or mirror of a route, as its document names it: what the status of the route speaks of. */
export interface BackendReference extends ObjectReference {
	readonly port?: number;
	/** Field path of the reference in its document. */
	readonly path: string;
	/** It is asked over gRPC (ExternalAuth): HTTP/1.1 does not do. */
	readonly isGrpcAuthorizer?: boolean;
}

interface AttachedRoute extends ObjectName {
	readonly parents: readonly ParentReference[];
	/** Hosts, or server names of a TLSRoute; empty takes all that the parent has. */
	readonly hostnames: readonly string[];
	/** Everything the rules refer to. */
	readonly references: readonly BackendReference[];
	/** Milliseconds since the epoch; older routes win ties. */
	readonly createdAt: number;
	readonly source: Source;
}

/** An HTTPRoute of the Gateway API, or a GRPCRoute in its terms. */
export interface HttpRoute extends AttachedRoute {
	readonly kind: "HTTPRoute" | "GRPCRoute";
	readonly rules: readonly RouteRule[];
}

/** A TLSRoute or TCPRoute of the Gateway API. */
export interface StreamRoute extends AttachedRoute {
	readonly kind: "TLSRoute" | "TCPRoute";
	readonly rules: readonly StreamRule[];
}

/** `gateway.networking.k8s.io` BackendTLSPolicy: how connections to a Service are encrypted and its certificate checked. */
export interface BackendTlsPolicy extends ObjectName {
	/** Services and ServiceEntries in the policy's namespace; with a section name one port of it, by name. */
	readonly targets: readonly (ObjectReference & { readonly sectionName?: string })[];
	/** Server name that is sent, and that the certificate must be for unless there are `subjectAltNames`. */
	readonly hostname: string;
	readonly caCertificateRefs: readonly ObjectReference[];
	/** Trusts the certificates of the proxy's system. */
	readonly usesSystemCertificates: boolean;
	/** Name of a set of certificates that is not known here: nothing is trusted. */
	readonly unknownAuthorities?: string;
	readonly subjectAltNames: readonly { readonly type: "Hostname" | "URI"; readonly value: string }[];
	readonly createdAt: number;
	readonly source: Source;
}
