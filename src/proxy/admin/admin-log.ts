import type { IncomingMessage } from "node:http";
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
import type { AdminResponse } from "./request.ts";

/** Writes the admin port's own access logs: one entry a request. */
export interface AdminLog {
	/** Begins an entry; the returned function writes it when the answer is on its way. */
	begin(message: IncomingMessage): (result: AdminResponse, sentBytes: number) => void;
}

export function createAdminLog(logs: readonly AccessLog[], clock: Clock): AdminLog {
	return {
		begin(message) {
			if (logs.length === 0) return () => undefined;
			const record = createStreamInfo(describeConnection(message.socket), clock.now(), clock.wall());
			describeRequest(record, message);
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

function describeRequest(record: StreamInfo, message: IncomingMessage): void {
	const headers: string[] = [];
	for (let index = 0; index + 1 < message.rawHeaders.length; index += 2) {
		const name = message.rawHeaders[index]!.toLowerCase();
		if (name !== "host") headers.push(name, message.rawHeaders[index + 1]!);
	}
	record.protocol = `HTTP/${message.httpVersion}`;
	record.originalPath = message.url ?? "/";
	record.request = {
		method: message.method ?? "GET",
		path: message.url ?? "/",
		authority: message.headers.host ?? "",
		scheme: "http",
		headers,
		upgrade: undefined,
	};
}

function describeConnection(socket: Socket): ConnectionFacts {
	const remote = describeAddress(socket.remoteAddress, socket.remotePort);
	const local = describeAddress(socket.localAddress, socket.localPort);
	return createConnectionFacts(remote, local);
}

function describeAddress(ip = "", port = 0): SocketAddress {
	return { ip, port, text: ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}` };
}
