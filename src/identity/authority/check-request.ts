import { MeshError } from "../../core/index.ts";
import { parseSpiffeId, type SpiffeId } from "../../model/index.ts";
import { trustDomainOf } from "../svid.ts";
import type { SigningRequest } from "../x509/index.ts";

/** The identity to certify.
 *  @throws MeshError `SPIFFE_ID_INVALID`, `CSR_REFUSED` */
export function checkIdentity(text: string, trustDomain: string): SpiffeId {
	const spiffeId = parseSpiffeId(text);
	if (trustDomainOf(spiffeId) !== trustDomain) {
		throw refused(`'${spiffeId}' is not of the trust domain ${trustDomain}`);
	}
	if (!spiffeId.startsWith(`spiffe://${trustDomain}/`))
		throw refused(`'${spiffeId}' names a trust domain, not a workload`);
	return spiffeId;
}

/** Refuses a request that asks for more than the identity has.
 *  @throws MeshError `CSR_REFUSED` */
export function checkWanted(wanted: SigningRequest, spiffeId: SpiffeId, dnsNames: readonly string[]): void {
	const { isCa, keyUsages, names, unknownCritical } = wanted.extensions;
	if (isCa || keyUsages?.has("keyCertSign") || keyUsages?.has("cRLSign"))
		throw refused("asks for a certificate authority");
	const stranger = names.find(({ kind, value }) =>
		kind === "dns" ? !dnsNames.includes(value) : kind !== "uri" || value !== spiffeId,
	);
	if (stranger !== undefined) {
		throw refused(`asks for the ${stranger.kind} name '${stranger.value}', its identity is '${spiffeId}'`);
	}
	if (unknownCritical[0] !== undefined) throw refused(`asks for the critical extension ${unknownCritical[0]}`);
}

export function refused(fault: string): MeshError {
	return new MeshError("CSR_REFUSED", `certificate signing request: ${fault}`);
}

export function expired(
	trustDomain: string,
	role: string,
	slot: { readonly notBefore: number; readonly notAfter: number } | undefined,
): MeshError {
	if (slot === undefined) return new MeshError("AUTHORITY_EXPIRED", `${trustDomain} has no ${role} in use`);
	const span = `${new Date(slot.notBefore).toISOString()} to ${new Date(slot.notAfter).toISOString()}`;
	return new MeshError(
		"AUTHORITY_EXPIRED",
		`${role} of ${trustDomain} is valid from ${span} only; check the machine's clock`,
	);
}
