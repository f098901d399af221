import { createHash } from "node:crypto";
import { type Clock, describeError, type Log } from "../../core/index.ts";
import { backdateMs } from "../../identity/index.ts";
import { type IdentityRegistry, openRecordSet, type Store } from "../../registry/index.ts";

/** An identity that was taken away from its holders. */
interface Revocation {
	readonly of: "agent" | "entry";
	readonly mark: string;
	/** Certificates that begin later are good (milliseconds since the epoch). */
	readonly until: number;
}

/** Whose identities were taken away: of every workload of an agent that was banned, and of whoever had a registration entry that is gone.
 *  Their certificates live on, so proxies are told. */
export interface Revocations {
	/** As proxies read it: JSON, by mark the newest beginning of certificates that are not good any more. */
	readonly text: string;
	/** Calls back when `text` has changed; returns how to stop. */
	onChange(listener: () => void): () => void;
	close(): void;
}

export interface RevocationsOptions {
	readonly store: Store;
	readonly identity: Pick<IdentityRegistry, "agents" | "entries">;
	readonly clock: Clock;
	readonly log: Log;
}

/** Bound of what proxies are told; the oldest make room. */
const maxRevocations = 2_000;

/** How certificates of an agent's workloads, and of an entry, are marked. */
export function markOf(name: string): string {
	return createHash("sha256").update(name).digest("hex").slice(0, 16);
}

/** Follows agents and entries and writes down what is taken away; all control planes on one store share that.
 *  @throws MeshError of the store when it cannot be read */
export async function openRevocations({ store, identity, clock, log }: RevocationsOptions): Promise<Revocations> {
	const { agents, entries } = identity;
	const records = await openRecordSet<Revocation>(store, {
		...{ prefix: "/amime/identity/revocations/", parse: readRevocation, clock, log },
	});
	const listeners = new Set<() => void>();
	let text = format(records.list());
	const known = new Set(entries.list().map(({ id }) => id));
	const keyOf = ({ of, mark }: Revocation): string => `${of}-${mark}`;

	async function revoke(of: Revocation["of"], name: string): Promise<void> {
		const revocation = { of, mark: markOf(name), until: clock.wall() - backdateMs };
		try {
			await records.put(keyOf(revocation), revocation);
			const tooMany = [...records.list()].sort((a, b) => a.until - b.until).slice(0, -maxRevocations);
			for (const old of tooMany) await records.remove(keyOf(old));
		} catch (error) {
			log.error("revocation cannot be written down: connections of its holders go on until their certificates end", {
				...{ of, name, reason: describeError(error) },
			});
		}
	}
	const followEntries = (ids: readonly string[]): void => {
		for (const id of ids) {
			if (entries.get(id) !== undefined) known.add(id);
			else if (known.delete(id)) void revoke("entry", id);
		}
	};
	const listBanned = (): string[] => agents.list().flatMap(({ isBanned, spiffeId }) => (isBanned ? [spiffeId] : []));
	// A ban that nobody could write down is written down by the next start.
	let banned: ReadonlySet<string> = new Set(
		listBanned().filter((spiffeId) => records.get(`agent-${markOf(spiffeId)}`) !== undefined),
	);
	const followAgents = (): void => {
		const now = new Set(listBanned());
		for (const spiffeId of now) if (!banned.has(spiffeId)) void revoke("agent", spiffeId);
		banned = now;
	};
	followAgents();
	const stops = [
		entries.watch(followEntries),
		agents.watch(followAgents),
		records.watch(() => {
			const now = format(records.list());
			if (now === text) return;
			text = now;
			for (const listener of [...listeners]) listener();
		}),
	];
	return {
		get text() {
			return text;
		},
		onChange(listener) {
			listeners.add(listener);
			return () => listeners.delete(listener);
		},
		close() {
			for (const stop of stops) stop();
			listeners.clear();
			records.close();
		},
	};
}

function format(revocations: readonly Revocation[]): string {
	const timesOf = (of: Revocation["of"]): Record<string, number> =>
		Object.fromEntries(revocations.filter((one) => one.of === of).map(({ mark, until }) => [mark, until]));
	return JSON.stringify({ agents: timesOf("agent"), entries: timesOf("entry") });
}

function readRevocation(value: unknown): Revocation | undefined {
	const one = value as Revocation | undefined;
	const isGood = (one?.of === "agent" || one?.of === "entry") && typeof one.mark === "string";
	return isGood && typeof one.until === "number" ? one : undefined;
}
