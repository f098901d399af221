import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import type { CliHost } from "../cli/index.ts";
import { MeshError, suggestNearest } from "../core/index.ts";

type Control = NonNullable<ReturnType<CliHost["findContext"]>>;

/** A mesh, on this or another machine. */
interface MeshContext {
	/** `https://mesh.example:15014`. */
	readonly server: string;
	readonly token?: string | undefined;
	/** Files of PEM, relative to the file of contexts: roots of the server, and the certificate shown to it with its key. */
	readonly ca?: string | undefined;
	readonly cert?: string | undefined;
	readonly key?: string | undefined;
}

/** Where the mesh answers that `AMIME_SERVER` names (with `AMIME_TOKEN`, `AMIME_CA`, `AMIME_CERT` and `AMIME_KEY`), else one of the file of contexts
 *  (`AMIME_CONTEXTS`, by default `~/.config/amime/contexts.json`): `{"current": NAME, "contexts": {NAME: {server, token, ca, cert, key}}}`.
 *  @throws MeshError `CONTEXT_INVALID` */
export function findContext(name: string | undefined): Control | undefined {
	const { env } = process;
	const text = (key: string): string | undefined => (env[key] === "" ? undefined : env[key]);
	const server = text("AMIME_SERVER");
	if (name === undefined && server !== undefined) {
		const [token, ca, cert, key] = ["AMIME_TOKEN", "AMIME_CA", "AMIME_CERT", "AMIME_KEY"].map(text);
		return readContext({ server, token, ca, cert, key }, process.cwd());
	}
	const file = resolve(text("AMIME_CONTEXTS") ?? join(homedir(), ".config/amime/contexts.json"));
	const { current, contexts = {} } = readFile(file, name !== undefined || text("AMIME_CONTEXTS") !== undefined);
	const wanted = name ?? current;
	if (wanted === undefined) return undefined;
	const found = contexts[wanted];
	if (found !== undefined) return readContext(found, dirname(file));
	throw invalid(`${file} has no context '${wanted}'${suggestNearest(wanted, new Set(Object.keys(contexts)))}`);
}

interface ContextsFile {
	readonly current?: string;
	readonly contexts?: Readonly<Record<string, MeshContext>>;
}

function readFile(file: string, isWanted: boolean): ContextsFile {
	try {
		return JSON.parse(readFileSync(file, "utf8")) as ContextsFile;
	} catch (cause) {
		const isMissing = (cause as NodeJS.ErrnoException).code === "ENOENT";
		if (!isWanted && isMissing) return {};
		if (isMissing)
			throw invalid(
				`there is no file of contexts ${file}: docs/admin-api.md shows one, and AMIME_CONTEXTS names another`,
			);
		// The parser's message quotes the text, which may hold a token.
		throw invalid(cause instanceof SyntaxError ? `${file} is no JSON` : `${file} cannot be read`);
	}
}

function readContext({ server, token = "", ca, cert, key }: MeshContext, folder: string): Control {
	if (typeof server !== "string" || !URL.canParse(server) || !/^https?:/.test(server))
		throw invalid(
			server === undefined
				? "the context has no 'server': give it one, such as https://mesh.example:15014"
				: `'${String(server)}' is no address: write it as https://mesh.example:15014`,
		);
	if ((cert === undefined) !== (key === undefined)) throw invalid("a certificate and its key go together: give both");
	const isSecret = token !== "" || key !== undefined;
	const { protocol, hostname } = new URL(server);
	if (protocol === "http:" && isSecret && !/^(127\.|\[::1\]|localhost$)/.test(hostname))
		throw invalid(`${server} is in plain text, and the token would be read on the way: write https://`);
	const read = (path: string): string => {
		try {
			return readFileSync(resolve(folder, path), "utf8");
		} catch {
			throw invalid(`${path} cannot be read: give a file with PEM`);
		}
	};
	const tls = {
		...(ca !== undefined && { ca: read(ca) }),
		...(cert !== undefined && key !== undefined && { cert: read(cert), key: read(key) }),
	};
	return { pid: 0, adminUrl: server, xdsAddress: "", token, tls };
}

function invalid(problem: string): MeshError {
	return new MeshError("CONTEXT_INVALID", problem);
}
