import { type Clock, type Log, MeshError } from "../../core/index.ts";
import { type FederatedBundle, parseSpiffeBundle, type ReadBundle } from "../../identity/index.ts";
import { parseSpiffeId } from "../../model/index.ts";
import { openRecordSet, type RecordSet, type Store } from "../../registry/index.ts";

/** Where another trust domain publishes its bundle, and how its server is known (SPIFFE Federation, section 5.2): `https_web` by the
 *  certificates of the web, `https_spiffe` by its SPIFFE ID under the bundle that is known already. */
export type BundleEndpoint =
	| { readonly profile: "https_web"; readonly url: string }
	| { readonly profile: "https_spiffe"; readonly url: string; readonly spiffeId: string };

/** A trust domain that this one relates to. Without an endpoint its bundle is what was given. */
export interface Relation {
	readonly trustDomain: string;
	readonly endpoint?: BundleEndpoint;
}

/** The last good bundle of a relation, and what went wrong since. */
export interface KnownBundle {
	readonly trustDomain: string;
	/** JSON in the SPIFFE format; absent while none was got. */
	readonly text?: string;
	/** Milliseconds since the epoch. */
	readonly fetchedAt?: number;
	readonly error?: string;
}

/** The relations of a trust domain, in the store that control planes share. */
export interface Relations {
	list(): readonly Relation[];
	bundleOf(trustDomain: string): KnownBundle | undefined;
	/** The last good bundle of one, read. */
	read(trustDomain: string): ReadBundle | undefined;
	/** The last good bundles, read; one without a key that can be used is left out. */
	bundles(): readonly FederatedBundle[];
	/** Adds or replaces a relation.
	 *  @throws MeshError `FEDERATION_INVALID`, `FEDERATION_BUNDLE` */
	put(relation: Relation, bundle: string | undefined): Promise<void>;
	/** Ends one; false when there was none. */
	remove(trustDomain: string): Promise<boolean>;
	/** Keeps what was got, or what went wrong; a relation that has ended stays so. */
	keep(bundle: KnownBundle): Promise<void>;
	onChange(listener: () => void): () => void;
	close(): void;
}

const maxRelations = 1000;

export async function openRelations(
	store: Store,
	own: string,
	{ clock, log }: { readonly clock: Clock; readonly log: Log },
): Promise<Relations> {
	const open = <T extends { readonly trustDomain: string }>(prefix: string): Promise<RecordSet<T>> =>
		openRecordSet<T>(store, {
			prefix,
			parse: (value) => (typeof (value as T | undefined)?.trustDomain === "string" ? (value as T) : undefined),
			clock,
			log,
		});
	const relations = await open<Relation>("/amime/federation/relation/");
	const known = await open<KnownBundle>("/amime/federation/bundle/");
	const read = new WeakMap<KnownBundle, ReadBundle | undefined>();

	/** The text is good: it was read before it was kept. */
	const readKnown = (trustDomain: string): ReadBundle | undefined => {
		const record = known.get(trustDomain);
		if (record?.text === undefined) return undefined;
		if (!read.has(record)) read.set(record, parseSpiffeBundle(record.trustDomain, record.text));
		return read.get(record);
	};

	return {
		list: () => relations.list(),
		bundleOf: (trustDomain) => known.get(trustDomain),
		read: readKnown,
		bundles: () =>
			relations.list().flatMap(({ trustDomain }) => {
				const bundle = readKnown(trustDomain);
				return bundle === undefined || bundle.keys === 0 ? [] : [{ trustDomain, pem: bundle.pem, jwks: bundle.jwks }];
			}),
		async put(relation, bundle) {
			const { trustDomain, endpoint } = relation;
			checkRelation(relation, own);
			if (relations.get(trustDomain) === undefined && relations.list().length >= maxRelations)
				throw invalid(`more than ${maxRelations} relations`);
			if (bundle !== undefined && parseSpiffeBundle(trustDomain, bundle).keys === 0)
				throw new MeshError("FEDERATION_BUNDLE", `bundle of ${trustDomain}: holds neither a root nor a JWT key`);
			const hasBundle = bundle !== undefined || known.get(trustDomain)?.text !== undefined;
			if (!hasBundle && endpoint?.profile !== "https_web")
				throw invalid("a first bundle is needed: its endpoint is trusted by nothing else (or there is none)");
			if (bundle !== undefined) await known.put(trustDomain, { trustDomain, text: bundle, fetchedAt: clock.wall() });
			await relations.put(trustDomain, relation);
		},
		async remove(trustDomain) {
			const wasThere = await relations.remove(trustDomain);
			await known.remove(trustDomain);
			return wasThere;
		},
		async keep(bundle) {
			if (relations.get(bundle.trustDomain) !== undefined) await known.put(bundle.trustDomain, bundle);
		},
		onChange(listener) {
			const stops = [relations.watch(listener), known.watch(listener)];
			return () => stops.forEach((stop) => void stop());
		},
		close() {
			relations.close();
			known.close();
		},
	};
}

function checkRelation({ trustDomain, endpoint }: Relation, own: string): void {
	if (trustDomain === own) throw invalid(`${own} is this trust domain itself`);
	try {
		parseSpiffeId(`spiffe://${trustDomain}`);
	} catch (cause) {
		throw invalid(`'${trustDomain}' is no trust domain`, cause);
	}
	if (endpoint === undefined) return;
	let url: URL;
	try {
		url = new URL(endpoint.url);
	} catch (cause) {
		throw invalid(`'${endpoint.url}' is no URL`, cause);
	}
	if (url.protocol !== "https:") throw invalid(`${endpoint.url}: the scheme must be https`);
	if (url.username !== "" || url.password !== "") throw invalid("the URL must not carry a user");
	if (endpoint.profile === "https_web") return;
	try {
		parseSpiffeId(endpoint.spiffeId);
	} catch (cause) {
		throw invalid(`'${endpoint.spiffeId}' is no SPIFFE ID of the endpoint`, cause);
	}
}

function invalid(fault: string, cause?: unknown): MeshError {
	return new MeshError("FEDERATION_INVALID", `federation: ${fault}`, cause === undefined ? {} : { cause });
}
