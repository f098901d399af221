import { MeshError } from "../../core/index.ts";
import { createTrustBundle, type TrustBundle } from "../trust-bundle.ts";
import { type Certificate, readCertificates, type SigningKey } from "../x509/index.ts";
import type { AuthorityState, IssuerSlot, JwtSlot, RootSlot } from "./authority-state.ts";
import type { AuthorityStorage } from "./authority-storage.ts";
import { damaged } from "./folder-storage.ts";
import type { Signer } from "./issue.ts";
import { readPublicJwk } from "./jwt-key.ts";
import type { AuthorityKeys } from "./key-provider.ts";

/** A state with what its slots hold. Never changed after it is made. */
export interface LoadedState {
	readonly state: AuthorityState;
	readonly revision: number;
	/** Every root, the active one first. */
	readonly bundle: TrustBundle;
	/** The roots of each root slot. */
	readonly roots: ReadonlyMap<string, readonly Certificate[]>;
	/** The chain of each issuer slot, the issuer first; none while it is requested. */
	readonly issuers: ReadonlyMap<string, readonly Certificate[]>;
	/** The issuer that signs. */
	readonly signer: (Signer & { readonly slot: IssuerSlot; readonly chain: readonly Certificate[] }) | undefined;
	/** The JWT key that signs. */
	readonly jwt: { readonly slot: JwtSlot; readonly key: SigningKey } | undefined;
}

/** Reads the newest state and its slots, and checks that they fit each other; what `known` has read already is not read again.
 *  @throws MeshError `AUTHORITY_DAMAGED`, `AUTHORITY_FOREIGN`, `AUTHORITY_FOLDER` */
export async function loadSlots(
	storage: AuthorityStorage,
	keys: AuthorityKeys,
	trustDomain: string,
	known?: LoadedState,
): Promise<LoadedState | undefined> {
	const found = await storage.load();
	if (found === undefined) return undefined;
	const state = parseState(found.text, storage);
	if (state.trustDomain !== trustDomain)
		throw foreign(storage, "authority.json", `spiffe://${state.trustDomain}`, trustDomain);
	const roots = new Map<string, readonly Certificate[]>();
	for (const slot of state.roots) {
		const certificates = known?.roots.get(slot.name) ?? (await readRoot(storage, keys, slot, trustDomain));
		roots.set(slot.name, certificates);
	}
	const issuers = new Map<string, readonly Certificate[]>();
	for (const slot of state.issuers) {
		if (slot.phase === "requested") continue;
		const chain =
			known?.issuers.get(slot.name) ?? (await readIssuer(storage, slot, roots.get(slot.root) ?? [], trustDomain));
		issuers.set(slot.name, chain);
	}
	const ordered = [...state.roots].sort((left, right) => rank(left) - rank(right));
	return {
		state,
		revision: found.revision,
		roots,
		issuers,
		bundle: createTrustBundle(trustDomain, unique(ordered.flatMap(({ name }) => roots.get(name) ?? []))),
		signer: await openSigner(state, issuers, storage, keys, known),
		jwt: await openJwtKey(state, keys, known),
	};
}

async function readRoot(
	storage: AuthorityStorage,
	keys: AuthorityKeys,
	slot: RootSlot,
	trustDomain: string,
): Promise<readonly Certificate[]> {
	const { name, isOwn } = slot;
	const certificates = await readChain(storage, name);
	for (const certificate of certificates) checkAuthority(storage, name, certificate, isOwn ? trustDomain : undefined);
	const [root] = certificates;
	if (!isOwn) return certificates;
	if (!isSignedBy(root!, root!)) throw damaged(storage.place, `${name}.pem`, "is not signed by itself");
	// Looked at once, and not kept: it is only needed to sign the next issuer.
	checkKey(storage, name, root!, await keys.open(slot, root!.publicKey));
	return certificates;
}

