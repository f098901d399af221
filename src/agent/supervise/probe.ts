import { Agent, get } from "node:http";
import { connect } from "node:net";

/** Whether an HTTP GET on loopback answers, below `okBelow`, in time. */
export function probeHttp(port: number, path: string, timeoutMs: number, okBelow = 400): Promise<boolean> {
	const { promise, resolve } = Promise.withResolvers<boolean>();
	const agent = new Agent({ keepAlive: false });
	const call = get({ host: "127.0.0.1", port, path, agent, timeout: timeoutMs });
	call.on("response", (response) => {
		response.resume();
		resolve((response.statusCode ?? 500) < okBelow);
	});
	call.on("timeout", () => call.destroy());
	call.on("error", () => resolve(false));
	call.on("close", () => resolve(false));
	return promise;
}

/** Whether a port on loopback accepts a connection in time. */
export function probeTcp(port: number, timeoutMs: number): Promise<boolean> {
	const { promise, resolve } = Promise.withResolvers<boolean>();
	const socket = connect({ host: "127.0.0.1", port });
	socket.setTimeout(timeoutMs, () => socket.destroy());
	socket.on("connect", () => {
		resolve(true);
		socket.destroy();
	});
	socket.on("error", () => resolve(false));
	socket.on("close", () => resolve(false));
	return promise;
}
