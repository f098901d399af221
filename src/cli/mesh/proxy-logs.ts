import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";

/** A request as a line of an access log tells of it. */
export interface LoggedRequest {
	readonly proxy: string;
	readonly time: string;
	/** `GET /path`, without the query: secrets may be there. */
	readonly request: string;
	readonly authority: string | undefined;
	readonly status: string;
	readonly flags: string;
	/** Of a denial: who was denied, and which policy decided. */
	readonly details: string | undefined;
	readonly id: string;
}

/** No more than the end of a log is read. */
const maxBytes = 1024 * 1024;

/** What the access logs of proxies in a state folder of `amime up` say of failed requests, in the order of time: of one by its id, else of the last
 *  ones. For proxies that cannot be asked: stock Envoys, and those that are not there. */
export function readLoggedFailures(
	stateFolder: string,
	proxies: readonly string[],
	{ id, limit }: { readonly id?: string | undefined; readonly limit: number },
): LoggedRequest[] {
	return proxies
		.flatMap((proxy) => [...parseLog(proxy, readEnd(stateFolder, proxy)).values()])
		.filter((logged) => (id === undefined ? isFailure(logged) : logged.id === id))
		.sort((a, b) => (a.time < b.time ? -1 : 1))
		.slice(-limit);
}

/** The supervisor names logs by the instance, and with its namespace where another one has the name. */
function readEnd(stateFolder: string, proxy: string): string {
	const [namespace = "", name = ""] = proxy.split("/");
	for (const file of [`${name}.${namespace}`, name]) {
		const text = readTail(join(stateFolder, "logs", `${file}.sidecar.log`));
		if (text !== undefined) return text;
	}
	return "";
}

function readTail(path: string): string | undefined {
	let file: number;
	try {
		file = openSync(path, "r");
	} catch {
		// There is none, or it is not for this user to read: then nothing is known from it.
		return undefined;
	}
	try {
		const { size } = fstatSync(file);
		const bytes = Buffer.alloc(Math.min(size, maxBytes));
		const length = readSync(file, bytes, 0, bytes.length, size - bytes.length);
		return bytes.toString("utf8", 0, length);
	} finally {
		closeSync(file);
	}
}

/** Envoy's format of access logs by default; the line of a denial follows that of its request. */
const requestLine =
	/^\[([^\]]+)\] "(\S+ [^\s?]+)\S* [^"]*" (\d+) (\S+) \d+ \d+ \S+ \S+ "[^"]*" "(?:[^"\\]|\\.)*" "([^"]+)" "([^"]*)" "[^"]*"/;
const denialLine = /^\[[^\]]+\] "[^"]*" \d+ for "([^"]*)": (.*) "([^"]+)"$/;

function parseLog(proxy: string, text: string): Map<string, LoggedRequest> {
	const found = new Map<string, LoggedRequest>();
	for (const written of text.split("\n")) {
		const line = written.replace(/\p{Cc}/gu, "\ufffd");
		const [, time, request, status, flags, id, authority] = requestLine.exec(line) ?? [];
		if (
			time !== undefined &&
			request !== undefined &&
			status !== undefined &&
			flags !== undefined &&
			id !== undefined
		) {
			const logged = { proxy, time, request, status, flags, id };
			found.set(id, { ...logged, authority: authority === "-" ? undefined : authority, details: undefined });
			continue;
		}
		const [, caller, reason, denied = ""] = denialLine.exec(line) ?? [];
		const before = found.get(denied);
		if (before === undefined || reason === undefined || reason.startsWith("via_upstream")) continue;
		found.set(denied, { ...before, details: caller === "-" ? reason : `${reason}; the caller is ${caller}` });
	}
	return found;
}

/** What a proxy answers by itself, and what an application answers for a fault of its own. */
function isFailure({ status, flags, details }: LoggedRequest): boolean {
	return flags !== "-" || details !== undefined || status === "0" || Number(status) >= 500;
}
