import { MeshError } from "../../../core/index.ts";

/** Where an etcd is, as `--store` says it. */
export interface EtcdAddress {
	/** Members as `host:port`, tried in turn; never empty. */
	readonly members: readonly string[];
	/** Whether members speak TLS. */
	readonly isTls: boolean;
	/** In front of every key; empty for none. */
	readonly prefix: string;
	readonly user?: string;
	readonly password?: string;
}

const defaultPort = 2379;
const form = "write etcd://HOST:PORT[,HOST:PORT…][/PREFIX], or etcds:// for TLS";

/** Reads `etcd://[USER[:PASSWORD]@]HOST[:PORT][,HOST[:PORT]…][/PREFIX]`; `etcds://` is the same in TLS. The port is 2379 by default.
 *  @throws MeshError `STORE_ADDRESS`, which never shows the password */
export function parseEtcdAddress(text: string): EtcdAddress {
	const match = /^(etcds?):\/\/(?:([^@/]*)@)?([^/@]+)(\/.*)?$/.exec(text);
	if (match === null) throw new MeshError("STORE_ADDRESS", `the store's address is not understood: ${form}`);
	const [, scheme, account, hosts = "", path = ""] = match;
	const members = hosts.split(",").map(parseMember);
	const [user, password] = account === undefined ? [] : splitAccount(account);
	return {
		members,
		isTls: scheme === "etcds",
		prefix: path === "/" ? "" : path,
		...(user === undefined ? {} : { user }),
		...(password === undefined ? {} : { password }),
	};
}

function parseMember(text: string): string {
	const match = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?$/.exec(text);
	const port = Number(match?.[2] ?? defaultPort);
	if (match === null || port < 1 || port > 65535)
		throw new MeshError("STORE_ADDRESS", `"${text}" is no host and port of an etcd member: ${form}`);
	return `${match[1]}:${port}`;
}

function splitAccount(account: string): readonly (string | undefined)[] {
	try {
		const colon = account.indexOf(":");
		if (colon < 0) return [decodeURIComponent(account)];
		return [decodeURIComponent(account.slice(0, colon)), decodeURIComponent(account.slice(colon + 1))];
	} catch (error) {
		const problem = "the store's user or password is not percent-encoded UTF-8: write % as %25 and @ as %40";
		throw new MeshError("STORE_ADDRESS", problem, { cause: error });
	}
}
