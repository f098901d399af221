import {
	type AllowedNamespaces,
	type Gateway,
	type GatewayListener,
	type LabelSelector,
	type ListenerSet,
	type Mesh,
	matchesLabels,
	type ObjectName,
	type Source,
} from "../../model/index.ts";
import type { CertificateStore } from "./certificates.ts";
import type { ConditionFault } from "./condition.ts";
import { coversHost } from "./hostname.ts";
import { resolveListenerTls, type TlsTermination } from "./listener-tls.ts";
import type { ReferenceGrants } from "./reference-grants.ts";

/** A kind of routes. */
export interface RouteKind {
	readonly group: string;
	readonly kind: string;
}

/** A listener of a Gateway as it stands. */
export interface ListenerState {
	readonly listener: GatewayListener;
	/** The object that it is of: the Gateway, or a ListenerSet that adds to it. */
	readonly owner: ListenerOwner;
	/** Kinds of routes that it takes. */
	readonly supportedKinds: readonly RouteKind[];
	/** Whether it allows a kind that its protocol does not carry. */
	readonly hasInvalidKinds: boolean;
	/** Why an earlier listener of the Gateway keeps it from serving. */
	readonly conflict?: "HostnameConflict" | "ProtocolConflict";
	/** Names of other listeners of its port that end TLS for some of the same hosts. */
	readonly overlapping: readonly string[];
	readonly protocolFault?: ConditionFault;
	/** What is wrong with a reference for TLS; it serves all the same when the others are enough. */
	readonly tlsFault?: ConditionFault;
	/** Whether certificates of clients are to be checked, and none could be. */
	readonly hasNoAuthority: boolean;
	/** Undefined without TLS, or when its references leave nothing to serve with. */
	readonly tls?: TlsTermination;
	/** Whether it serves. */
	readonly isValid: boolean;
	/** Whether routes may come from a namespace. */
	allowsNamespace(namespace: string): boolean;
}

/** What has listeners. */
export type ListenerOwner = ObjectName & { readonly kind: "Gateway" | "ListenerSet"; readonly source: Source };

const routeGroup = "gateway.networking.k8s.io";

/** The listeners of a Gateway and of ListenerSets that add to it, in this order, each with what keeps it from serving. */
export function resolveListeners(
	gateway: Gateway,
	sets: readonly ListenerSet[],
	mesh: Pick<Mesh, "namespaces">,
	certificates: CertificateStore,
	grants: ReferenceGrants,
): ListenerState[] {
	const accepted: GatewayListener[] = [];
	const ownerOf = (kind: ListenerOwner["kind"], { namespace, name, source }: Gateway | ListenerSet): ListenerOwner => ({
		...{ kind, namespace, name, source },
	});
	const all = [
		{ owner: ownerOf("Gateway", gateway), listeners: gateway.listeners },
		...sets.map((set) => ({ owner: ownerOf("ListenerSet", set), listeners: set.listeners })),
	].flatMap(({ owner, listeners }) => listeners.map((listener) => ({ owner, listener })));
	return all.map(({ owner, listener }): ListenerState => {
		const prior = accepted.find((candidate) => !areDistinct(listener, candidate));
		if (prior === undefined) accepted.push(listener);
		const kinds = listKinds(listener);
		const { tls, fault: tlsFault, hasNoAuthority } = resolveListenerTls(gateway, owner, listener, certificates, grants);
		const protocolFault = findProtocolFault(listener);
		return {
			listener,
			owner,
			...kinds,
			...(prior !== undefined && { conflict: describeConflict(listener, prior) }),
			overlapping: all.filter((other) => doesTlsOverlap(listener, other.listener)).map((other) => other.listener.name),
			...(protocolFault !== undefined && { protocolFault }),
			...(tlsFault !== undefined && { tlsFault }),
			hasNoAuthority: hasNoAuthority ?? false,
			...(tls !== undefined && { tls }),
			isValid: prior === undefined && protocolFault === undefined && (tlsFault === undefined || tls !== undefined),
			allowsNamespace: (namespace) => allowsNamespace(owner, listener.allowedRoutes, namespace, mesh),
		};
	});
}

