import { Agent, request } from "node:http";
import { exchangeHttp } from "../core/index.ts";
import { formatObjectName, type WorkloadInstance } from "../model/index.ts";
import { readNodeName } from "./snapshot/index.ts";

/** An instance whose proxy is asked: its admin port is at its address, or on this machine's loopback. */
export type AskedInstance = Pick<WorkloadInstance, "namespace" | "name" | "address" | "adminPort">;

/** Reads pages of the admin ports of proxies. */
export interface ProxyPages {
	/** The text of a page; undefined when it cannot be read: there is no such page, the admin port is out of reach, or it is another proxy's. */
	read(instance: AskedInstance, path: string): Promise<string | undefined>;
	close(): void;
}

const timeout = 2_000;
const maxAnswerBytes = 8 * 1024 * 1024;
const maxSockets = 64;
/** A name that was checked is believed for so many proxies. */
const maxKnown = 1_000;

/** Asks amime's proxies and Envoys. A port that answers for another node is left alone: instances of other machines have loopback addresses
 *  too. */
export function createProxyPages(): ProxyPages {
	const agent = new Agent({ keepAlive: true, maxSockets: 2, maxTotalSockets: maxSockets });
	/** Host by instance and port, once it was found. */
	const hosts = new Map<string, string>();
	const get = async (host: string, port: number, path: string): Promise<string | undefined> => {
		try {
			const { status, text } = await exchangeHttp(request({ host, port, path, agent, timeout }), { maxAnswerBytes });
			return status === 200 ? text : undefined;
		} catch {
			return undefined;
		}
	};
	const findHost = async (key: string, name: string, address: string, port: number): Promise<string | undefined> => {
		const known = hosts.get(key);
		if (known !== undefined) return known;
		for (const host of new Set(["127.0.0.1", address])) {
			if (readInstanceName(await get(host, port, "/server_info")) !== name) continue;
			if (hosts.size >= maxKnown) hosts.clear();
			hosts.set(key, host);
			return host;
		}
		return undefined;
	};
	return {
		async read(instance, path) {
			const { address, adminPort } = instance;
			if (adminPort === undefined) return undefined;
			const name = formatObjectName(instance);
			const key = `${name} ${adminPort}`;
			const host = await findHost(key, name, address, adminPort);
			if (host === undefined) return undefined;
			const text = await get(host, adminPort, path);
			// Whoever answers there next has to say again who it is.
			if (text === undefined) hosts.delete(key);
			return text;
		},
		close: () => agent.destroy(),
	};
}

/** `namespace/name` of the instance that a proxy says it is beside. */
function readInstanceName(serverInfo: string | undefined): string | undefined {
	try {
		const info = JSON.parse(serverInfo ?? "") as { readonly node?: { readonly id?: unknown } } | null;
		const name = readNodeName(String(info?.node?.id ?? ""));
		return name && formatObjectName(name);
	} catch {
		return undefined;
	}
}
