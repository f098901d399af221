import { matchesExpression } from "../expression/index.ts";
import type { StreamInfo } from "../format/index.ts";
import type { CidrRange, HeaderMatcher, MetadataMatcher, StringMatcher, ValueMatcher } from "../matcher/index.ts";
import { matchesPermission, matchesPrincipal, UpstreamAddress, upstreamAddressKey } from "./authorize.ts";
import type { Permission, Principal, RbacPolicy, RbacRules } from "./types.ts";

/** One condition that a stream does not meet. */
export interface FailedCondition {
	/** What of the stream was looked at: `principal`, `path`, `header x-team`, … */
	readonly attribute: string;
	/** What it is; undefined where it is absent, or may be a secret (headers, claims). */
	readonly actual: string | undefined;
	/** What the policy wants. */
	readonly wanted: string;
}

/** Why one policy did not match. */
export interface UnmetPolicy {
	readonly policy: string;
	/** The fewest conditions that would have to change, of permissions and principals. */
	readonly failed: readonly FailedCondition[];
}

/** Why rules deny a stream, as `authorize` judged it: the first fifty ALLOW policies with what each lacks, the nearest first; nothing for rules whose
 *  matching policy denies, since its name says it all. Costs as much as judging again, so it is for denied streams only. */
export function explainDenial(rules: RbacRules, stream: StreamInfo): readonly UnmetPolicy[] {
	if (rules.action !== "allow" || rules.tree !== undefined) return [];
	return rules.policies
		.slice(0, maximumPolicies)
		.map((policy) => ({ policy: policy.name, failed: findFailures(policy, stream) }))
		.sort((a, b) => a.failed.length - b.failed.length);
}

/** The explanation in one line of at most 480 characters, the nearest three policies; empty when there is nothing to say. */
export function formatDenial(unmet: readonly UnmetPolicy[]): string {
	const told = unmet.slice(0, maximumTold).map(({ failed, policy }) => {
		const reasons = failed.map(
			({ actual, attribute, wanted }) =>
				`${attribute} ${actual === undefined ? "does not match" : `is ${JSON.stringify(actual)}`}, wanted ${wanted}`,
		);
		return `${policy}: ${reasons.join("; ")}`;
	});
	const rest = unmet.length > maximumTold ? [`and ${unmet.length - maximumTold} more`] : [];
	// It goes into headers.
	return cut([...told, ...rest].join(" | "), maximumLength).replace(/[^\x20-\x7e]/g, "?");
}

/** A flood of denied requests must not cost much more than one of allowed ones. */
const maximumPolicies = 50;
const maximumTold = 3;
const maximumLength = 480;
/** Of one value. */
const maximumValue = 120;

function findFailures({ permissions, principals, condition }: RbacPolicy, stream: StreamInfo): FailedCondition[] {
	const isUnmet = condition !== undefined && !matchesExpression(condition, stream);
	return [
		...nearest(permissions.map((permission) => failuresOfPermission(permission, stream))),
		...nearest(principals.map((principal) => failuresOfPrincipal(principal, stream))),
		...(isUnmet ? [{ attribute: "condition", actual: undefined, wanted: "true" }] : []),
	];
}

/** The alternative with the fewest failures; one that nothing can meet when there is none. */
function nearest(alternatives: readonly FailedCondition[][]): FailedCondition[] {
	let best = alternatives[0];
	for (const failures of alternatives) if (failures.length < best!.length) best = failures;
	return best ?? [{ attribute: "policy", actual: undefined, wanted: "something that it does not name" }];
}

function failuresOfPermission(permission: Permission, stream: StreamInfo): FailedCondition[] {
	if (matchesPermission(permission, stream)) return [];
	switch (permission.kind) {
		case "and":
			return permission.rules.flatMap((rule) => failuresOfPermission(rule, stream));
		case "or":
			return nearest(permission.rules.map((rule) => failuresOfPermission(rule, stream)));
		case "not":
			return [negate(describePermission(permission.rule, stream))];
		default:
			return [describePermission(permission, stream)];
	}
}

function failuresOfPrincipal(principal: Principal, stream: StreamInfo): FailedCondition[] {
	if (matchesPrincipal(principal, stream)) return [];
	switch (principal.kind) {
		case "and":
			return principal.ids.flatMap((id) => failuresOfPrincipal(id, stream));
		case "or":
			return nearest(principal.ids.map((id) => failuresOfPrincipal(id, stream)));
		case "not":
			return [negate(describePrincipal(principal.id, stream))];
		default:
			return [describePrincipal(principal, stream)];
	}
}

function negate({ actual, attribute, wanted }: FailedCondition): FailedCondition {
	return { attribute, actual, wanted: `not ${wanted}` };
}

