import type { Node } from "../api/gen/envoy/config/core/v3/base_pb.js";
import type { Log } from "../core/index.ts";
import {
	type Labels,
	type ObjectName,
	type SpiffeId,
	splitSpiffeId,
	type WorkloadIdentity,
	type WorkloadInstance,
} from "../model/index.ts";
import {
	type StreamGate,
	type StreamPeer,
	secretType,
	type XdsResource,
	type XdsSnapshot,
} from "../xds/server/index.ts";
import type { ListenAddress } from "./listen-address.ts";
import { readIdentity } from "./peer-identity.ts";
import type { SecureReach } from "./secure-reach.ts";
import { findInstance, isProxyless, readLabels, readNodeName, readProxylessInstance } from "./snapshot/index.ts";
import { type MeshIndex, revokedPeersSecret } from "./translate/index.ts";

export interface XdsGateOptions {
	/** Undefined before the first mesh. */
	readonly index: () => MeshIndex | undefined;
	/** Of the authority, once it is there. */
	readonly trustDomain: () => string | undefined;
	/** Whether an identity may see everything, see `amime identity create --admin`. */
	readonly isAdmin: (id: SpiffeId) => boolean;
	readonly reach: SecureReach;
	/** The address that a peer over TLS came to, by its own. */
	readonly arrivalOf: (peer: string) => ListenAddress | undefined;
	readonly wall: () => number;
	readonly log: Log;
}

/** Who may do what of what proxies do, over streams and beside them. */
export interface XdsGate extends StreamGate {
	/** Why a peer may not ask for the proxies of a workload, `namespace/name`; undefined when it may. */
	refuseWorkload(peer: StreamPeer, workload: string): string | undefined;
	/** Why a peer may not speak for the proxy of an instance, `namespace/name`, or for none that has a name; undefined when it may. */
	refuseInstance(peer: StreamPeer, name: string | undefined): string | undefined;
}

/** Who may be which node (docs/adr/0009). Without a certificate, which only loopback allows, anybody may be any node, and no private key goes out.
 *  With one, the node must be a proxy of the identity in it; a gateway's Secrets go to proxies with the labels of a workload of that identity. */
export function createXdsGate(options: XdsGateOptions): XdsGate {
	const { index, trustDomain, isAdmin, wall, log } = options;
	const told = new WeakSet<Node>();
	const identityOf = ({ certificate }: StreamPeer): SpiffeId | undefined => {
		const own = trustDomain();
		return certificate === undefined || own === undefined
			? undefined
			: readIdentity(certificate, own, wall())?.spiffeId;
	};
	/** A certificate that ends while its stream is open has opened it. */
	const identities = new WeakMap<StreamPeer, SpiffeId | undefined>();
	const knownIdentityOf = (peer: StreamPeer): SpiffeId | undefined => {
		if (!identities.has(peer)) identities.set(peer, identityOf(peer));
		return identities.get(peer);
	};
	return {
		refuse(peer, node) {
			if (peer.certificate === undefined) return undefined;
			const id = knownIdentityOf(peer);
			const identity = id && splitSpiffeId(id);
			const refusal =
				identity === undefined
					? `${id ?? "the certificate"} is no identity of a workload: spiffe://<trust domain>/ns/<namespace>/sa/<service account>`
					: findMismatch(index(), identity, node);
			if (refusal === undefined) return undefined;
			log.warn("audit: refused", { who: id, node: node.id, what: "xds", reason: refusal });
			return refusal;
		},
		limit(peer, node, given) {
			const arrival = peer.certificate === undefined ? undefined : options.arrivalOf(peer.address);
			const snapshot = arrival === undefined ? given : options.reach(given, arrival);
			const secrets = snapshot.resources.get(secretType);
			if (secrets === undefined || secrets.size === 0 || secrets === publicOf(secrets)) return snapshot;
			const id = knownIdentityOf(peer);
			const identity = id && splitSpiffeId(id);
			const problem = findSecretsProblem(index(), identity, node);
			if (problem === undefined) return snapshot;
			if (!told.has(node)) log.warn("secrets withheld from a proxy", { node: node.id, who: id, reason: problem });
			told.add(node);
			return withoutSecrets(snapshot);
		},
		refuseWorkload(peer, workload) {
			if (peer.certificate === undefined) return undefined;
			const id = knownIdentityOf(peer);
			return id !== undefined && splitSpiffeId(id)?.namespace === parseName(workload).namespace
				? undefined
				: `${id ?? "the certificate"} may not ask for proxies of ${workload}`;
		},
		refuseInstance(peer, name) {
			if (peer.certificate === undefined) return undefined;
			const id = knownIdentityOf(peer);
			const identity = id && splitSpiffeId(id);
			if (identity === undefined) return `${id ?? "the certificate"} is no identity of a workload`;
			if (name === undefined) return undefined;
			const { namespace, serviceAccount = identity.serviceAccount } =
				index()?.instance(parseName(name)) ?? parseName(name);
			return namespace === identity.namespace && serviceAccount === identity.serviceAccount
				? undefined
				: `${id} may not speak for ${name}`;
		},
		refuseStatus(peer) {
			if (peer.certificate === undefined) return undefined;
			const id = knownIdentityOf(peer);
			return id !== undefined && isAdmin(id)
				? undefined
				: `${id ?? "the certificate"} may not see the state of all proxies`;
		},
	};
}

