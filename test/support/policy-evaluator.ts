/** What AuthorizationPolicies say of a request, straight from their text as Istio's reference describes it: nothing of `src` is used, so that
 *  whoever agrees with it agrees with Istio. */
import { BlockList, isIPv6 } from "node:net";

/** A request with all that policies look at. */
export interface JudgedRequest {
	/** SPIFFE ID of the peer; plain text without one. */
	readonly peer?: string;
	readonly serverName?: string;
	readonly ip: string;
	/** The original client's. */
	readonly remoteIp: string;
	readonly destinationIp: string;
	readonly port: number;
	readonly method: string;
	readonly host: string;
	/** With its query. */
	readonly path: string;
	readonly headers: readonly (readonly [name: string, value: string])[];
	/** Claims of a token that was found good. */
	readonly claims?: Readonly<Record<string, unknown>>;
}

type Texts = readonly string[];
type Fields = Readonly<Record<string, Texts | undefined>>;

export interface PolicyRule {
	readonly from?: readonly { readonly source: Fields }[];
	readonly to?: readonly { readonly operation: Fields }[];
	readonly when?: readonly { readonly key: string; readonly values?: Texts; readonly notValues?: Texts }[];
}

/** A policy as its document has it. */
export interface PolicyDocument {
	readonly metadata: {
		readonly name: string;
		readonly namespace: string;
		readonly annotations?: Readonly<Record<string, string>>;
	};
	readonly spec: {
		readonly selector?: { readonly matchLabels: Readonly<Record<string, string>> };
		readonly targetRefs?: readonly object[];
		readonly action?: "ALLOW" | "DENY" | "AUDIT" | "CUSTOM";
		readonly rules?: readonly PolicyRule[];
	};
}

/** The workload that is called. */
export interface JudgedWorkload {
	readonly namespace: string;
	readonly labels: Readonly<Record<string, string>>;
}

const rootNamespace = "istio-system";

/** Whether a request passes where whoever is asked by CUSTOM policies refuses: CUSTOM, DENY, then ALLOW. */
export function evaluatePolicies(
	policies: readonly PolicyDocument[],
	workload: JudgedWorkload,
	request: JudgedRequest,
): boolean {
	const covering = policies.filter(
		({ metadata, spec }) =>
			metadata.annotations?.["istio.io/dry-run"] !== "true" &&
			spec.targetRefs === undefined &&
			[rootNamespace, workload.namespace].includes(metadata.namespace) &&
			Object.entries(spec.selector?.matchLabels ?? {}).every(([key, value]) => workload.labels[key] === value),
	);
	const of = (action: string) => covering.filter(({ spec }) => (spec.action ?? "ALLOW") === action);
	const isMatching = ({ metadata, spec }: PolicyDocument): boolean =>
		(spec.rules ?? []).some((rule) => matchesRule(rule, metadata.namespace, request));
	if (of("CUSTOM").some(isMatching) || of("DENY").some(isMatching)) return false;
	return of("ALLOW").length === 0 || of("ALLOW").some(isMatching);
}

function matchesRule({ from, to, when }: PolicyRule, namespace: string, request: JudgedRequest): boolean {
	const has = (name: string, values: Texts): boolean => values.some((value) => attributes(name, value));
	const attributes = (name: string, value: string): boolean => matchesAttribute(name, value, namespace, request);
	const isAll = (fields: Fields): boolean =>
		Object.entries(fields).every(([name, values]) => {
			if (values === undefined) return true;
			const positive = /^not([A-Z])(.*)$/.exec(name);
			return positive === null ? has(name, values) : !has(positive[1]!.toLowerCase() + positive[2]!, values);
		});
	return (
		(from === undefined || from.some(({ source }) => isAll(source))) &&
		(to === undefined || to.some(({ operation }) => isAll(operation))) &&
		(when ?? []).every(
			({ key, values, notValues }) =>
				(values === undefined || has(key, values)) && (notValues === undefined || !has(key, notValues)),
		)
	);
}

