import { Agent, get, request } from "node:http";
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

/** Tells a proxy on loopback to take no new connections; what it answers does not matter: it may be gone. */
export function postDrain(adminPort: number): Promise<void> {
	const { promise, resolve } = Promise.withResolvers<void>();
	const agent = new Agent({ keepAlive: false });
	const call = request({
		...{ host: "127.0.0.1", port: adminPort, path: "/drain_listeners?graceful", method: "POST" },
		...{ agent, timeout: drainAnswerMs },
	});
	call.on("response", (response) => response.resume());
	call.on("timeout", () => call.destroy());
	call.on("error", () => resolve());
	call.on("close", () => resolve());
	call.end();
	return promise;
}

const drainAnswerMs = 2000;

/** Whether a proxy on loopback has requests in flight that its statistics tell of. */
export function hasRequests(adminPort: number): Promise<boolean> {
	const { promise, resolve } = Promise.withResolvers<boolean>();
	const agent = new Agent({ keepAlive: false });
	const path = "/stats?filter=%5Ehttp%5C.outbound_.*downstream_rq_active%24";
	const call = get({ host: "127.0.0.1", port: adminPort, path, agent, timeout: drainAnswerMs });
	call.on("response", (response) => {
		let text = "";
		response.setEncoding("utf8");
		response.on("data", (part: string) => {
			text += part;
		});
		response.on("end", () => resolve(/: [1-9]/.test(text)));
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
