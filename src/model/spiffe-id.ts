import { MeshError } from "../core/index.ts";

declare const brand: unique symbol;

/** A SPIFFE ID such as `spiffe://cluster.local/ns/shop/sa/web` (SPIFFE-ID specification, sections 2.1 and 2.2). */
export type SpiffeId = string & { readonly [brand]: "SpiffeId" };

/** The parts of the identity of a workload of this mesh: `spiffe://<trust domain>/ns/<namespace>/sa/<service account>`. */
export interface WorkloadIdentity {
	readonly trustDomain: string;
	readonly namespace: string;
	readonly serviceAccount: string;
}

const trustDomainPattern = /^[a-z0-9._-]{1,255}$/;
const segmentPattern = /^[A-Za-z0-9._-]+$/;
const maxSpiffeIdBytes = 2048;

/** Reads a SPIFFE ID.
 *  @throws MeshError `SPIFFE_ID_INVALID` naming what is wrong with it */
export function parseSpiffeId(text: string): SpiffeId {
	const fault = findSpiffeIdFault(text);
	if (fault !== undefined)
		throw new MeshError("SPIFFE_ID_INVALID", `${JSON.stringify(text)} is no SPIFFE ID: ${fault}`);
	return text as SpiffeId;
}

/** Whether `text` is a well-formed SPIFFE ID. */
export function isSpiffeId(text: string): text is SpiffeId {
	return findSpiffeIdFault(text) === undefined;
}

/** The SPIFFE ID of a workload of this mesh. */
export function formatSpiffeId(identity: WorkloadIdentity): SpiffeId {
	return parseSpiffeId(`spiffe://${identity.trustDomain}/ns/${identity.namespace}/sa/${identity.serviceAccount}`);
}

/** The parts of a SPIFFE ID of the form this mesh gives out; undefined for any other path. */
export function splitSpiffeId(id: SpiffeId): WorkloadIdentity | undefined {
	const match = /^spiffe:\/\/([^/]+)\/ns\/([^/]+)\/sa\/([^/]+)$/.exec(id);
	if (match === null) return undefined;
	return { trustDomain: match[1]!, namespace: match[2]!, serviceAccount: match[3]! };
}

function findSpiffeIdFault(text: string): string | undefined {
	if (Buffer.byteLength(text) > maxSpiffeIdBytes) return `longer than ${maxSpiffeIdBytes} bytes`;
	if (!text.startsWith("spiffe://")) return "must start with 'spiffe://'";
	const [trustDomain = "", ...segments] = text.slice("spiffe://".length).split("/");
	if (!trustDomainPattern.test(trustDomain)) return `bad trust domain '${trustDomain}'`;
	for (const segment of segments) {
		if (segment === "." || segment === "..") return "relative path segment";
		if (!segmentPattern.test(segment)) return `bad path segment '${segment}'`;
	}
	return undefined;
}
