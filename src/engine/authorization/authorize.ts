import { matchesExpression } from "../expression/index.ts";
import type { ConnectionFacts, StreamInfo } from "../format/index.ts";
import {
	isInCidr,
	matchMetadata,
	matchRequestHeader,
	matchString,
	parseAddress,
	type StringMatcher,
} from "../matcher/index.ts";
import { evaluateTree } from "./match-tree.ts";
import { findPolicyIndex } from "./policy-index.ts";
import type { Permission, Principal, RbacPolicy, RbacRules } from "./types.ts";

/** What rules say of a stream. */
export interface RbacVerdict {
	readonly allowed: boolean;
	/** The policy that matched; `none` when none did, as Envoy's code details spell it. */
	readonly policy: string;
	/** Whether a policy matched. */
	readonly matched: boolean;
	/** Whether a tree asks for the access log's attention. */
	readonly isLogged?: boolean;
}

/** Judges a request or, without one in `stream`, a connection. The first policy that matches, in the order of names, decides: ALLOW
 *  rules allow what some policy matches, DENY rules what none does, LOG rules everything. */
export function authorize(rules: RbacRules, stream: StreamInfo): RbacVerdict {
	if (rules.tree !== undefined) {
		const found = evaluateTree(rules.tree, stream);
		const isAllowed = found !== undefined && found.action !== "deny";
		return {
			allowed: isAllowed,
			policy: found?.name ?? "none",
			matched: found !== undefined,
			isLogged: found?.action === "log",
		};
	}
	const policy = findPolicy(rules, stream);
	const allowed = rules.action === "log" || (rules.action === "allow") === (policy !== undefined);
	return { allowed, policy: policy ?? "none", matched: policy !== undefined };
}

function findPolicy(rules: RbacRules, stream: StreamInfo): string | undefined {
	const index = findPolicyIndex(rules);
	if (index === undefined) return rules.policies.find((policy) => matchesPolicy(policy, stream))?.name;
	const { request, connection } = stream;
	const path = request === undefined ? undefined : withoutQuery(request.path);
	for (const position of index.candidates(namesOf(connection), path)) {
		const policy = rules.policies[position]!;
		if (matchesPolicy(policy, stream)) return policy.name;
	}
	return undefined;
}

function matchesPolicy({ permissions, principals, condition }: RbacPolicy, stream: StreamInfo): boolean {
	return (
		permissions.some((permission) => matchesPermission(permission, stream)) &&
		principals.some((principal) => matchesPrincipal(principal, stream)) &&
		(condition === undefined || matchesExpression(condition, stream))
	);
}

/** Whether a stream is what a permission names. */
export function matchesPermission(permission: Permission, stream: StreamInfo): boolean {
	const { request, connection } = stream;
	switch (permission.kind) {
		case "any":
			return true;
		case "and":
			return permission.rules.every((rule) => matchesPermission(rule, stream));
		case "or":
			return permission.rules.some((rule) => matchesPermission(rule, stream));
		case "not":
			return !matchesPermission(permission.rule, stream);
		case "header":
			return request !== undefined && matchRequestHeader(permission.matcher, request);
		case "url-path":
			return matchesUrlPath(permission.matcher, stream);
		case "upstream-address":
			return isUpstreamIn(permission, stream.filterState?.get(upstreamAddressKey));
		case "uri-template":
			return request !== undefined && permission.regex.test(withoutQuery(request.path));
		case "destination-ip":
			return isAddressIn(permission.range, connection.local.ip);
		case "destination-port":
			return connection.local.port >= permission.start && connection.local.port < permission.end;
		case "metadata":
			return matchMetadata(permission.matcher, stream.dynamicMetadata);
		case "route-metadata":
			return matchMetadata(permission.matcher, stream.routeMetadata);
		case "requested-server-name":
			return matchString(permission.matcher, connection.serverName);
	}
}

/** Whether a stream comes from whom a principal names. */
export function matchesPrincipal(principal: Principal, stream: StreamInfo): boolean {
	const { request, connection } = stream;
	switch (principal.kind) {
		case "any":
			return true;
		case "and":
			return principal.ids.every((id) => matchesPrincipal(id, stream));
		case "or":
			return principal.ids.some((id) => matchesPrincipal(id, stream));
		case "not":
			return !matchesPrincipal(principal.id, stream);
		case "authenticated":
			return isAuthenticated(principal.matcher, connection);
		case "source-ip":
			return isAddressIn(principal.range, connection.remote.ip);
		case "direct-remote-ip":
			return isAddressIn(principal.range, connection.directRemote.ip);
		case "remote-ip":
			return isAddressIn(principal.range, stream.remote.ip);
		case "header":
			return request !== undefined && matchRequestHeader(principal.matcher, request);
		case "url-path":
			return matchesUrlPath(principal.matcher, stream);
		case "metadata":
			return matchMetadata(principal.matcher, stream.dynamicMetadata);
		case "route-metadata":
			return matchMetadata(principal.matcher, stream.routeMetadata);
		case "filter-state": {
			const value = stream.filterState?.get(principal.key);
			return typeof value === "string" && matchString(principal.matcher, value);
		}
	}
}

const nameless: readonly string[] = [""];
const nobody: readonly string[] = [];
/** Of each connection: requests ask for them again and again. */
const peerNames = new WeakMap<object, readonly string[]>();

/** The names of a peer: its URI names, its DNS names, its subject; none without TLS, an empty one without a certificate. */
function namesOf({ tls }: ConnectionFacts): readonly string[] {
	if (tls === undefined) return nobody;
	const { peer } = tls;
	if (peer === undefined) return nameless;
	let names = peerNames.get(peer);
	if (names === undefined) {
		names = [...peer.uriSans, ...peer.dnsSans, peer.subject];
		peerNames.set(peer, names);
	}
	return names;
}

function isAuthenticated(matcher: StringMatcher | undefined, connection: ConnectionFacts): boolean {
	if (connection.tls === undefined) return false;
	return matcher === undefined || namesOf(connection).some((name) => matchString(matcher, name));
}

function matchesUrlPath(matcher: StringMatcher, { request }: StreamInfo): boolean {
	return request !== undefined && matchString(matcher, withoutQuery(request.path));
}

function withoutQuery(path: string): string {
	const end = path.search(/[?#]/);
	return end === -1 ? path : path.slice(0, end);
}

/** The address of a host. It has no text of its own in logs, as in Envoy. */
export class UpstreamAddress {
	readonly ip: string;
	readonly port: number;

	constructor(ip: string, port: number) {
		this.ip = ip;
		this.port = port;
	}

	/** What a log shows of it. */
	toJSON(): undefined {
		return undefined;
	}
}

/** Filter state: the `UpstreamAddress` that a request for a name goes to. */
export const upstreamAddressKey = "envoy.stream.upstream_address";

function isUpstreamIn(
	{ range, ports }: Extract<Permission, { readonly kind: "upstream-address" }>,
	upstream: unknown,
): boolean {
	if (!(upstream instanceof UpstreamAddress)) return false;
	const { ip, port } = upstream;
	if (range !== undefined && !isAddressIn(range, ip)) return false;
	return ports === undefined || (port >= ports.start && port <= ports.end);
}

function isAddressIn(range: Parameters<typeof isInCidr>[0], text: string): boolean {
	const address = parseAddress(text);
	return address !== undefined && isInCidr(range, address);
}