async function readIssuer(
	storage: AuthorityStorage,
	{ name }: IssuerSlot,
	roots: readonly Certificate[],
	trustDomain: string,
): Promise<readonly Certificate[]> {
	const chain = await readChain(storage, name);
	for (const certificate of chain) checkAuthority(storage, name, certificate, undefined);
	const stranger = spiffeIdOf(chain[0]!);
	if (stranger !== undefined && stranger !== `spiffe://${trustDomain}`)
		throw foreign(storage, `${name}.pem`, stranger, trustDomain);
	const last = chain.at(-1)!;
	const isLinked = chain.every(
		(certificate, position) => position === 0 || isSignedBy(chain[position - 1]!, certificate),
	);
	if (!isLinked || !roots.some((root) => isSignedBy(last, root)))
		throw damaged(storage.place, `${name}.pem`, "is not signed by the root beside it");
	return chain;
}

async function readChain(storage: AuthorityStorage, name: string): Promise<readonly Certificate[]> {
	const { certificates } = await storage.readSlot(name);
	if (certificates === undefined) throw damaged(storage.place, `${name}.pem`, "missing");
	let read: Certificate[];
	try {
		read = readCertificates(certificates);
	} catch (error) {
		throw damaged(storage.place, `${name}.pem`, "damaged certificate", error);
	}
	if (read.length === 0) throw damaged(storage.place, `${name}.pem`, "no certificate in it");
	return read;
}

function checkAuthority(
	storage: AuthorityStorage,
	name: string,
	certificate: Certificate,
	trustDomain: string | undefined,
): void {
	if (!certificate.extensions.isCa) throw damaged(storage.place, `${name}.pem`, "is no certificate authority");
	const id = spiffeIdOf(certificate);
	if (trustDomain !== undefined && id !== `spiffe://${trustDomain}`)
		throw foreign(storage, `${name}.pem`, id ?? "no trust domain", trustDomain);
}

async function openSigner(
	state: AuthorityState,
	issuers: ReadonlyMap<string, readonly Certificate[]>,
	storage: AuthorityStorage,
	keys: AuthorityKeys,
	known: LoadedState | undefined,
): Promise<LoadedState["signer"]> {
	const slot = state.issuers.find(({ phase }) => phase === "active");
	if (slot === undefined) return undefined;
	const chain = issuers.get(slot.name)!;
	if (known?.signer?.slot.name === slot.name) return { ...known.signer, slot };
	const key = await keys.open(slot, chain[0]!.publicKey);
	checkKey(storage, slot.name, chain[0]!, key);
	return { slot, chain, certificate: chain[0]!, key };
}

async function openJwtKey(
	state: AuthorityState,
	keys: AuthorityKeys,
	known: LoadedState | undefined,
): Promise<LoadedState["jwt"]> {
	const slot = state.jwtKeys.find(({ phase }) => phase === "active");
	if (slot === undefined) return undefined;
	if (known?.jwt?.slot.name === slot.name) return { slot, key: known.jwt.key };
	return { slot, key: await keys.open(slot, readPublicJwk(slot.publicJwk)) };
}

function checkKey(storage: AuthorityStorage, name: string, certificate: Certificate, key: SigningKey): void {
	if (!key.publicKey.equals(certificate.publicKey))
		throw damaged(storage.place, `${name}.key`, "is not the key of the certificate beside it");
}

function parseState(text: string, storage: AuthorityStorage): AuthorityState {
	try {
		const state = JSON.parse(text) as AuthorityState;
		if ([state.roots, state.issuers, state.jwtKeys].every(Array.isArray)) return state;
	} catch (error) {
		throw damaged(storage.place, "authority.json", "no JSON", error);
	}
	throw damaged(storage.place, "authority.json", "holds no slots");
}

function spiffeIdOf(certificate: Certificate): string | undefined {
	return certificate.extensions.names.find(({ kind }) => kind === "uri")?.value;
}

function isSignedBy(certificate: Certificate, issuer: Certificate): boolean {
	return certificate.x509.checkIssued(issuer.x509) && certificate.x509.verify(issuer.publicKey);
}

function rank({ phase }: RootSlot): number {
	return ["active", "prepared", "retiring"].indexOf(phase);
}

function unique(certificates: readonly Certificate[]): Certificate[] {
	return [...new Map(certificates.map((certificate) => [certificate.id, certificate])).values()];
}

function foreign(storage: AuthorityStorage, name: string, found: string, trustDomain: string): MeshError {
	return new MeshError(
		"AUTHORITY_FOREIGN",
		`certificate authority ${storage.place}/${name} is of ${found}, not of spiffe://${trustDomain}; use its trust domain, or another state folder`,
	);
}
