import { Agent, get, request } from "node:http";
import { connect } from "node:net";
import { describeError } from "../../core/index.ts";

/** Asks with an HTTP GET on loopback; answers what is wrong, undefined when the status is below `okBelow` in time. */
export function probeHttp(port: number, path: string, timeoutMs: number, okBelow = 400): Promise<string | undefined> {
	const { promise, resolve } = Promise.withResolvers<string | undefined>();
	const agent = new Agent({ keepAlive: false });
	const call = get({ host: "127.0.0.1", port, path, agent, timeout: timeoutMs });
	const what = `GET ${path} on port ${port}`;
	call.on("response", (response) => {
		response.resume();
		const { statusCode = 500 } = response;
		resolve(statusCode < okBelow ? undefined : `${what} answers ${statusCode}`);
	});
	call.on("timeout", () => {
		resolve(`${what} has no answer in ${timeoutMs} ms`);
		call.destroy();
	});
	call.on("error", (error) => resolve(`${what}: ${describeError(error)}`));
	call.on("close", () => resolve(`${what}: the connection was closed`));
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

/** Connects on loopback; answers what is wrong, undefined when the port accepts in time. */
export function probeTcp(port: number, timeoutMs: number): Promise<string | undefined> {
	const { promise, resolve } = Promise.withResolvers<string | undefined>();
	const socket = connect({ host: "127.0.0.1", port });
	socket.setTimeout(timeoutMs, () => socket.destroy());
	socket.on("connect", () => {
		resolve(undefined);
		socket.destroy();
	});
	const refuse = (): void => resolve(`nothing accepts connections on port ${port}`);
	socket.on("error", refuse);
	socket.on("close", refuse);
	return promise;
}
