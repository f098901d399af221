import { anyHost } from "../../engine/load-balancer/index.ts";
import type { RawStream, RawStreamOwner, UpstreamCluster } from "../connection-pool/index.ts";
import type { SinkSender } from "./udp-sender.ts";

/** Lines that wait for a connection: beyond, the newest are left out. */
const maxWaitingBytes = 1024 * 1024;
/** With so many bytes that the host does not read, the connection is given up (as in Envoy). */
const maxUnreadBytes = 16 * 1024 * 1024;

/** Sends lines to a host of a cluster over one connection, which is opened when there is something to send; what a broken one had is
 *  lost. */
export function openClusterSender(getCluster: () => UpstreamCluster | undefined): SinkSender {
	let stream: RawStream | undefined;
	let isReady = false;
	let waiting: Buffer[] = [];
	let waitingBytes = 0;

	const forget = (): void => {
		stream = undefined;
		isReady = false;
		waiting = [];
		waitingBytes = 0;
	};
	const owner: RawStreamOwner = {
		onRawReady(opened) {
			isReady = true;
			for (const line of waiting.splice(0)) opened.write(line);
			waitingBytes = 0;
		},
		onRawFailed: forget,
		onRawClosed: forget,
		onRawEnd() {
			stream?.close(true);
			forget();
		},
		onRawData() {
			// Nobody answers statistics.
		},
		onRawDrain() {
			// What cannot leave is bounded by its size.
		},
	};

	function connect(): void {
		const upstream = getCluster();
		const host = upstream?.cluster.chooseHost(anyHost);
		if (upstream !== undefined && host !== undefined) stream = upstream.openRaw(host, owner);
	}

	return {
		send(bytes) {
			if (stream === undefined) connect();
			if (stream === undefined) return;
			const line = Buffer.concat([bytes, newline]);
			if (isReady) {
				stream.write(line);
				if (stream.bufferedBytes <= maxUnreadBytes) return;
				stream.close();
				forget();
			} else if (waitingBytes + line.length <= maxWaitingBytes) {
				waiting.push(line);
				waitingBytes += line.length;
			}
		},
		async close() {
			stream?.close();
			forget();
		},
	};
}

const newline = Buffer.from("\n");
