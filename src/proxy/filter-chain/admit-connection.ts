import type { ConnectionFacts } from "../../engine/format/index.ts";
import type { StreamSocket } from "../../os/index.ts";
import type { GateQuestion, GateRefusal, NetworkGate } from "../filter/network/network-filter.ts";

/** How the gates of a chain answered for a new connection. `gone`: its client left meanwhile. */
export type Admission = "admitted" | "gone" | GateRefusal;

/** Hears the gates of a chain about a new connection, one behind the other; its socket stays paused while somebody is asked.
 *  @param settled called once, before this returns when nobody has to be asked */
export function admitConnection(
	gates: readonly NetworkGate[],
	socket: StreamSocket,
	facts: ConnectionFacts,
	settled: (admission: Admission) => void,
): void {
	let question: GateQuestion | undefined;
	let waits = false;
	const onGone = (): void => {
		question?.cancel();
		settle("gone");
	};
	const settle = (admission: Admission): void => {
		if (waits) {
			socket.off("close", onGone);
			socket.off("error", onGone);
		}
		settled(admission);
	};
	const proceed = (from: number): void => {
		for (let index = from; index < gates.length; index++) {
			const gate = gates[index]!;
			const refusal = gate.open?.(socket, facts);
			if (refusal !== undefined) {
				settle(refusal);
				return;
			}
			question = gate.admit?.(facts, (answer) => {
				if (answer === undefined) proceed(index + 1);
				else settle(answer);
			});
			if (question === undefined) continue;
			if (!waits) {
				waits = true;
				socket.once("close", onGone);
				socket.on("error", onGone);
			}
			return;
		}
		settle("admitted");
	};
	proceed(0);
}