function findProtocolFault({ protocol, tls }: GatewayListener): ConditionFault | undefined {
	const reason = "UnsupportedProtocol";
	if ((protocol === "HTTPS" || protocol === "TLS") && tls === undefined)
		return { reason, message: `protocol ${protocol} needs tls` };
	if (["HTTP", "HTTPS", "TLS", "TCP"].includes(protocol)) return undefined;
	const upper = protocol.toUpperCase();
	const hint = ["HTTP", "HTTPS", "TLS", "TCP"].includes(upper) ? `: write ${upper}` : "";
	return { reason, message: `protocol ${protocol} is not supported${hint}` };
}

function listKinds({
	protocol,
	tls,
	allowedRoutes,
}: GatewayListener): Pick<ListenerState, "supportedKinds" | "hasInvalidKinds"> {
	const carried = carriedKinds(protocol, tls?.mode);
	if (allowedRoutes.kinds.length === 0)
		return { supportedKinds: carried.map((kind) => ({ group: routeGroup, kind })), hasInvalidKinds: false };
	const supportedKinds = allowedRoutes.kinds.filter(
		({ group, kind }) => group === routeGroup && carried.includes(kind),
	);
	return { supportedKinds, hasInvalidKinds: supportedKinds.length < allowedRoutes.kinds.length };
}

function carriedKinds(protocol: string, mode: "Terminate" | "Passthrough" | undefined): readonly string[] {
	if (protocol === "HTTP" || protocol === "HTTPS") return ["HTTPRoute", "GRPCRoute"];
	if (protocol === "TCP") return ["TCPRoute"];
	if (protocol !== "TLS") return [];
	return mode === "Terminate" ? ["TLSRoute", "TCPRoute"] : ["TLSRoute"];
}

/** Whether two listeners of one Gateway can serve side by side. */
/** A client that keeps a connection for all names of a certificate may send to the one listener what the other is for. */
function doesTlsOverlap(one: GatewayListener, other: GatewayListener): boolean {
	const endsTls = ({ tls }: GatewayListener): boolean => tls !== undefined && tls.mode !== "Passthrough";
	if (one === other || one.port !== other.port || !endsTls(one) || !endsTls(other)) return false;
	const [host, otherHost] = [one.hostname ?? "*", other.hostname ?? "*"];
	return coversHost(host, otherHost) || coversHost(otherHost, host);
}

function areDistinct(a: GatewayListener, b: GatewayListener): boolean {
	if (a.port !== b.port) return true;
	const carriesHosts = ({ protocol }: GatewayListener): boolean => protocol !== "TCP" && protocol !== "UDP";
	if (!carriesHosts(a) || !carriesHosts(b)) return false;
	// Plain requests and TLS on one port cannot be told apart by the server name.
	if ((a.protocol === "HTTP") !== (b.protocol === "HTTP")) return false;
	return (a.hostname ?? "*") !== (b.hostname ?? "*");
}

function describeConflict(a: GatewayListener, b: GatewayListener): "HostnameConflict" | "ProtocolConflict" {
	const isStream = a.protocol === "TCP" && b.protocol === "TCP";
	return isStream || a.protocol !== b.protocol ? "ProtocolConflict" : "HostnameConflict";
}

/** Whether an object of a namespace may attach to one of `owner`. */
export function allowsNamespace(
	owner: ObjectName,
	allowed: AllowedNamespaces,
	namespace: string,
	{ namespaces }: Pick<Mesh, "namespaces">,
): boolean {
	switch (allowed.from) {
		case "All":
			return true;
		case "None":
			return false;
		case "Same":
			return namespace === owner.namespace;
		default: {
			const labels = namespaces.find(({ name }) => name === namespace)?.labels;
			const known = labels ?? { "kubernetes.io/metadata.name": namespace };
			return allowed.selector !== undefined && matchesSelector(allowed.selector, known);
		}
	}
}

function matchesSelector(
	{ matchLabels, matchExpressions }: LabelSelector,
	labels: Readonly<Record<string, string>>,
): boolean {
	return (
		matchesLabels(matchLabels, labels) &&
		matchExpressions.every(({ key, operator, values }) => {
			const value = labels[key];
			if (operator === "Exists") return value !== undefined;
			if (operator === "DoesNotExist") return value === undefined;
			const isIn = value !== undefined && values.includes(value);
			return operator === "In" ? isIn : !isIn;
		})
	);
}
