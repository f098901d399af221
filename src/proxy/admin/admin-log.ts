import type { Socket } from "node:net";
import type { Clock } from "../../core/index.ts";
import {
	type ConnectionFacts,
	createConnectionFacts,
	createStreamInfo,
	type SocketAddress,
	type StreamInfo,
} from "../../engine/format/index.ts";
import type { AccessLog } from "../../telemetry/index.ts";
import type { AdminExchange, AdminMessage } from "./admin-exchange.ts";
import type { AdminResponse } from "./request.ts";

/** Writes the admin port's own access logs: one entry a request. */
export interface AdminLog {
	/** Begins an entry; the returned function writes it when the answer is on its way. */
	begin(exchange: AdminExchange): (result: AdminResponse, sentBytes: number) => void;
}

export function createAdminLog(logs: readonly AccessLog[], clock: Clock): AdminLog {
	return {
		begin({ socket, request }) {
			if (logs.length === 0) return () => undefined;
			const record = createStreamInfo(describeConnection(socket), clock.now(), clock.wall());
			describeRequest(record, request);
			return (result, sentBytes) => {
				record.responseCode = result.status;
				record.responseCodeDetails = "admin_filter_response";
				record.responseHeaders = ["content-type", result.contentType];
				record.bytesSent = sentBytes;
				record.endedAt = clock.now();
				for (const log of logs) log.log(record);
			};
		},
	};
}

function describeRequest(record: StreamInfo, message: AdminMessage): void {
	const { method, target, authority, headers, versionMinor } = message;
	record.protocol = `HTTP/1.${versionMinor}`;
	record.originalPath = target;
	record.request = { method, path: target, authority: authority ?? "", scheme: "http", headers, upgrade: undefined };
}

function describeConnection(socket: Socket): ConnectionFacts {
	const remote = describeAddress(socket.remoteAddress, socket.remotePort);
	const local = describeAddress(socket.localAddress, socket.localPort);
	return createConnectionFacts(remote, local);
}

function describeAddress(ip = "", port = 0): SocketAddress {
	return { ip, port, text: ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}` };
}
