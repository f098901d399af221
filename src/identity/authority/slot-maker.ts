import { randomBytes } from "node:crypto";
import { MeshError } from "../../core/index.ts";
import {
	type Certificate,
	encodePublicKey,
	formatCertificates,
	formatSigningRequest,
	requestCertificate,
	type SigningKey,
} from "../x509/index.ts";
import type { AuditEntry } from "./audit.ts";
import { type AuthorityState, type IssuerSlot, putIssuer, putJwtKey, type RootSlot } from "./authority-state.ts";
import type { AuthorityStorage } from "./authority-storage.ts";
import { issueIssuer, issueRoot, issuerExtensions, issuerLifetimeMs, issuerSubject } from "./issue.ts";
import { keyIdOf, toPublicJwk } from "./jwt-key.ts";
import type { AuthorityKeys, KeySlot } from "./key-provider.ts";
import type { LoadedState } from "./loaded-slots.ts";
import { checkIssuer, type SignedIssuer, type UpstreamAuthority } from "./upstream.ts";

/** A change of the state that its slots are kept for already. */
export type StateChange = (state: AuthorityState) => AuthorityState;

/** Makes keys and certificates for slots, keeps them, and answers with the change that puts them in. */
export interface SlotMaker {
	/** The first root, issuer and JWT key. */
	makeFirst(now: number): Promise<StateChange>;
	/** An issuer under the active root, under a new one, or by whoever is upstream. */
	makeIssuer(loaded: LoadedState, underNewRoot: boolean, by: string, now: number): Promise<StateChange>;
	makeJwtKey(by: string, now: number): Promise<StateChange>;
	/** A slot for an issuer that is signed by hand, and the request for it (PEM). */
	request(now: number): Promise<{ readonly slot: IssuerSlot; readonly csr: string }>;
	/** The request of such a slot again. */
	requestOf(slot: KeySlot): Promise<string>;
	/** The answer to it. */
	install(slot: KeySlot, signed: SignedIssuer, loaded: LoadedState, by: string, now: number): Promise<StateChange>;
}

export interface SlotMakerOptions {
	readonly trustDomain: string;
	readonly storage: AuthorityStorage;
	readonly keys: AuthorityKeys;
	readonly upstream: UpstreamAuthority | undefined;
	readonly record: (entry: Omit<AuditEntry, "at" | "until"> & { readonly until: number }) => void;
}

type CreateKey = (name: string) => Promise<SigningKey>;

/** How long a JWT key signs. */
const jwtKeyLifetimeMs = 30 * 24 * 3_600_000;

