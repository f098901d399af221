import type { Gateway, ObjectName, Source } from "../../../model/index.ts";
import type { AttachedListener, TlsTermination } from "../../gateway-api/index.ts";

/** One server of Istio's Gateway or listener of a Gateway, as one proxy serves it. */
export interface Server {
	/** The object it is of, for what is said of it. */
	readonly owner: ObjectName & { readonly kind: "Gateway" | "IstioGateway" | "ListenerSet"; readonly source: Source };
	/** The Gateway of the Gateway API that it is of; the owner itself, or what a ListenerSet adds to. Undefined for Istio's. */
	readonly gateway?: Gateway;
	/** Field path of the server or listener. */
	readonly path: string;
	/** Name of the port or listener. */
	readonly section: string;
	/** Port that clients use. */
	readonly port: number;
	/** Port that the proxy listens on. */
	readonly bindPort: number;
	/** All addresses by default. */
	readonly bind: string;
	/** What is carried once TLS, if any, is ended. */
	readonly carries: "http" | "stream";
	readonly hosts: readonly ServerHost[];
	readonly tls?: TlsTermination;
	/** Plain requests are sent to https. */
	readonly redirectsToHttps: boolean;
	/** The routes of a Gateway's listener; undefined for Istio's Gateway, which has VirtualServices. */
	readonly attached?: AttachedListener;
}

/** A host of a server, for routes of one namespace or of any. */
export interface ServerHost {
	/** `*` is any. */
	readonly namespace: string;
	readonly host: string;
}

/** `namespace/name`, as VirtualServices name their gateways. */
export function gatewayNameOf({ owner }: Server): string {
	return `${owner.namespace}/${owner.name}`;
}

/** The hosts of a server for routes of a namespace. */
export function hostsFor({ hosts }: Server, namespace: string): string[] {
	return hosts.filter((item) => item.namespace === "*" || item.namespace === namespace).map(({ host }) => host);
}

/** The route configuration of a server that carries HTTP, in Istio's names: shared by the plain servers of a port. */
export function routeNameOf(server: Server): string {
	const bind = server.bind === anyAddress ? "" : `.${server.bind}`;
	if (server.tls === undefined) return `http.${server.bindPort}${bind}`;
	const section = server.owner.kind === "ListenerSet" ? `${server.section}.set` : server.section;
	return `https.${server.bindPort}.${section}.${server.owner.name}.${server.owner.namespace}${bind}`;
}

export const anyAddress = "0.0.0.0";
