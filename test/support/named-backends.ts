import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import { sendRequest } from "./http-call.ts";

/** Backends that answer with their names, until the test ends. `/healthz` answers 200, or 503 for those in `unwell`. */
export async function startNamedBackends(t: Pick<TestContext, "after">, names: readonly string[]) {
	const unwell = new Set<string>();
	const ports = new Map<string, number>();
	for (const name of names) {
		const server = createServer((request, response) => {
			const isCheck = request.url === "/healthz";
			response.writeHead(isCheck && unwell.has(name) ? 503 : 200, { "content-type": "text/plain" });
			response.end(name);
		});
		t.after(() => {
			server.closeAllConnections();
			server.close();
		});
		await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
		ports.set(name, (server.address() as AddressInfo).port);
	}
	return { unwell, portOf: (name: string): number => ports.get(name)! };
}

/** How often each backend (or status, of other answers) came up among a number of requests. */
export async function countAnswers(
	port: number,
	path: string,
	requests: number,
	headers: Readonly<Record<string, string>> = {},
): Promise<Record<string, number>> {
	const counts: Record<string, number> = {};
	for (let request = 0; request < requests; request++) {
		const { status, body } = await sendRequest({ port, path, headers });
		const key = status === 200 ? body : String(status);
		counts[key] = (counts[key] ?? 0) + 1;
	}
	return counts;
}

/** Whether shares are what they should be, within a tolerance that chance does not leave. */
export function isNear(
	counts: Readonly<Record<string, number>>,
	shares: Readonly<Record<string, number>>,
	tolerance = 0.18,
): boolean {
	const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
	return Object.entries(shares).every(([name, share]) => Math.abs((counts[name] ?? 0) / total - share) <= tolerance);
}
