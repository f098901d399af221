import { request } from "node:http";

const timeoutMs = 3_000;
/** A thousand entries of a kilobyte each fit. */
const maximumAnswer = 4 * 1024 * 1024;

/** The text of a page of the admin port of a proxy on this machine; undefined when there is no such page or no answer. */
export function askProxy(port: number, path: string): Promise<string | undefined> {
	return new Promise((resolve) => {
		const outgoing = request({ host: "127.0.0.1", port, path, timeout: timeoutMs }, (response) => {
			const chunks: Buffer[] = [];
			let size = 0;
			response.on("data", (chunk: Buffer) => {
				size += chunk.length;
				if (size > maximumAnswer) outgoing.destroy();
				else chunks.push(chunk);
			});
			response.on("end", () =>
				resolve(response.statusCode === 200 ? Buffer.concat(chunks).toString("utf8") : undefined),
			);
			response.on("error", () => resolve(undefined));
		});
		outgoing.on("timeout", () => outgoing.destroy());
		outgoing.on("error", () => resolve(undefined));
		outgoing.end();
	});
}