/** Reads `namespace/name`. */
function parseName(text: string): ObjectName & { readonly serviceAccount?: string } {
	const slash = text.indexOf("/");
	return { namespace: text.slice(0, Math.max(0, slash)), name: text.slice(slash + 1) };
}

/** Why an identity is not that of a node. */
function findMismatch(
	index: MeshIndex | undefined,
	{ namespace, serviceAccount }: WorkloadIdentity,
	node: Node,
): string | undefined {
	const said = describeNode(index, node);
	if (said === undefined)
		return `node '${node.id}' is no name of a proxy: <type>~<address>~<name>.<namespace>~<domain>`;
	if (said.namespace !== namespace)
		return `node '${node.id}' is of the namespace '${said.namespace}', the certificate of '${namespace}'`;
	if (said.serviceAccount !== undefined && said.serviceAccount !== serviceAccount)
		return `node '${node.id}' has the service account '${said.serviceAccount}', the certificate '${serviceAccount}'`;
	return undefined;
}

/** The namespace and the service account that a node has: those of its instance, else what it says of itself. */
function describeNode(
	index: MeshIndex | undefined,
	node: Node,
): { readonly namespace: string; readonly serviceAccount: string | undefined } | undefined {
	const instance = index && findNamed(index, node);
	if (instance !== undefined) return instance;
	if (index !== undefined && isProxyless(node)) return readProxylessInstance(index, node);
	const name = readNodeName(node.id);
	if (name === undefined) return undefined;
	const said = node.metadata?.["SERVICE_ACCOUNT"];
	return { namespace: name.namespace, serviceAccount: typeof said === "string" && said !== "" ? said : undefined };
}

/** The instance of a node, or the registered one that a gateway proxy has the name of. */
function findNamed(index: MeshIndex, node: Node): WorkloadInstance | undefined {
	const name = readNodeName(node.id);
	return findInstance(index, node.id) ?? (name && index.instance(name));
}

/** Why a node may not have its Secrets. */
function findSecretsProblem(
	index: MeshIndex | undefined,
	identity: WorkloadIdentity | undefined,
	node: Node,
): string | undefined {
	if (identity === undefined)
		return "its stream is not authenticated: connect to the xDS address with mutual TLS (--xds-tls-address)";
	if (index === undefined) return "there is no mesh yet";
	const isOwn = (one: { readonly namespace: string; readonly serviceAccount: string }): boolean =>
		one.namespace === identity.namespace && one.serviceAccount === identity.serviceAccount;
	const instance = findNamed(index, node);
	const known: readonly Labels[] =
		instance === undefined
			? [...index.instances.filter(isOwn), ...index.mesh.workloads.filter(isOwn)].map(({ labels }) => labels)
			: [instance].filter(isOwn).map(({ labels }) => labels);
	const said = readLabels(node);
	if (known.length === 0)
		return `no workload of the mesh has the service account ${identity.namespace}/${identity.serviceAccount}`;
	if (said === undefined) return undefined;
	const isLabelled = (labels: Labels): boolean => Object.entries(said).every(([key, value]) => labels[key] === value);
	return known.some(isLabelled)
		? undefined
		: `no workload with the service account ${identity.namespace}/${identity.serviceAccount} has the labels that it says of itself`;
}

function withoutSecrets({ resources }: XdsSnapshot): XdsSnapshot {
	return { resources: new Map(resources).set(secretType, publicOf(resources.get(secretType) ?? new Map())) };
}

/** What everybody may have of secrets: the same object when that is all of them. */
function publicOf(secrets: ReadonlyMap<string, XdsResource>): ReadonlyMap<string, XdsResource> {
	const revoked = secrets.get(revokedPeersSecret);
	if (revoked === undefined) return new Map();
	return secrets.size === 1 ? secrets : new Map([[revokedPeersSecret, revoked]]);
}
