import { type Clock, type Log, MeshError, type Random } from "../../core/index.ts";
import { createSvidSource, type SvidSource, type X509Svid } from "../../identity/index.ts";
import { matchesSelectors, type RegistrationEntry } from "../../model/index.ts";
import { type DomainBundle, type NodeSession, renewUnderActive, type SignedToken } from "../node-identity/index.ts";
import { createTokenCache } from "./token-cache.ts";

/** One identity of a workload, with its certificate. */
export interface WorkloadSvid {
	readonly entry: RegistrationEntry;
	readonly svid: X509Svid;
}

/** What workloads get, by their selectors. */
export interface Identities {
	/** Whether some entry asks for selectors that begin so. */
	isWanted(prefix: string): boolean;
	/** The entries of a workload, the oldest first; of two with one hint, the older one. */
	match(selectors: ReadonlySet<string>): readonly RegistrationEntry[];
	/** The certificates of the entries that have one now; the others are asked for. */
	currentSvids(entries: readonly RegistrationEntry[]): readonly WorkloadSvid[];
	/** The same once every one is there or was refused.
	 *  @throws MeshError the last refusal, when there is none */
	svids(entries: readonly RegistrationEntry[], signal: AbortSignal): Promise<readonly WorkloadSvid[]>;
	/** A token, from the cache while it has half of its life.
	 *  @throws MeshError `SIGNING_BUSY` when the entry's workloads ask for too many at a time */
	token(entry: RegistrationEntry, audiences: readonly string[]): Promise<SignedToken>;
	/** The node's own trust domain; undefined before the control plane has answered. */
	bundle(): DomainBundle | undefined;
	/** Those of other domains that the entries federate with. */
	federated(entries: readonly RegistrationEntry[]): readonly DomainBundle[];
	/** Calls back after every change of entries, bundles or certificates. */
	onChange(listener: () => void): () => void;
	close(): void;
}

export interface IdentitiesOptions {
	readonly session: Pick<NodeSession, "state" | "onChange" | "signerOf" | "signJwt">;
	readonly clock: Clock;
	readonly random: Random;
	readonly log: Log;
}

interface HeldSource {
	readonly fields: string;
	readonly source: SvidSource;
}

export function createIdentities(options: IdentitiesOptions): Identities {
	const { session, clock, random, log } = options;
	const listeners = new Set<() => void>();
	const sources = new Map<string, HeldSource>();
	const tokens = createTokenCache({ session, clock, log });

	const tell = (): void => {
		for (const listener of [...listeners]) listener();
	};
	const entriesOf = (): readonly RegistrationEntry[] => session.state()?.entries ?? [];

	/** A certificate is asked for when a workload first wants it, and kept fresh as long as the entry is as it was. */
	function sourceOf(entry: RegistrationEntry): SvidSource {
		const fields = fieldsOf(entry);
		const held = sources.get(entry.id);
		if (held?.fields === fields) return held.source;
		held?.source.close();
		const source = createSvidSource({
			spiffeId: entry.spiffeId,
			sign: session.signerOf(entry.id),
			clock,
			random,
			log,
		});
		source.onUpdate(() => {
			renewUnderActive(source, session.state());
			tell();
		});
		sources.set(entry.id, { fields, source });
		return source;
	}

	function dropOldSources(): void {
		const live = new Map(entriesOf().map((entry) => [entry.id, fieldsOf(entry)]));
		for (const [id, { fields, source }] of sources) {
			if (live.get(id) === fields) continue;
			source.close();
			sources.delete(id);
		}
		tokens.keepOnly(new Set(live.keys()));
	}

	const stop = session.onChange(() => {
		dropOldSources();
		for (const { source } of sources.values()) renewUnderActive(source, session.state());
		tell();
	});

	const currentSvids = (entries: readonly RegistrationEntry[]): WorkloadSvid[] =>
		entries.flatMap((entry) => {
			const svid = sourceOf(entry).current();
			return svid === undefined ? [] : [{ entry, svid }];
		});

	return {
		isWanted: (prefix) => entriesOf().some(({ selectors }) => selectors.some((text) => text.startsWith(prefix))),
		match(selectors) {
			const matching = entriesOf()
				.filter((entry) => matchesSelectors(entry.selectors, selectors))
				.filter(({ expiresAt }) => expiresAt === undefined || expiresAt > clock.wall())
				.sort((left, right) => left.createdAt - right.createdAt || (left.id < right.id ? -1 : 1));
			const hints = new Set<string>();
			return matching.filter(({ hint }) => {
				if (hint === "") return true;
				const isFirst = !hints.has(hint);
				hints.add(hint);
				return isFirst;
			});
		},
		currentSvids,
		async svids(entries, signal) {
			const ended = Promise.withResolvers<never>();
			const onAbort = (): void => ended.reject(new MeshError("SVID_UNAVAILABLE", "nobody waits for it any more"));
			signal.addEventListener("abort", onAbort);
			try {
				const results = await Promise.allSettled(
					entries.map((entry) => Promise.race([sourceOf(entry).ready(), refusalOf(sourceOf(entry)), ended.promise])),
				);
				const found = currentSvids(entries);
				if (found.length > 0 || entries.length === 0) return found;
				const refusal = results.find((result) => result.status === "rejected")?.reason as unknown;
				throw new MeshError("SVID_UNAVAILABLE", "no certificate can be had", { cause: refusal });
			} finally {
				signal.removeEventListener("abort", onAbort);
			}
		},
		token: (entry, audiences) => tokens.get(entry, audiences),
		bundle: () => session.state()?.bundle,
		federated(entries) {
			const wanted = new Set(entries.flatMap((entry) => entry.federatesWith));
			return (session.state()?.federated ?? []).filter(({ trustDomain }) => wanted.has(trustDomain));
		},
		onChange(listener) {
			listeners.add(listener);
			return () => listeners.delete(listener);
		},
		close() {
			stop();
			for (const { source } of sources.values()) source.close();
			sources.clear();
			tokens.clear();
			listeners.clear();
		},
	};
}

/** The first attempt's outcome, for whoever should not wait for the next. */
function refusalOf(source: SvidSource): Promise<X509Svid> {
	return source.current() === undefined ? source.renewNow() : source.ready();
}

/** What a certificate depends on. */
function fieldsOf({ spiffeId, x509TtlMs, dnsNames }: RegistrationEntry): string {
	return JSON.stringify([spiffeId, x509TtlMs, dnsNames]);
}