function matchesAttribute(name: string, value: string, namespace: string, request: JudgedRequest): boolean {
	const [, domain, callerNamespace, account] =
		/^spiffe:\/\/([^/]+)\/ns\/([^/]+)\/sa\/(.+)$/.exec(request.peer ?? "") ?? [];
	const claims = request.claims ?? {};
	switch (name) {
		case "principals":
		case "source.principal":
			return matchesText(value, request.peer?.slice("spiffe://".length));
		case "trustDomains":
		case "source.trustDomain":
			return matchesText(value, /^spiffe:\/\/([^/]+)/.exec(request.peer ?? "")?.[1]);
		case "namespaces":
		case "source.namespace":
			return domain !== undefined && matchesText(value, callerNamespace);
		case "serviceAccounts":
		case "source.serviceAccount":
			return (value.includes("/") ? value : `${namespace}/${value}`) === `${callerNamespace}/${account}`;
		case "ipBlocks":
		case "source.ip":
			return matchesBlock(value, request.ip);
		case "remoteIpBlocks":
		case "remote.ip":
			return matchesBlock(value, request.remoteIp);
		case "destination.ip":
			return matchesBlock(value, request.destinationIp);
		case "requestPrincipals":
		case "request.auth.principal":
			return claims.iss !== undefined && claims.sub !== undefined && matchesText(value, `${claims.iss}/${claims.sub}`);
		case "request.auth.audiences":
			return matchesClaim(value, claims.aud);
		case "request.auth.presenter":
			return matchesClaim(value, claims.azp);
		case "hosts":
			return matchesText(value.toLowerCase(), request.host.toLowerCase());
		case "methods":
			return matchesText(value, request.method);
		case "paths":
			return matchesPath(value, request.path.split(/[?#]/)[0]!);
		case "ports":
		case "destination.port":
			return Number(value) === request.port;
		case "connection.sni":
			return matchesText(value, request.serverName);
		default:
			return matchesNamed(name, value, request);
	}
}

function matchesNamed(name: string, value: string, request: JudgedRequest): boolean {
	const keys = [...name.matchAll(/\[([^\]]+)\]/g)].map(([, key]) => key!);
	if (name.startsWith("request.headers[")) {
		const values = request.headers.filter(([header]) => header.toLowerCase() === keys[0]!.toLowerCase());
		const texts = values.map(([, text]) => text);
		// Envoy keeps what browsers send once as one field, and looks at several fields of other names one by one.
		const fields = keys[0]!.toLowerCase() === "user-agent" && texts.length > 0 ? [texts.join(",")] : texts;
		return fields.some((text) => value === "*" || matchesText(value, text));
	}
	if (!name.startsWith("request.auth.claims[")) throw new Error(`unknown attribute ${name}`);
	const found = keys.reduce<unknown>(
		(claims, key) => (claims as Record<string, unknown> | undefined)?.[key],
		request.claims,
	);
	return matchesClaim(value, found);
}

/** A claim matches as a text, or with one of its texts. */
function matchesClaim(value: string, claim: unknown): boolean {
	const texts: readonly unknown[] = Array.isArray(claim) ? claim : [claim];
	return texts.some((text) => typeof text === "string" && matchesText(value, text));
}

/** Exact, prefix, suffix and presence. */
function matchesText(value: string, text: string | undefined): boolean {
	if (text === undefined || text === "") return false;
	if (value === "*") return true;
	if (value.startsWith("*")) return text.endsWith(value.slice(1));
	return value.endsWith("*") ? text.startsWith(value.slice(0, -1)) : text === value;
}

/** `{*}` is one segment, `{**}` any rest of the path. */
function matchesPath(value: string, path: string): boolean {
	if (!/\{\*\*?\}/.test(value)) return matchesText(value, path);
	const [before, after] = value.split("{**}");
	const pattern = (part: string): string =>
		part
			.split("{*}")
			.map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"))
			.join("[^/]+");
	return new RegExp(`^${pattern(before!)}${after === undefined ? "" : `.*${pattern(after)}`}$`).test(path);
}

function matchesBlock(value: string, ip: string): boolean {
	const [address, length] = value.split("/");
	const family = (text: string) => (isIPv6(text) ? "ipv6" : "ipv4");
	if (family(address!) !== family(ip)) return false;
	const blocks = new BlockList();
	blocks.addSubnet(address!, Number(length ?? (isIPv6(address!) ? 128 : 32)), family(address!));
	return blocks.check(ip, family(ip));
}
