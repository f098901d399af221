import {
	type Backoff,
	type Clock,
	createBackoff,
	describeError,
	type Log,
	MeshError,
	type Random,
	type Timer,
} from "../../core/index.ts";
import { parseSpiffeBundle } from "../../identity/index.ts";
import { fetchBundle } from "./fetch-bundle.ts";
import type { Relation, Relations } from "./relations.ts";

export interface BundleRefreshOptions {
	readonly relations: Relations;
	/** Several control planes: one of them asks. */
	readonly isLeader: () => boolean;
	/** PEM of further roots of the web; the machine's by default. */
	readonly webRoots?: string;
	readonly clock: Clock;
	readonly random: Random;
	readonly log: Log;
}

/** Keeps the bundles of related trust domains fresh. */
export interface BundleRefresh {
	/** Asks one endpoint now.
	 *  @throws MeshError `FEDERATION_UNKNOWN`, `FEDERATION_FETCH`, `FEDERATION_BUNDLE` */
	refresh(trustDomain: string): Promise<void>;
	close(): void;
}

/** When a bundle does not say how often to look (SPIFFE Trust Domain and Bundle, section 4.1.2). */
const defaultHintSeconds = 300;
const hintBounds = { min: 5, max: 24 * 3600 };
const retry = { baseMs: 1_000, maxMs: 60_000 };

/** Asks every endpoint at its hint, a tenth earlier or later; the last good bundle stays while one fails or goes back in sequence. */
export function createBundleRefresh(options: BundleRefreshOptions): BundleRefresh {
	const { relations, clock, random, log } = options;
	const timers = new Map<string, { readonly timer: Timer; readonly relation: string }>();
	/** Of relations whose last attempt failed. */
	const backoffs = new Map<string, Backoff>();
	const stop = new AbortController();

	async function refresh(trustDomain: string): Promise<number> {
		const relation = relations.list().find((candidate) => candidate.trustDomain === trustDomain);
		if (relation?.endpoint === undefined)
			throw new MeshError("FEDERATION_UNKNOWN", `there is no relation to ${trustDomain} with an endpoint`);
		const known = relations.bundleOf(trustDomain);
		const last = relations.read(trustDomain);
		try {
			const { endpoint } = relation;
			const now = clock.wall();
			const { webRoots } = options;
			const source = endpoint.profile === "https_spiffe" ? endpointRoots(relation, last?.pem) : undefined;
			const text = await fetchBundle({
				endpoint,
				roots: source,
				signal: stop.signal,
				now,
				...(webRoots !== undefined && { webRoots }),
			});
			const next = parseSpiffeBundle(trustDomain, text);
			if (next.sequence !== undefined && last?.sequence !== undefined && next.sequence < last.sequence) {
				throw new MeshError(
					"FEDERATION_BUNDLE",
					`bundle of ${trustDomain}: its sequence went back from ${last.sequence} to ${next.sequence}`,
				);
			}
			await relations.keep({ trustDomain, text, fetchedAt: now });
			const sequence = next.sequence?.toString();
			if (next.keys === 0 && last?.keys !== 0)
				log.warn("a related trust domain has revoked its keys: nobody of it is trusted", { trustDomain, sequence });
			else if (text !== known?.text) log.info("bundle of a related trust domain is new", { trustDomain, sequence });
			backoffs.delete(trustDomain);
			return next.refreshHintSeconds ?? defaultHintSeconds;
		} catch (error) {
			const text = describeError(error);
			if (known?.error !== text && !stop.signal.aborted) await relations.keep({ ...known, trustDomain, error: text });
			throw error;
		}
	}

	function endpointRoots({ trustDomain, endpoint }: Relation, own: string | undefined): string | undefined {
		const domain =
			endpoint?.profile === "https_spiffe" ? endpoint.spiffeId.slice("spiffe://".length).split("/", 1)[0] : undefined;
		return domain === trustDomain ? own : relations.bundles().find((bundle) => bundle.trustDomain === domain)?.pem;
	}

	function arm(relation: Relation, delayMs: number): void {
		if (stop.signal.aborted) return;
		const { trustDomain } = relation;
		timers.get(trustDomain)?.timer.cancel();
		const timer = clock.setTimer(delayMs, () => void run(relation), { unref: true });
		timers.set(trustDomain, { timer, relation: JSON.stringify(relation) });
	}

	async function run(relation: Relation): Promise<void> {
		const { trustDomain } = relation;
		let delayMs = retry.maxMs;
		try {
			if (options.isLeader()) {
				const hint = Math.min(Math.max(await refresh(trustDomain), hintBounds.min), hintBounds.max);
				delayMs = hint * 1000 * (0.9 + random.next() * 0.2);
			}
		} catch (error) {
			if (!(error instanceof MeshError)) throw error;
			const backoff = backoffs.get(trustDomain) ?? createBackoff(retry, random, retry.baseMs);
			backoffs.set(trustDomain, backoff);
			delayMs = backoff.next();
			const fields = { trustDomain, error: describeError(error), retryInMs: delayMs };
			if (!stop.signal.aborted) log.warn("bundle of a related trust domain not refreshed", fields);
		}
		if (timers.has(trustDomain)) arm(relation, delayMs);
	}

	/** Follows what relations there are. */
	function adjust(): void {
		const wanted = new Map(relations.list().map((relation) => [relation.trustDomain, relation]));
		for (const [trustDomain, { timer }] of timers) {
			if (wanted.get(trustDomain)?.endpoint !== undefined) continue;
			timer.cancel();
			timers.delete(trustDomain);
			backoffs.delete(trustDomain);
		}
		for (const [trustDomain, relation] of wanted)
			if (relation.endpoint !== undefined && timers.get(trustDomain)?.relation !== JSON.stringify(relation))
				arm(relation, 0);
	}

	const unwatch = relations.onChange(adjust);
	adjust();
	return {
		async refresh(trustDomain) {
			await refresh(trustDomain);
		},
		close() {
			stop.abort();
			unwatch();
			for (const { timer } of timers.values()) timer.cancel();
			timers.clear();
		},
	};
}