function describePermission(permission: Permission, stream: StreamInfo): FailedCondition {
	switch (permission.kind) {
		case "any":
		case "and":
		case "or":
		case "not":
			return { attribute: "operation", actual: undefined, wanted: "another one" };
		case "uri-template":
			return condition("path", pathOf(stream), describeRegex(permission.regex));
		case "destination-ip":
			return condition("destination address", stream.connection.local.ip, formatRange(permission.range));
		case "destination-port": {
			const { end, start } = permission;
			return condition(
				"port",
				String(stream.connection.local.port),
				end === start + 1 ? String(start) : `${start} to ${end - 1}`,
			);
		}
		case "upstream-address": {
			const { ports, range } = permission;
			const wanted = [
				...(range === undefined ? [] : [formatRange(range)]),
				...(ports === undefined ? [] : [`port ${ports.start} to ${ports.end}`]),
			].join(", ");
			const found = stream.filterState?.get(upstreamAddressKey);
			return condition("upstream address", found instanceof UpstreamAddress ? `${found.ip}:${found.port}` : "", wanted);
		}
		case "requested-server-name":
			return condition("server name", stream.connection.serverName, describeMatcher(permission.matcher));
		default:
			return describeShared(permission, stream);
	}
}

function describePrincipal(principal: Principal, stream: StreamInfo): FailedCondition {
	const { connection } = stream;
	switch (principal.kind) {
		case "any":
		case "and":
		case "or":
		case "not":
			return { attribute: "caller", actual: undefined, wanted: "another one" };
		case "authenticated": {
			const names = connection.tls?.peer?.uriSans ?? [];
			const actual = connection.tls === undefined ? "nobody (plain text)" : (names[0] ?? "a peer without identity");
			const { matcher } = principal;
			return condition("principal", actual, matcher === undefined ? "any identity" : describeMatcher(matcher));
		}
		case "source-ip":
			return condition("source address", connection.remote.ip, formatRange(principal.range));
		case "direct-remote-ip":
			return condition("source address", connection.directRemote.ip, formatRange(principal.range));
		case "remote-ip":
			return condition("client address", stream.remote.ip, formatRange(principal.range));
		case "filter-state":
			return condition(`filter state ${principal.key}`, undefined, describeMatcher(principal.matcher));
		default:
			return describeShared(principal, stream);
	}
}

type Shared = Extract<Permission | Principal, { readonly kind: "header" | "url-path" | "metadata" | "route-metadata" }>;

function describeShared(shared: Shared, stream: StreamInfo): FailedCondition {
	switch (shared.kind) {
		case "url-path":
			return condition("path", pathOf(stream), describeMatcher(shared.matcher));
		case "header":
			return describeHeader(shared.matcher, stream);
		case "metadata":
		case "route-metadata":
			return describeMetadata(shared.matcher);
	}
}

const pseudoHeaders: Readonly<Record<string, string>> = { ":method": "method", ":authority": "host", host: "host" };

/** Values of headers are not shown: they may be secrets. What the request line says is no secret of its sender. */
function describeHeader({ invert, name, value }: HeaderMatcher, { request }: StreamInfo): FailedCondition {
	const known = pseudoHeaders[name];
	const actual = known === "method" ? request?.method : known === "host" ? request?.authority : undefined;
	const wanted =
		value.kind === "present"
			? value.present
				? "to be there"
				: "to be absent"
			: value.kind === "range"
				? `${value.start} to ${value.end - 1n}`
				: describeMatcher(value.matcher);
	return condition(known ?? `header ${name}`, actual, invert ? `not ${wanted}` : wanted);
}

function describeValue(value: ValueMatcher): string {
	switch (value.kind) {
		case "string":
			return describeMatcher(value.matcher);
		case "present":
			return value.present ? "to be there" : "to be absent";
		case "list":
			return `a list with ${describeValue(value.oneOf)}`;
		case "or":
			return value.matchers.map(describeValue).join(" or ");
		case "bool":
		case "number":
			return String(value.value);
		case "range":
			return `${value.start} to ${value.end}`;
		case "null":
			return "null";
	}
}

function describeMetadata({ invert, path, value }: MetadataMatcher): FailedCondition {
	const wanted = describeValue(value);
	const [first = "", ...rest] = path;
	const attribute = first === "payload" ? `claim ${rest.join(".")}` : `metadata ${path.join(".")}`;
	return condition(attribute, undefined, invert ? `not ${wanted}` : wanted);
}

function condition(attribute: string, actual: string | undefined, wanted: string): FailedCondition {
	return {
		attribute,
		actual: actual === undefined ? undefined : cut(actual, maximumValue),
		wanted: cut(wanted, maximumValue),
	};
}

function cut(text: string, length: number): string {
	return text.length <= length ? text : `${text.slice(0, length - 3)}...`;
}

/** The query is left out: tokens travel there. */
function pathOf({ request }: StreamInfo): string | undefined {
	return request?.path.replace(/[?#].*$/s, "");
}

function describeMatcher(matcher: StringMatcher): string {
	switch (matcher.kind) {
		case "exact":
			return JSON.stringify(matcher.value);
		case "prefix":
			return `${JSON.stringify(matcher.value)}...`;
		case "suffix":
			return `...${JSON.stringify(matcher.value)}`;
		case "contains":
			return `...${JSON.stringify(matcher.value)}...`;
		case "regex":
			return describeRegex(matcher.regex);
	}
}

function describeRegex(regex: RegExp): string {
	return `/${regex.source}/`;
}

function formatRange({ address, prefixLength }: CidrRange): string {
	const text =
		address.length === 4
			? address.join(".")
			: Array.from({ length: 8 }, (_, at) => ((address[at * 2]! << 8) | address[at * 2 + 1]!).toString(16)).join(":");
	return `${text}/${prefixLength}`;
}
