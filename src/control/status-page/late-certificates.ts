import { formatSpiffeId } from "../../model/index.ts";
import type { ListedCertificate } from "../admin/index.ts";
import type { MeshIndex } from "../translate/index.ts";

/** A certificate that should have a successor and has none. */
export interface LateCertificate {
	readonly name: string;
	/** Milliseconds since the epoch. */
	readonly notAfter: number;
	/** What usually helps. */
	readonly hint: string;
}

interface Lifetime {
	readonly notBefore: number;
	readonly notAfter: number;
}

/** The slots of the authority that are asked. */
export interface AuthoritySlots {
	readonly roots: readonly (Lifetime & { readonly name: string; readonly phase: string })[];
	readonly issuers: readonly (Lifetime & { readonly name: string; readonly phase: string })[];
}

/** Leaves are renewed at half of their life and issuers at three quarters: what has less than this share left is late. */
const lateShare = 0.2;
const rootHint = "begin a rotation: 'amime ca rotate --root'; 'amime ca status' says for whom it waits";
const issuerHint = "it is replaced by itself, unless a rotation is held up: 'amime ca status'";
const leafHint =
	"its renewals fail: look into the log of 'amime up' or of the agent on its machine, and compare the clocks";

/** Certificates of live instances and of the authority that end soon, those that end first before the others.
 *  @param certificates newest first
 *  @param now milliseconds since the epoch */
export function findLateCertificates(
	index: MeshIndex | undefined,
	certificates: readonly ListedCertificate[],
	{ roots, issuers }: AuthoritySlots,
	now: number,
): readonly LateCertificate[] {
	const slots = [
		...roots.map((slot) => ({ ...slot, name: `root ${slot.name}`, hint: rootHint })),
		...issuers.map((slot) => ({ ...slot, name: `issuer ${slot.name}`, hint: issuerHint })),
	];
	const lateSlots = slots.filter((slot) => slot.phase === "active" && isLate(slot, now));
	return [...lateSlots, ...findLateLeaves(index, certificates, now)].sort((a, b) => a.notAfter - b.notAfter);
}

function findLateLeaves(
	index: MeshIndex | undefined,
	certificates: readonly ListedCertificate[],
	now: number,
): LateCertificate[] {
	if (index === undefined) return [];
	const { trustDomain } = index.mesh.settings;
	// What was scaled down leaves certificates behind that nobody renews.
	const wanted = new Set<string>(
		index.instances.map(({ namespace, serviceAccount }) => formatSpiffeId({ trustDomain, namespace, serviceAccount })),
	);
	const late: LateCertificate[] = [];
	for (const { spiffeId, notBefore, notAfter } of certificates) {
		// The newest one of an identity decides.
		if (!wanted.delete(spiffeId)) continue;
		const lifetime = { notBefore: Date.parse(notBefore), notAfter: Date.parse(notAfter) };
		if (isLate(lifetime, now)) late.push({ name: spiffeId, notAfter: lifetime.notAfter, hint: leafHint });
	}
	return late;
}

function isLate({ notBefore, notAfter }: Lifetime, now: number): boolean {
	return notAfter - now < (notAfter - notBefore) * lateShare;
}
