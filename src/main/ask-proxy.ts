import { request } from "node:http";
import { exchangeHttp } from "../core/index.ts";

const timeout = 3_000;
/** A thousand entries of a kilobyte each fit. */
const maxAnswerBytes = 4 * 1024 * 1024;

/** The text of a page of the admin port of a proxy on this machine; undefined when there is no such page or no answer. */
export async function askProxy(port: number, path: string): Promise<string | undefined> {
	try {
		const call = request({ host: "127.0.0.1", port, path, timeout });
		const { status, text } = await exchangeHttp(call, { maxAnswerBytes });
		return status === 200 ? text : undefined;
	} catch {
		return undefined;
	}
}
