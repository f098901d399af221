/** When a key of the authority may sign. Decisions take `now` (milliseconds since the epoch) as an argument. */
export interface SlotValidity {
	/** Milliseconds since the epoch. */
	readonly notBefore: number;
	readonly notAfter: number;
}

/** The share of its lifetime after which an issuer is replaced: what it signed meanwhile ends long before it does. */
const renewalShare = 0.75;

/** Whether the slot is valid. */
export function canSign(slot: SlotValidity, now: number): boolean {
	return now >= slot.notBefore && now < slot.notAfter;
}

/** Whether the slot should make room for a successor. */
export function isRenewalDue({ notBefore, notAfter }: SlotValidity, now: number): boolean {
	return now >= notBefore + (notAfter - notBefore) * renewalShare;
}

/** The end of something that the slot signs: never after the slot's own. */
export function capLifetime(wantedEnd: number, slot: SlotValidity): number {
	return Math.min(wantedEnd, slot.notAfter);
}
