import { MeshError } from "../../core/index.ts";
import { isRenewalDue } from "./authority-slot.ts";
import type { KeySlot } from "./key-provider.ts";

/** Where a root is in its life: `prepared` is in the bundle and signs nothing, `active` signs the issuer in use, `retiring` signs
 *  nothing more and stays in the bundle while somebody shows a certificate under it. */
export type RootPhase = "prepared" | "active" | "retiring";

/** Where an issuer or a JWT key is in its life: `requested` waits for a certificate signed by hand, `prepared` for its root to be known to
 *  every proxy (a JWT key: for its time), `active` signs, `retired` signs nothing more. */
export type KeyPhase = "requested" | "prepared" | "active" | "retired";

/** Validity of a slot, in milliseconds since the epoch. */
export interface Validity {
	readonly notBefore: number;
	readonly notAfter: number;
}

export interface RootSlot extends Validity, KeySlot {
	readonly phase: RootPhase;
	/** When the phase began. */
	readonly since: number;
	/** Of somebody upstream: the root (`Certificate.id`) that its issuers lead to. */
	readonly signedBy?: string;
	/** Whether the root's key is the authority's own; without it somebody upstream signs. */
	readonly isOwn: boolean;
}

export interface IssuerSlot extends Validity, KeySlot {
	/** The slot of its root; empty while it is `requested`. */
	readonly root: string;
	readonly phase: KeyPhase;
	readonly since: number;
	/** No certificate of somebody who does not acknowledge ends later than this. */
	readonly neededUntil: number;
}

/** A public key as RFC 7517 writes it. */
export type PublicJwk = Readonly<Record<string, string>>;

export interface JwtSlot extends Validity, KeySlot {
	readonly keyId: string;
	readonly publicJwk: PublicJwk;
	readonly phase: KeyPhase;
	readonly since: number;
}

/** The slots of an authority, as they are kept. */
export interface AuthorityState {
	readonly trustDomain: string;
	/** Rises with every change of what is published: roots and JWT keys (`spiffe_sequence`). */
	readonly sequence: number;
	readonly roots: readonly RootSlot[];
	readonly issuers: readonly IssuerSlot[];
	readonly jwtKeys: readonly JwtSlot[];
}

/** What is known of the mesh when a step is planned. */
export interface AuthorityFacts {
	/** Milliseconds since the epoch. */
	readonly now: number;
	/** Whether every live proxy has acknowledged the root. */
	isAcknowledged(root: string): boolean;
	/** Whether somebody upstream trusts or signs by other roots than those of the issuer. */
	isOutdated(issuer: IssuerSlot): boolean;
	/** Whether a live holder shows a certificate under the root. */
	isHeld(root: string): boolean;
}

/** How long things take. */
export interface AuthorityTiming {
	/** How long a JWT key is published before it signs, when another one can. */
	readonly jwtPublishMs: number;
	/** Longest life of a token: how long a retired JWT key stays published. */
	readonly maxTokenMs: number;
}

/** The next thing to do. Those that need a key or a signature are done by the shell, which then puts their slots in. */
export type AuthorityStep =
	| { readonly kind: "prepare-root" | "prepare-issuer" | "prepare-jwt-key" }
	| { readonly kind: "activate-issuer" | "activate-jwt-key"; readonly name: string }
	| { readonly kind: "drop-root" | "drop-issuer" | "drop-jwt-key"; readonly name: string };

/** The steps that are due, the most urgent first. */
export function planSteps(state: AuthorityState, facts: AuthorityFacts, timing: AuthorityTiming): AuthorityStep[] {
	return [
		...planActivation(state, facts),
		...planDrops(state, facts),
		...planRenewal(state, facts),
		...planJwt(state, facts, timing),
	];
}

/** Roots to come that have not been in the bundle for `publishMs` yet; none while there is no other to go on with. */
export function findUnpublished({ roots }: AuthorityState, now: number, publishMs: number): RootSlot[] {
	const hasTime = roots.some(({ phase, notAfter }) => phase === "active" && notAfter > now);
	return hasTime ? roots.filter(({ phase, since }) => phase === "prepared" && now < since + publishMs) : [];
}

function planActivation(state: AuthorityState, facts: AuthorityFacts): AuthorityStep[] {
	const prepared = state.issuers.find(({ phase }) => phase === "prepared");
	if (prepared === undefined || facts.now < prepared.notBefore) return [];
	const root = state.roots.find(({ name }) => name === prepared.root);
	const isKnown = root?.phase === "active" || facts.isAcknowledged(prepared.root);
	return isKnown ? [{ kind: "activate-issuer", name: prepared.name }] : [];
}

function planDrops(state: AuthorityState, { now, isHeld }: AuthorityFacts): AuthorityStep[] {
	const steps: AuthorityStep[] = [];
	for (const root of state.roots) {
		if (root.phase !== "retiring") continue;
		const issuers = state.issuers.filter((issuer) => issuer.root === root.name);
		const isNeeded = issuers.some((issuer) => issuer.phase !== "retired" || issuer.neededUntil > now);
		if (root.notAfter <= now || !(isNeeded || isHeld(root.name))) steps.push({ kind: "drop-root", name: root.name });
	}
	for (const issuer of state.issuers) {
		const root = state.roots.find(({ name }) => name === issuer.root);
		if (issuer.phase === "retired" && issuer.neededUntil <= now && root?.phase !== "retiring")
			steps.push({ kind: "drop-issuer", name: issuer.name });
	}
	return steps;
}

