import { createSocket } from "node:dgram";
import { isIPv6 } from "node:net";
import { describeError, type Log } from "../../core/index.ts";
import type { StatsdSinkConfig } from "../runtime-config/index.ts";
import type { SendDatagram } from "./statsd-sink.ts";

/** What takes the lines of a sink. */
export interface SinkSender {
	readonly send: SendDatagram;
	/** Resolves when what was sent has left, or cannot. */
	close(): Promise<void>;
}

/** Datagrams that wait in the process: beyond, the newest are left out. */
const maxWaiting = 16_384;

/** Opens a socket; it does not keep the process running. */
export function openUdpSender(
	{ address, port }: Extract<StatsdSinkConfig["target"], { kind: "datagrams" }>["address"],
	log: Log,
): SinkSender {
	const socket = createSocket(isIPv6(address) ? "udp6" : "udp4").unref();
	let waiting = 0;
	let onIdle: (() => void) | undefined;
	let hasFailed = false;
	socket.on("error", (error) =>
		log.warn("statistics cannot be sent", { address, port, problem: describeError(error) }),
	);
	return {
		send(bytes) {
			if (waiting >= maxWaiting) return;
			waiting++;
			socket.send(bytes, port, address, (error) => {
				waiting--;
				if (error !== null && !hasFailed) {
					hasFailed = true;
					log.warn("statistics cannot be sent", { address, port, problem: describeError(error) });
				}
				if (waiting === 0) onIdle?.();
			});
		},
		close() {
			return new Promise((resolve) => {
				const end = (): void => void socket.close(() => resolve());
				if (waiting === 0) end();
				else onIdle = end;
			});
		},
	};
}
