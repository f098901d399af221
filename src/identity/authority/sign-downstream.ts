import { MeshError } from "../../core/index.ts";
import { type AlternativeName, type Certificate, formatCertificates, readSigningRequest } from "../x509/index.ts";
import type { DownstreamRequest, SignedDownstream } from "./authority-types.ts";
import { refused } from "./check-request.ts";
import { issueIssuer, type Signer } from "./issue.ts";
import type { AuthorityKeys } from "./key-provider.ts";
import type { LoadedState } from "./loaded-slots.ts";

/** Signs an issuer for another authority of the trust domain: by the own root, which is used for issuers only, else by an issuer whose path
 *  length lets it. It may vouch for SPIFFE IDs of this trust domain alone (RFC 5280 sections 4.2.1.9 and 4.2.1.10). */
export async function signDownstream(
	{ csr, spiffeId, ttlMs, dnsNames }: DownstreamRequest,
	loaded: LoadedState,
	keys: AuthorityKeys,
	trustDomain: string,
	now: number,
): Promise<SignedDownstream> {
	const wanted = readSigningRequest(csr);
	const stranger = wanted.extensions.names.find(
		({ kind, value }) => kind !== "uri" || value !== `spiffe://${trustDomain}`,
	);
	if (stranger !== undefined)
		throw refused(
			`asks for the ${stranger.kind} name '${stranger.value}', an issuer here is for spiffe://${trustDomain}`,
		);
	const { signer, above, slot } = await findSigner(loaded, keys, spiffeId);
	const permitted: AlternativeName[] = [
		{ kind: "uri", value: trustDomain },
		...dnsNames.map((value) => ({ kind: "dns" as const, value })),
	];
	const issuer = await issueIssuer(trustDomain, wanted.publicKey, signer, now, ttlMs, permitted);
	return {
		chain: formatCertificates([issuer, ...above].map(({ der }) => der)),
		roots: loaded.bundle.pem,
		serial: issuer.serial,
		notAfter: issuer.notAfter,
		root: slot,
	};
}

/** The root that whatever is signed leads to. */
export function signingRootOf({ state, roots, signer }: LoadedState): string {
	const slot = state.roots.find(({ name }) => name === signer?.slot.root);
	return slot?.signedBy ?? (slot === undefined ? "" : (roots.get(slot.name)?.[0]?.id ?? ""));
}

async function findSigner(
	{ state, roots, signer }: LoadedState,
	keys: AuthorityKeys,
	spiffeId: string,
): Promise<{ readonly signer: Signer; readonly above: readonly Certificate[]; readonly slot: string }> {
	const active = state.roots.find(({ phase }) => phase === "active");
	if (active?.isOwn === true) {
		const certificate = roots.get(active.name)![0]!;
		const key = await keys.open(active, certificate.publicKey);
		return { signer: { certificate, key }, above: [], slot: active.name };
	}
	const { pathLength } = signer?.certificate.extensions ?? {};
	if (signer !== undefined && (pathLength === undefined || pathLength > 0))
		return { signer, above: signer.chain, slot: signer.slot.root };
	throw new MeshError(
		"AUTHORITY_UPSTREAM",
		`no issuer can be signed for ${spiffeId}: the root is somebody else's, and this authority's issuer has path length 0`,
	);
}