export function createSlotMaker({ trustDomain, storage, keys, upstream, record }: SlotMakerOptions): SlotMaker {
	const keep = (name: string, certificates: readonly Certificate[]): Promise<void> =>
		storage.writeSlot(name, { certificates: formatCertificates(certificates.map(({ der }) => der)) });

	const audit = (kind: AuditEntry["kind"], by: string, serial: string, until: number): void =>
		record({ kind, subject: `spiffe://${trustDomain}`, by, serial, until });

	/** Whatever was kept for a change that comes to nothing goes again: somebody upstream may be away for months of attempts. */
	async function orNothing<T>(work: (create: CreateKey) => Promise<T>): Promise<T> {
		const names: string[] = [];
		try {
			return await work((name) => {
				names.push(name);
				return keys.create(name);
			});
		} catch (error) {
			for (const name of names) {
				// A key that stays behind does no harm: nothing is under it.
				await keys.remove({ name, ...keys.slotFields }).catch(() => undefined);
				await storage.removeSlot(name).catch(() => undefined);
			}
			throw error;
		}
	}

	async function makeOwnRoot(name: string, create: CreateKey, by: string, now: number) {
		const key = await create(name);
		const certificate = await issueRoot(trustDomain, key, now);
		await keep(name, [certificate]);
		audit("root", by, certificate.serial, certificate.notAfter);
		const slot: RootSlot = {
			name,
			phase: "prepared",
			since: now,
			isOwn: true,
			...keys.slotFields,
			...validityOf(certificate),
		};
		return { slot, certificate, key };
	}

	async function makeOwnIssuer(
		name: string,
		create: CreateKey,
		root: { name: string; certificate: Certificate; key: SigningKey },
		by: string,
		now: number,
	) {
		const key = await create(name);
		const certificate = await issueIssuer(trustDomain, encodePublicKey(key.publicKey), root, now);
		await keep(name, [certificate]);
		audit("issuer", by, certificate.serial, certificate.notAfter);
		return issuerSlot({ name, ...keys.slotFields }, root.name, certificate, now);
	}

	/** Takes an issuer that somebody upstream signed; its roots may be known already. */
	async function adopt(
		keySlot: KeySlot,
		key: SigningKey,
		signed: SignedIssuer,
		known: LoadedState | undefined,
		by: string,
		now: number,
	) {
		const { chain, roots } = checkIssuer(signed, trustDomain, key, now);
		const [ids, last] = [setOf(roots), chain.at(-1)!];
		const signedBy = roots.find((root) => last.x509.checkIssued(root.x509) && last.x509.verify(root.publicKey))?.id;
		// The same roots with another one of them in use are another slot, so that what is under the old one is renewed.
		const found = known?.state.roots.find(
			(slot) =>
				setOf(known.roots.get(slot.name) ?? []) === ids && (slot.signedBy === undefined || slot.signedBy === signedBy),
		)?.name;
		const rootName = found ?? createName("root");
		if (found === undefined) await keep(rootName, roots);
		await keep(keySlot.name, chain);
		audit("issuer", by, chain[0]!.serial, chain[0]!.notAfter);
		const validity = {
			notBefore: Math.max(...roots.map(({ notBefore }) => notBefore)),
			notAfter: Math.max(...roots.map(({ notAfter }) => notAfter)),
		};
		const root: RootSlot | undefined =
			found === undefined
				? {
						name: rootName,
						phase: "prepared",
						since: now,
						isOwn: false,
						...(signedBy !== undefined && { signedBy }),
						...validity,
					}
				: undefined;
		return { issuer: issuerSlot(keySlot, rootName, chain[0]!, now), root };
	}

	async function askUpstream(name: string, create: CreateKey, known: LoadedState | undefined, by: string, now: number) {
		const key = await create(name);
		const csr = await requestCertificate(key, issuerSubject(trustDomain), issuerExtensions(trustDomain));
		const signed = await upstream!.signIssuer({ csr, trustDomain, ttlMs: issuerLifetimeMs, now });
		return adopt({ name, ...keys.slotFields }, key, signed, known, by, now);
	}

	async function makeJwtKey(create: CreateKey, by: string, now: number): Promise<StateChange> {
		const name = createName("jwt");
		const publicJwk = toPublicJwk((await create(name)).publicKey);
		const keyId = keyIdOf(publicJwk);
		const notAfter = now + jwtKeyLifetimeMs;
		audit("jwt-key", by, keyId, notAfter);
		return (state) =>
			putJwtKey(state, {
				name,
				...keys.slotFields,
				keyId,
				publicJwk,
				phase: "prepared",
				since: now,
				notBefore: now,
				notAfter,
			});
	}

	const formatRequest = async (key: SigningKey): Promise<string> =>
		formatSigningRequest(await requestCertificate(key, issuerSubject(trustDomain), issuerExtensions(trustDomain)));

	return {
		makeFirst: (now) =>
			orNothing(async (create) => {
				const by = "amime";
				const putKey = await makeJwtKey(create, by, now);
				if (upstream !== undefined) {
					const { issuer, root } = await askUpstream(createName("issuer"), create, undefined, by, now);
					return (state) => putKey(putIssuer(state, issuer, root));
				}
				// Invariant: a folder with `root.pem` alone is one whose making was cut off; nothing was signed with it.
				const isBeside = keys.slotFields.keyIn === undefined;
				const root = await makeOwnRoot(isBeside ? "root" : createName("root"), create, by, now);
				const above = { ...root, name: root.slot.name };
				const issuer = await makeOwnIssuer(isBeside ? "issuer" : createName("issuer"), create, above, by, now);
				return (state) => putKey(putIssuer(state, issuer, root.slot));
			}),
		makeIssuer: (loaded, underNewRoot, by, now) =>
			orNothing(async (create) => {
				const name = createName("issuer");
				const active = loaded.state.roots.find(({ phase }) => phase === "active");
				if (upstream !== undefined) {
					const { issuer, root } = await askUpstream(name, create, loaded, by, now);
					return (state) => putIssuer(state, issuer, root);
				}
				if (!underNewRoot && active?.isOwn === false) {
					throw new MeshError(
						"AUTHORITY_UPSTREAM",
						"its root is somebody else's: have 'amime ca csr' signed and give the answer to 'amime ca install'",
					);
				}
				if (underNewRoot || active === undefined) {
					const root = await makeOwnRoot(createName("root"), create, by, now);
					const issuer = await makeOwnIssuer(name, create, { ...root, name: root.slot.name }, by, now);
					return (state) => putIssuer(state, issuer, root.slot);
				}
				const certificate = loaded.roots.get(active.name)![0]!;
				const root = { name: active.name, certificate, key: await keys.open(active, certificate.publicKey) };
				const issuer = await makeOwnIssuer(name, create, root, by, now);
				return (state) => putIssuer(state, issuer, undefined);
			}),
		makeJwtKey: (by, now) => orNothing((create) => makeJwtKey(create, by, now)),
		async request(now) {
			const name = createName("issuer");
			const key = await keys.create(name);
			const slot: IssuerSlot = {
				name,
				...keys.slotFields,
				root: "",
				phase: "requested",
				since: now,
				neededUntil: 0,
				notBefore: now,
				notAfter: now,
			};
			return { slot, csr: await formatRequest(key) };
		},
		requestOf: async (slot) => formatRequest(await keys.open(slot, undefined)),
		async install({ name, keyIn }, signed, loaded, by, now) {
			const slot: KeySlot = { name, ...(keyIn !== undefined && { keyIn }) };
			const key = await keys.open(slot, undefined);
			const { issuer, root } = await adopt(slot, key, signed, loaded, by, now);
			return (state) => putIssuer(state, issuer, root);
		},
	};
}

function issuerSlot(keySlot: KeySlot, root: string, certificate: Certificate, now: number): IssuerSlot {
	return { ...keySlot, root, phase: "prepared", since: now, neededUntil: 0, ...validityOf(certificate) };
}

function createName(role: "root" | "issuer" | "jwt"): string {
	return `${role}-${randomBytes(4).toString("hex")}`;
}

function validityOf({ notBefore, notAfter }: Certificate) {
	return { notBefore, notAfter };
}

function setOf(certificates: readonly Certificate[]): string {
	return certificates
		.map(({ id }) => id)
		.sort()
		.join();
}
