import { type Log, MeshError } from "../../core/index.ts";
import type { RegistrationEntry } from "../../model/index.ts";
import type { PeerProcess } from "../../os/index.ts";
import { attestProcess, type WorkloadAttestor } from "../attest-workload/index.ts";
import type { Identities } from "./identities.ts";

/** Who is at the other end of a connection. */
export interface Caller {
	/** The workload's entries now. What was found out once stays; whether its process is still there is asked each time.
	 *  @throws MeshError `WORKLOAD_GONE` */
	entries(): Promise<readonly RegistrationEntry[]>;
	/** The same, refused when there is none: the log says which selectors were seen.
	 *  @throws MeshError `IDENTITY_NONE`, `WORKLOAD_GONE` */
	requireEntries(): Promise<readonly RegistrationEntry[]>;
	/** Whether the process that connected is there still. A connection outlives it in whatever process has inherited it. */
	isHere(): boolean;
}

export interface CallerOptions {
	readonly peer: PeerProcess | undefined;
	readonly attestors: readonly WorkloadAttestor[];
	readonly identities: Identities;
	readonly log: Log;
	/** Told, as often as it is asked for, that the process that connected is gone: nothing more is for whoever has its connection. */
	readonly onGone: () => void;
}

/** Follows one connection. A process is looked at anew for each call: it may have started another program. */
export function createCaller({ peer, attestors, identities, log, onGone }: CallerOptions): Caller {
	const isHere = (): boolean => peer?.isSame() === true;

	async function find(): Promise<{ entries: readonly RegistrationEntry[]; selectors: ReadonlySet<string> }> {
		if (peer === undefined)
			throw new MeshError("WORKLOAD_GONE", "the process that connected is gone, or in a PID namespace of its own");
		const selectors = await attestProcess(peer, attestors, identities.isWanted, log).finally(() => {
			if (!isHere()) onGone();
		});
		return { entries: identities.match(selectors), selectors };
	}

	return {
		isHere,
		entries: async () => (await find()).entries,
		async requireEntries() {
			const { entries, selectors } = await find();
			if (entries.length > 0) return entries;
			log.warn("no identity issued: no entry matches", { pid: peer!.pid, selectors: [...selectors].sort() });
			throw new MeshError("IDENTITY_NONE", "no identity issued");
		},
	};
}
