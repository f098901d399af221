import { MeshError } from "../../core/index.ts";

/** What an attestor found out about a node. */
export interface AttestedNode {
	/** The path of its agent's SPIFFE ID below `/amime/agent/`, such as `join_token/4b1c…`. */
	readonly agentPath: string;
	/** What can be said of it besides. */
	readonly selectors: readonly string[];
	/** Makes what the node showed good no more, for what is good once: done last, so that whatever fails before leaves it good.
	 *  @throws MeshError `ATTESTATION_REFUSED` when another was quicker */
	use?(): Promise<void>;
	/** What the store calls the join token that it showed: good for the same key until a certificate for that was shown. */
	readonly joinToken?: string;
}

/** A way for nodes to show who they are. */
export interface NodeAttestor {
	readonly name: string;
	/** What the node must sign, for ways that ask for a signature.
	 *  @throws MeshError `ATTESTATION_REFUSED` */
	challenge?(payload: Payload): Promise<string>;
	/** @param key the hash of the key that the node wants a certificate for, and has
	 *  @throws MeshError `ATTESTATION_REFUSED`, `ATTESTATION_UNAVAILABLE` */
	attest(payload: Payload, key: string): Promise<AttestedNode>;
}

/** What a node sent. */
export type Payload = Readonly<Record<string, unknown>>;

/** A text of the payload.
 *  @throws MeshError `ATTESTATION_REFUSED` */
export function readText(payload: Payload, field: string): string {
	const value = payload[field];
	if (typeof value === "string" && value !== "") return value;
	throw refused(`'${field}' expected`);
}

export function refused(fault: string): MeshError {
	return new MeshError("ATTESTATION_REFUSED", `node attestation: ${fault}`);
}

export function unavailable(what: string, cause: unknown): MeshError {
	return new MeshError("ATTESTATION_UNAVAILABLE", `node attestation: ${what}`, { cause });
}
