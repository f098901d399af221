/** Lines that a proxy has logged, each behind the id of its request. */
import { eventually } from "./eventually.ts";
import type { ProxyProcess } from "./proxy-process.ts";

/** What stands behind the id, once it is there. */
export function findLogLine(proxy: ProxyProcess, id: string): Promise<string> {
	return eventually(() => {
		const found = proxy
			.stdout()
			.split("\n")
			.find((one) => one.startsWith(`${id} `));
		if (found === undefined) throw new Error(`no log line of ${id}`);
		return found.slice(id.length + 1);
	});
}
