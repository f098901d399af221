import { type Clock, describeError, type Log, MeshError, type Timer } from "../../core/index.ts";
import { isAbsent, type LeaseId, type Store } from "../../registry/index.ts";

/** Which of several control planes does what is due by itself. Two at a time do no harm: every change is a transaction. */
export interface Leadership {
	isLeader(): boolean;
	close(): Promise<void>;
}

const key = "/amime/authority/leader";
const ttlMs = 15_000;
const renewMs = 5_000;

/** Runs for the lead of a store: whoever holds the key under its lease has it. */
export async function openLeadership(
	store: Store,
	{ clock, log, onElected }: { readonly clock: Clock; readonly log: Log; readonly onElected: () => void },
): Promise<Leadership> {
	let lease: LeaseId | undefined;
	let isLeader = false;
	let isClosed = false;
	let timer: Timer | undefined;

	async function run(): Promise<void> {
		try {
			if (lease === undefined) lease = (await store.grantLease(ttlMs)).id;
			else await store.keepAlive(lease);
			if (isLeader) return;
			const { succeeded } = await store.txn({
				compare: [isAbsent(key)],
				success: [{ kind: "put", key, value: String(lease), lease }],
			});
			isLeader = succeeded;
			if (succeeded && !isClosed) onElected();
		} catch (error) {
			if (!(error instanceof MeshError)) throw error;
			if (isLeader) log.warn("lead of the authority lost", { error: describeError(error) });
			isLeader = false;
			lease = undefined;
		}
	}

	function arm(): void {
		if (isClosed) return;
		timer = clock.setTimer(renewMs, () => void run().finally(arm), { unref: true });
	}

	await run();
	arm();
	return {
		isLeader: () => isLeader,
		async close() {
			isClosed = true;
			timer?.cancel();
			if (lease === undefined) return;
			await store.revoke(lease).catch((error: unknown) => {
				if (!(error instanceof MeshError)) throw error;
				// It ends by itself.
			});
		},
	};
}
