import type { Socket } from "node:net";
import { formatProxyHeader } from "../../../wire/proxy-protocol/index.ts";
import type { HealthCheckConfig } from "../../runtime-config/index.ts";
import { containsInOrder } from "./payload.ts";
import type { ConnectForCheck, Probe } from "./probe.ts";

type TcpCheck = Extract<HealthCheckConfig["checker"], { kind: "tcp" }>;

/** Connects; sends and waits for bytes when there are any. */
export function createTcpProbe(check: TcpCheck, connect: ConnectForCheck): Probe {
	return {
		start(done) {
			let isOver = false;
			let received = Buffer.alloc(0);
			const end = (report: (() => void) | undefined): void => {
				if (isOver) return;
				isOver = true;
				socket.destroy();
				report?.();
			};
			const socket = connect(() => {
				// Where nothing is expected, a connection is enough.
				if (check.receive.length === 0) {
					end(() => done({ kind: "passed", degraded: false }));
					return;
				}
				if (check.proxyHeader !== undefined) socket.write(createProxyHeader(check.proxyHeader, socket));
				if (check.send.length > 0) socket.write(check.send);
			});
			socket.on("data", (bytes: Buffer) => {
				received = Buffer.concat([received, bytes]);
				if (containsInOrder(received, check.receive)) end(() => done({ kind: "passed", degraded: false }));
				else if (received.length > maxReceivedBytes) end(() => done({ kind: "network" }));
			});
			socket.on("error", () => end(() => done({ kind: "network" })));
			socket.on("close", () => end(() => done({ kind: "network" })));
			return () => end(undefined);
		},
		close: () => undefined,
	};
}

/** The proxy speaks for itself: version 2 has a command for that, version 1 names the connection's own ends. */
function createProxyHeader(version: 1 | 2, { localAddress, localPort, remoteAddress, remotePort }: Socket): Buffer {
	const addresses = {
		sourceIp: localAddress ?? "",
		sourcePort: localPort ?? 0,
		destinationIp: remoteAddress ?? "",
		destinationPort: remotePort ?? 0,
	};
	return formatProxyHeader({ version, addresses: version === 1 ? addresses : undefined, tlvs: [] });
}

const maxReceivedBytes = 64 * 1024;
