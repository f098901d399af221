import { describeError, type Log, MeshError } from "../../core/index.ts";
import type { PeerProcess } from "../../os/index.ts";

/** One source of selectors. */
export interface WorkloadAttestor {
	readonly name: string;
	/** The selectors of a process; a source that knows nothing of it answers with none. */
	attest(process: Attestation): Promise<readonly string[]>;
}

/** A process that is asked about. */
export interface Attestation extends Pick<PeerProcess, "pid" | "uid" | "gid"> {
	/** Whether some entry asks for selectors that begin so: what costs much is found out only then. */
	isWanted(prefix: string): boolean;
}

/** Everything that the attestors say of a process. A source that fails is left out and logged, and what it would have said does not count.
 *  @throws MeshError `WORKLOAD_GONE` when the process ended meanwhile: its number may mean another one by now */
export async function attestProcess(
	peer: PeerProcess,
	attestors: readonly WorkloadAttestor[],
	isWanted: (prefix: string) => boolean,
	log: Log,
): Promise<ReadonlySet<string>> {
	const { pid, uid, gid } = peer;
	const found = await Promise.all(
		attestors.map(async (attestor) => {
			try {
				return await attestor.attest({ pid, uid, gid, isWanted });
			} catch (error) {
				log.warn("workload attestor failed", { attestor: attestor.name, pid, reason: describeError(error) });
				return [];
			}
		}),
	);
	// After everything was read, so that nothing of it can be another process's.
	if (!peer.isSame()) throw new MeshError("WORKLOAD_GONE", `process ${pid} ended while it was looked at`);
	return new Set(found.flat());
}
