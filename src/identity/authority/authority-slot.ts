import type { Certificate } from "../x509/index.ts";

/** One key of the authority with its certificate. Decisions take `now` (milliseconds since the epoch) as an argument. */
export interface AuthoritySlot {
	readonly certificate: Certificate;
}

/** The share of its lifetime after which an issuer is replaced: what it signed meanwhile ends long before it does. */
const renewalShare = 0.75;

/** Whether the slot's certificate is valid. */
export function canSign(slot: AuthoritySlot, now: number): boolean {
	return now >= slot.certificate.notBefore && now < slot.certificate.notAfter;
}

/** Whether the slot should make room for a successor. */
export function isRenewalDue(slot: AuthoritySlot, now: number): boolean {
	const { notBefore, notAfter } = slot.certificate;
	return now >= notBefore + (notAfter - notBefore) * renewalShare;
}

/** The end of something that the slot signs: never after the slot's own. */
export function capLifetime(wantedEnd: number, slot: AuthoritySlot): number {
	return Math.min(wantedEnd, slot.certificate.notAfter);
}
