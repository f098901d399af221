import { Agent, request } from "node:http";
import { exchangeHttp } from "../../core/index.ts";
import { type NodeSample, parseStats, statsPath } from "./sample.ts";

/** Where a proxy's admin port may be. */
export interface AdminPort {
	readonly nodeId: string;
	readonly port: number;
	/** The address of its instance; the admin port is there or on this machine's loopback. */
	readonly address: string;
}

/** Reads what proxies counted. */
export interface FiguresReader {
	/** Undefined when it cannot be read: the admin port is out of reach, or that of another proxy. */
	read(proxy: AdminPort): Promise<NodeSample | undefined>;
	close(): void;
}

const timeout = 2_000;
const maxAnswerBytes = 8 * 1024 * 1024;
/** A node id that was checked is believed for so many proxies. */
const maxKnown = 1_000;

/** Asks the admin ports of amime's proxies and of Envoys. A port that answers for another node is left alone: instances of other machines have
 *  loopback addresses too. */
export function createFiguresReader(): FiguresReader {
	const agent = new Agent({ keepAlive: true, maxSockets: 2 });
	/** Host by node id, once it was found. */
	const hosts = new Map<string, string>();
	const get = async (host: string, port: number, path: string): Promise<string | undefined> => {
		try {
			const { status, text } = await exchangeHttp(request({ host, port, path, agent, timeout }), { maxAnswerBytes });
			return status === 200 ? text : undefined;
		} catch {
			return undefined;
		}
	};
	const findHost = async ({ nodeId, port, address }: AdminPort): Promise<string | undefined> => {
		const key = `${nodeId} ${port}`;
		const known = hosts.get(key);
		if (known !== undefined) return known;
		for (const host of new Set(["127.0.0.1", address])) {
			if (readNodeId(await get(host, port, "/server_info")) !== nodeId) continue;
			if (hosts.size >= maxKnown) hosts.clear();
			hosts.set(key, host);
			return host;
		}
		return undefined;
	};
	return {
		async read(proxy) {
			const host = await findHost(proxy);
			if (host === undefined) return undefined;
			const text = await get(host, proxy.port, statsPath);
			// Whoever answers there next has to say again who it is.
			if (text === undefined) hosts.delete(`${proxy.nodeId} ${proxy.port}`);
			return text === undefined ? undefined : parseStats(text);
		},
		close: () => agent.destroy(),
	};
}

function readNodeId(text: string | undefined): string | undefined {
	try {
		const info = JSON.parse(text ?? "") as { readonly node?: { readonly id?: string } } | null;
		return info?.node?.id;
	} catch {
		return undefined;
	}
}
