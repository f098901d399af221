import type { RootSlot } from "./authority-state.ts";
import type { AuthorityCertificate, AuthorityStatus, HolderBoard } from "./authority-types.ts";
import type { KeyStatus } from "./key-provider.ts";
import type { LoadedState } from "./loaded-slots.ts";

/** What the status of an authority is made from. */
export interface AuthorityParts {
	readonly trustDomain: string;
	readonly loaded: LoadedState;
	readonly holders: HolderBoard | undefined;
	/** Roots to come that are in the bundle for too short a time. */
	readonly unpublished: readonly RootSlot[];
	readonly keys: KeyStatus;
}

/** How far an authority is, and who is waited for. */
export function describeAuthority({
	trustDomain,
	loaded,
	holders,
	unpublished,
	keys,
}: AuthorityParts): AuthorityStatus {
	const { state, roots, issuers, bundle } = loaded;
	const preparedAt = Math.max(0, ...state.roots.map((root) => (root.phase === "prepared" ? root.since : 0)));
	const missing = holders?.missing(bundle.authorities.map(({ id }) => id)) ?? [];
	return {
		trustDomain,
		sequence: state.sequence,
		roots: state.roots.map((root) => ({
			...root,
			ids: (roots.get(root.name) ?? []).map(({ id }) => id),
			heldBy: holders?.holding(root.name) ?? [],
		})),
		issuers: state.issuers.map((issuer) => ({ ...issuer, serial: issuers.get(issuer.name)?.[0]?.serial ?? "" })),
		jwtKeys: state.jwtKeys.map(({ publicJwk: _, ...key }) => key),
		missing: [
			...missing.map(({ name, since }) => ({ name, since: Math.max(since, preparedAt) })),
			...unpublished.map(({ since }) => ({ name: "readers of the bundle endpoint", since })),
		],
		live: holders?.count() ?? 0,
		keys,
	};
}

/** Roots and issuers, those in use first. */
export function listCertificates({ state, roots, issuers }: LoadedState): AuthorityCertificate[] {
	const listed = [
		...state.roots.flatMap(({ name, phase }) =>
			(roots.get(name) ?? []).map((certificate) => ({ role: "root" as const, phase, certificate })),
		),
		...state.issuers.flatMap(({ name, phase }) =>
			(issuers.get(name) ?? []).slice(0, 1).map((certificate) => ({ role: "issuer" as const, phase, certificate })),
		),
	];
	const inUse = listed.filter(({ phase }) => phase === "active");
	return [...inUse, ...listed.filter(({ phase }) => phase !== "active")].map(
		({ role, phase, certificate: { serial, notBefore, notAfter } }) => ({ role, phase, serial, notBefore, notAfter }),
	);
}
