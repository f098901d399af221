import type { DataSource } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import type { BasicAuth } from "../../api/gen/envoy/extensions/filters/http/basic_auth/v3/basic_auth_pb.js";
import type { Scope } from "./scope.ts";
import { readDataSourceNow } from "./values.ts";

/** The SHA-1 of the password of each user, as `htpasswd -s` writes it. */
export type BasicAuthUsers = ReadonlyMap<string, Uint8Array>;

/** `envoy.extensions.filters.http.basic_auth.v3.BasicAuth`. */
export interface BasicAuthConfig {
	readonly users: BasicAuthUsers;
	/** Lower case; empty: the application is not told who it is. */
	readonly forwardHeader: string;
	/** Lower case; where the credentials are. */
	readonly header: string;
}

export function readBasicAuth(message: BasicAuth, scope: Scope): BasicAuthConfig {
	return {
		users: readUsers(message.users, scope.at("users")),
		forwardHeader: message.forwardUsernameHeader.toLowerCase(),
		header: message.authenticationHeader.toLowerCase() || "authorization",
	};
}

const digestBytes = 20;
/** In base64. */
const hashLength = 28;
const scheme = "{SHA}";

/** Translates lines of the htpasswd format. What is wrong is told by its line, without what the line says. */
export function readUsers(source: DataSource | undefined, scope: Scope): BasicAuthUsers {
	const users = new Map<string, Uint8Array>();
	const text = Buffer.from(readDataSourceNow(source, scope) ?? []).toString("utf8");
	if (source !== undefined && text === "") scope.report("must not be empty");
	for (const [index, whole] of text.split("\n").entries()) {
		// A carriage return is no space here: it would be part of the hash.
		const line = whole.replace(/^[ \t]+|[ \t]+$/g, "");
		if (line === "" || line.startsWith("#")) continue;
		const colon = line.indexOf(":");
		const problem = addUser(users, line.slice(0, Math.max(0, colon)), colon < 0 ? undefined : line.slice(colon + 1));
		if (problem !== undefined) scope.report(`line ${index + 1}: ${problem}`);
	}
	return users;
}

function addUser(users: Map<string, Uint8Array>, name: string, hash: string | undefined): string | undefined {
	if (hash === undefined) return "name:hash is expected";
	if (name === "" || hash === "") return "the name and the hash must not be empty";
	if (users.has(name)) return "the name is there already";
	if (!hash.startsWith(scheme))
		return `only hashes that begin with ${scheme} are supported, such as htpasswd -s writes`;
	const digest = Buffer.from(hash.slice(scheme.length), "base64");
	if (hash.length !== scheme.length + hashLength || digest.length !== digestBytes)
		return "the hash has not the length of SHA-1";
	users.set(name, digest);
	return undefined;
}
