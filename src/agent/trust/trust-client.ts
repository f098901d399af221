import { type Clock, describeError, type Log, MeshError, type Random, type Timer } from "../../core/index.ts";
import type { SvidSource } from "../../identity/index.ts";
import type { ControlClient } from "../control-client/index.ts";
import type { Acknowledged } from "../secret-server/index.ts";

/** Somebody who holds a certificate and knows what its proxies have acknowledged. */
export interface TrustHolder {
	/** `<namespace>/<instance>`, as its certificates are signed for. */
	readonly name: string;
	readonly svid: Pick<SvidSource, "current" | "updateTrust" | "renewWithin" | "onUpdate">;
	acknowledged(): Acknowledged;
}

export interface TrustClientOptions {
	/** One with more patience than the control plane, which holds its answer. */
	readonly client: ControlClient;
	readonly clock: Clock;
	readonly random: Random;
	readonly log: Log;
}

/** Follows the authority for every holder of this machine. */
export interface TrustClient {
	/** Adds a holder; returns how to take it out, which tells the authority that its certificates are shown no more. */
	add(holder: TrustHolder): () => void;
	close(): void;
}

/** `GET /v1/identity/bundle`. */
interface Feed {
	readonly revision: string;
	readonly bundle: string;
	readonly activeRoot: string;
	readonly renewWithinMs: number;
	readonly federated: readonly { readonly trustDomain: string; readonly pem: string }[];
}

const holdSeconds = 20;
const retryMs = 1000;
/** How often acknowledgements are looked at. */
const reportMs = 500;
/** A control plane that lost its store hears everything again. */
const repeatMs = 300_000;
const maxReports = 500;

/** Starts to follow; nothing is asked before the first holder is there. */
export function createTrustClient({ client, clock, random, log }: TrustClientOptions): TrustClient {
	const holders = new Map<string, { readonly holder: TrustHolder; stop(): void; told: string; toldAt: number }>();
	let feed: Feed | undefined;
	let isClosed = false;
	let isFollowing = false;
	const timers = new Set<Timer>();

	function after(ms: number, work: () => void): void {
		if (isClosed) return;
		const timer = clock.setTimer(
			ms,
			() => {
				timers.delete(timer);
				work();
			},
			{ unref: true },
		);
		timers.add(timer);
	}

	function bring(holder: TrustHolder): void {
		if (feed === undefined) return;
		const { bundle, federated, activeRoot, renewWithinMs } = feed;
		holder.svid.updateTrust({ bundlePem: bundle, federated });
		const root = holder.svid.current()?.root;
		if (root !== undefined && root !== activeRoot) holder.svid.renewWithin(renewWithinMs);
	}

	async function follow(): Promise<void> {
		const query = feed === undefined ? "" : `?after=${feed.revision}&wait=${holdSeconds}`;
		let delayMs = retryMs;
		try {
			const next = (await client.request("GET", `/v1/identity/bundle${query}`)) as Feed;
			const isNew = next.revision !== feed?.revision;
			feed = next;
			if (isNew) for (const { holder } of holders.values()) bring(holder);
			delayMs = isNew ? 0 : random.next() * retryMs;
		} catch (error) {
			if (!(error instanceof MeshError)) throw error;
			log.debug("the authority did not say what to trust", { error: describeError(error) });
		}
		after(delayMs, () => void follow());
	}

	async function report(): Promise<void> {
		const now = clock.now();
		const due = [...holders.values()].flatMap((entry) => {
			const { roots, serial } = entry.holder.acknowledged();
			const report = { name: entry.holder.name, acknowledged: roots, serial };
			const text = JSON.stringify(report);
			return roots.length > 0 && (text !== entry.told || now - entry.toldAt > repeatMs)
				? [{ entry, report, text }]
				: [];
		});
		const batch = due.slice(0, maxReports);
		if (batch.length > 0) {
			try {
				await client.request("PUT", "/v1/identity/holders", { holders: batch.map(({ report }) => report) });
				for (const { entry, text } of batch) Object.assign(entry, { told: text, toldAt: now });
			} catch (error) {
				if (!(error instanceof MeshError)) throw error;
				log.debug("acknowledgements were not taken", { error: describeError(error) });
			}
		}
		after(reportMs, () => void report());
	}

	return {
		add(holder) {
			const stop = holder.svid.onUpdate(() => bring(holder));
			holders.set(holder.name, { holder, stop, told: "", toldAt: 0 });
			bring(holder);
			if (!isFollowing) {
				isFollowing = true;
				void follow();
				after(reportMs, () => void report());
			}
			return () => {
				stop();
				if (!holders.delete(holder.name) || isClosed) return;
				client.request("DELETE", `/v1/identity/holders/${encodeURIComponent(holder.name)}`).catch((error: unknown) => {
					if (!(error instanceof MeshError)) throw error;
					// Its certificates end by themselves.
				});
			};
		},
		close() {
			isClosed = true;
			for (const timer of timers) timer.cancel();
			for (const { stop } of holders.values()) stop();
			holders.clear();
		},
	};
}
