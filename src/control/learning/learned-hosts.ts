import type { Clock, Log, Random, Timer } from "../../core/index.ts";
import { type KeyValue, openMirror, type Store } from "../../registry/index.ts";

/** Hosts that workloads were seen to call; the same on every control plane of a store, and after a restart. */
export interface LearnedHosts {
	/** Hosts of a workload, `namespace/name`; the same set while it did not change. */
	of(workload: string): ReadonlySet<string>;
	/** Remembers a host. It is in `of` when the promise resolves. */
	learn(workload: string, host: string): Promise<void>;
	close(): void;
}

export interface LearnedHostsOptions {
	readonly store: Store;
	readonly clock: Clock;
	readonly random: Random;
	readonly log: Log;
	/** Whether a proxy of a workload is connected here: its hosts are kept. */
	readonly isConnected: (workload: string) => boolean;
	/** The hosts of a workload are others. */
	readonly onChange: (workload: string) => void;
}

const prefix = "/amime/learned/";
/** Of one workload; beyond, the host that was learned first goes. */
export const maxHosts = 1_000;
/** A workload without a proxy for so long is forgotten. */
export const keptMs = 7 * 24 * 3_600_000;
const sweepMs = 3_600_000;
const maxTries = 5;
const none: ReadonlySet<string> = new Set();

interface Entry {
	/** When a proxy of it was last known to be connected, to about an hour; milliseconds since the epoch. */
	readonly seenAt: number;
	/** Oldest first. */
	readonly hosts: readonly string[];
}

/** Reads what is known, and follows it.
 *  @throws MeshError of the store when it cannot be read */
export async function createLearnedHosts(options: LearnedHostsOptions): Promise<LearnedHosts> {
	const { store, clock, log, onChange } = options;
	const sets = new Map<string, ReadonlySet<string>>();
	const mirror = await openMirror({
		...{ store, prefix, clock, log, random: options.random },
		onChange(keys) {
			for (const key of keys) {
				const workload = key.slice(prefix.length);
				const before = sets.get(workload);
				sets.delete(workload);
				if (before === undefined || !hasSame(before, of(workload))) onChange(workload);
				else sets.set(workload, before);
			}
		},
	});
	function of(workload: string): ReadonlySet<string> {
		let known = sets.get(workload);
		if (known === undefined) {
			const entry = readEntry(mirror.items.get(prefix + workload), log);
			known = entry === undefined ? none : new Set(entry.hosts);
			sets.set(workload, known);
		}
		return known;
	}
	const change = async (workload: string, update: (before: Entry | undefined) => Entry | undefined): Promise<void> => {
		const key = prefix + workload;
		for (let tries = 1; tries <= maxTries; tries++) {
			const item = (await store.range({ key })).items[0];
			const before = readEntry(item, log);
			const after = update(before);
			if (after === before) return;
			const { succeeded, revision } = await store.txn({
				compare: [{ key, target: "modRevision", is: "equal", value: item?.modRevision ?? 0 }],
				success: [after === undefined ? { kind: "delete", key } : { kind: "put", key, value: JSON.stringify(after) }],
			});
			if (succeeded) return mirror.waitFor(revision);
		}
		log.warn("others learn for the same workload all the time: this host is learned the next time", { workload });
	};
	const sweep = async (): Promise<void> => {
		const now = clock.wall();
		for (const key of [...mirror.items.keys()]) {
			const workload = key.slice(prefix.length);
			await change(workload, (before) => {
				if (before === undefined) return undefined;
				if (options.isConnected(workload)) return { ...before, seenAt: now };
				return now - before.seenAt > keptMs ? undefined : before;
			});
		}
	};
	let timer: Timer | undefined;
	let closed = false;
	const schedule = (): void => {
		if (closed) return;
		timer = clock.setTimer(
			sweepMs,
			() =>
				void sweep()
					.catch((error: unknown) => log.warn("learned hosts cannot be looked through", { problem: String(error) }))
					.finally(schedule),
			{ unref: true },
		);
	};
	schedule();
	return {
		of,
		learn: (workload, host) =>
			change(workload, (before) => {
				if (before?.hosts.includes(host) === true) return before;
				return { seenAt: clock.wall(), hosts: [...(before?.hosts ?? []), host].slice(-maxHosts) };
			}),
		close() {
			closed = true;
			timer?.cancel();
			mirror.close();
		},
	};
}

function hasSame(before: ReadonlySet<string>, after: ReadonlySet<string>): boolean {
	return before.size === after.size && [...before].every((host) => after.has(host));
}

function readEntry(item: KeyValue | undefined, log: Log): Entry | undefined {
	if (item === undefined) return undefined;
	try {
		const value: unknown = JSON.parse(item.value);
		if (value !== null && typeof value === "object" && "hosts" in value && "seenAt" in value) {
			const { hosts, seenAt } = value;
			if (Array.isArray(hosts))
				return { seenAt: Number(seenAt), hosts: hosts.filter((host) => typeof host === "string") };
		}
	} catch (error) {
		if (!(error instanceof SyntaxError)) throw error;
	}
	log.error("learned hosts cannot be read and are learned anew", { key: item.key });
	return undefined;
}