function planRenewal(state: AuthorityState, { now, isOutdated }: AuthorityFacts): AuthorityStep[] {
	const prepared = state.issuers.find(({ phase }) => phase === "prepared");
	if (prepared !== undefined) return isOutdated(prepared) ? [{ kind: "prepare-issuer" }] : [];
	const root = state.roots.find(({ phase }) => phase === "active");
	const issuer = state.issuers.find(({ phase }) => phase === "active");
	if (root?.isOwn === true && isRenewalDue(root, now)) return [{ kind: "prepare-root" }];
	return issuer === undefined || isRenewalDue(issuer, now) || isOutdated(issuer) ? [{ kind: "prepare-issuer" }] : [];
}

function planJwt({ jwtKeys }: AuthorityState, { now }: AuthorityFacts, timing: AuthorityTiming): AuthorityStep[] {
	const active = jwtKeys.find(({ phase }) => phase === "active");
	const prepared = jwtKeys.find(({ phase }) => phase === "prepared");
	const steps: AuthorityStep[] = [];
	if (prepared !== undefined) {
		const hasTime = active !== undefined && active.notAfter > now;
		if (!hasTime || now >= prepared.since + timing.jwtPublishMs)
			steps.push({ kind: "activate-jwt-key", name: prepared.name });
	} else if (active === undefined || isRenewalDue(active, now)) steps.push({ kind: "prepare-jwt-key" });
	for (const { phase, since, name } of jwtKeys)
		if (phase === "retired" && now >= since + timing.maxTokenMs) steps.push({ kind: "drop-jwt-key", name });
	return steps;
}

/** The state after an activation or a drop; as it is when the slot is no longer there. */
export function applyStep(state: AuthorityState, step: AuthorityStep, now: number): AuthorityState {
	switch (step.kind) {
		case "activate-issuer":
			return activateIssuer(state, step.name, now);
		case "activate-jwt-key":
			return {
				...state,
				jwtKeys: state.jwtKeys.map((key) => {
					if (key.name === step.name) return { ...key, phase: "active", since: now };
					return key.phase === "active" ? { ...key, phase: "retired", since: now } : key;
				}),
			};
		case "drop-root":
			return {
				...state,
				sequence: state.sequence + 1,
				roots: state.roots.filter(({ name }) => name !== step.name),
				issuers: state.issuers.filter(({ root }) => root !== step.name),
			};
		case "drop-issuer":
			return { ...state, issuers: state.issuers.filter(({ name }) => name !== step.name) };
		case "drop-jwt-key":
			return {
				...state,
				sequence: state.sequence + 1,
				jwtKeys: state.jwtKeys.filter(({ name }) => name !== step.name),
			};
		default:
			return state;
	}
}

function activateIssuer(state: AuthorityState, name: string, now: number): AuthorityState {
	const issuer = state.issuers.find((candidate) => candidate.name === name);
	if (issuer === undefined) return state;
	const move = <Slot extends { readonly phase: string; readonly since: number }, Phase extends Slot["phase"]>(
		slot: Slot,
		phase: Phase,
	): Slot => (slot.phase === phase ? slot : { ...slot, phase, since: now });
	return {
		...state,
		roots: state.roots.map((root) => {
			if (root.name === issuer.root) return move(root, "active");
			return root.phase === "active" ? move(root, "retiring") : root;
		}),
		issuers: state.issuers.map((other) => {
			if (other.name === name) return move(other, "active");
			return other.phase === "active" ? move(other, "retired") : other;
		}),
	};
}

/** Puts a new issuer in, with its root when that is new; an older one that was never activated makes room. */
export function putIssuer(state: AuthorityState, issuer: IssuerSlot, root: RootSlot | undefined): AuthorityState {
	const gone = state.issuers.filter(({ phase, name }) => phase === "prepared" || name === issuer.name);
	const issuers = [...state.issuers.filter((other) => !gone.includes(other)), issuer];
	const isUsed = (name: string): boolean => issuers.some((other) => other.root === name);
	const kept = state.roots.filter(({ phase, name }) => phase !== "prepared" || isUsed(name));
	const roots = root === undefined ? kept : [...kept, root];
	const isPublic = root !== undefined || kept.length !== state.roots.length;
	return { ...state, sequence: state.sequence + (isPublic ? 1 : 0), roots, issuers };
}

/** Puts a new JWT key in, published and not yet signing. */
export function putJwtKey(state: AuthorityState, key: JwtSlot): AuthorityState {
	return { ...state, sequence: state.sequence + 1, jwtKeys: [...state.jwtKeys, key] };
}

/** The same state.
 *  @throws MeshError `AUTHORITY_UPSTREAM` when an issuer is under a root that was dropped while the issuer was made */
export function checkRooted(state: AuthorityState): AuthorityState {
	const isRooted = ({ root, phase }: IssuerSlot): boolean =>
		phase === "requested" || state.roots.some(({ name }) => name === root);
	const lost = state.issuers.find((issuer) => !isRooted(issuer));
	if (lost === undefined) return state;
	throw new MeshError("AUTHORITY_UPSTREAM", `the root of ${lost.name} was dropped while the issuer was made`);
}
