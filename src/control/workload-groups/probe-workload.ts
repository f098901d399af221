import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect } from "node:net";
import type { WorkloadProbe } from "../../model/index.ts";

/** Whether a workload answers as its group's probe wants it, in time. */
export function probeWorkload(address: string, probe: WorkloadProbe): Promise<boolean> {
	return probe.kind === "tcp" ? accepts(address, probe) : answers(address, probe);
}

function accepts(address: string, { host = address, port, timeoutMs }: WorkloadProbe): Promise<boolean> {
	const { promise, resolve } = Promise.withResolvers<boolean>();
	const socket = connect({ host, port });
	const timer = setTimeout(() => socket.destroy(), timeoutMs);
	socket.on("connect", () => {
		resolve(true);
		socket.destroy();
	});
	socket.on("error", () => resolve(false));
	socket.on("close", () => {
		clearTimeout(timer);
		resolve(false);
	});
	return promise;
}

function answers(address: string, probe: Extract<WorkloadProbe, { kind: "http" }>): Promise<boolean> {
	const { promise, resolve } = Promise.withResolvers<boolean>();
	const { host, port, path, isTls, headers, timeoutMs } = probe;
	const options = {
		host: address,
		port,
		path,
		agent: false as const,
		headers: { host: host ?? address, ...Object.fromEntries(headers) },
	};
	// As Kubernetes has it: the certificate of a workload that is only probed is not looked at.
	const call = isTls ? httpsRequest({ ...options, rejectUnauthorized: false }) : httpRequest(options);
	const timer = setTimeout(() => call.destroy(), timeoutMs);
	call.on("response", (response) => {
		const { statusCode = 500 } = response;
		response.resume();
		resolve(statusCode >= 200 && statusCode < 400);
		call.destroy();
	});
	call.on("error", () => resolve(false));
	call.on("close", () => {
		clearTimeout(timer);
		resolve(false);
	});
	call.end();
	return promise;
}
