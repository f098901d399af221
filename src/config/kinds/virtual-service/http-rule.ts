import type { ObjectName, RouteRule } from "../../../model/index.ts";
import { list } from "../../schema/collections.ts";
import { istioDurationOrZero } from "../../schema/durations.ts";
import { dnsLabel, dnsSubdomain } from "../../schema/kubernetes.ts";
import { object, optional, required } from "../../schema/object.ts";
import { boolean, string } from "../../schema/scalars.ts";
import { type Reader, refine, type Schema } from "../../schema/schema.ts";
import { httpDestination, weightedBackends } from "../istio/destination.ts";
import { headerChanges } from "../istio/headers.ts";
import { corsPolicy, directResponse, redirect, retries, rewrite } from "./actions.ts";
import { fault, mirrorFields, toMirrors } from "./fault.ts";
import { anyHttp, httpMatch } from "./http-match.ts";

/** A rule as written: it may hand over to another VirtualService. */
export interface HttpRuleDocument extends RouteRule {
	/** The VirtualService whose rules stand in its place; without a namespace, that of the object. */
	readonly delegate?: Partial<ObjectName> & Pick<ObjectName, "name">;
	/** Whether the document gave it matches: one without them takes those of the rule that delegates to it. */
	readonly hasMatches: boolean;
}

const fields = object({
	name: optional(string({ maxLength: 256 }), "Name of the rule, for logs"),
	match: optional(list(httpMatch, { max: 1000 }), "Requests it is for, any of them; all when absent"),
	route: optional(weightedBackends(list(httpDestination, { min: 1, max: 256 })), "Where requests go, by weight"),
	redirect: optional(redirect, "An answer that sends the client elsewhere"),
	directResponse: optional(directResponse, "An answer by the proxy itself"),
	delegate: optional(
		object({
			name: required(dnsSubdomain(), "Name of the VirtualService"),
			namespace: optional(dnsLabel(), "Its namespace; that of the object when absent"),
		}),
		"Another VirtualService, without hosts, whose rules stand in its place",
	),
	rewrite: optional(rewrite, "Changes to path and host"),
	timeout: optional(istioDurationOrZero(), "Time the whole exchange may take; without bound when absent or 0s"),
	retries: optional(retries, "When a request is tried again; twice on failed connections when absent"),
	fault: optional(fault, "Faults made on purpose"),
	...mirrorFields,
	corsPolicy: optional(corsPolicy, "Answers to requests of pages of other origins"),
	headers: optional(headerChanges, "Changes to headers"),
	websocketUpgrade: optional(boolean(), "Without effect: upgrades always pass"),
});

type Spec = typeof fields extends Schema<infer T> ? T : never;

/** One of `http`. */
export const httpRule: Schema<HttpRuleDocument> = refine(fields, (value, _node, reader) =>
	isPossible(value, reader) ? toRule(value, reader.path) : undefined,
);

/** One action a rule, and what its matches allow. */
function isPossible(value: Spec, reader: Reader): boolean {
	const actions = (["route", "redirect", "directResponse", "delegate"] as const).filter(
		(name) => value[name] !== undefined,
	);
	if (actions.length === 0) reader.refuse("must have one of route, redirect, directResponse and delegate");
	else if (actions.length > 1) reader.refuse(`must have one action, not ${actions.join(" and ")}`);
	else if (value.redirect !== undefined && value.rewrite !== undefined) reader.refuse("a redirect excludes rewrite");
	else if (value.redirect?.path?.kind === "startsWith" && hasOtherThanPrefix(value))
		reader
			.field("redirect")
			.field("prefixRewrite")
			.refuse("needs a prefix match on the path in every match of the rule");
	else return true;
	return false;
}

function hasOtherThanPrefix({ match }: Spec): boolean {
	return (match ?? []).some(({ path }) => path.kind !== "startsWith");
}

function toRule(value: Spec, path: string): HttpRuleDocument {
	const { headers, retries: retry } = value;
	const hostname = value.rewrite?.hostname ?? headers?.hostname;
	const mirrors = toMirrors(value);
	const changed = {
		...(hostname !== undefined && { hostname }),
		...(value.rewrite?.path !== undefined && { path: value.rewrite.path }),
	};
	return {
		...(value.name !== undefined && { name: value.name }),
		matches: value.match === undefined || value.match.length === 0 ? [anyHttp] : value.match,
		hasMatches: value.match !== undefined && value.match.length > 0,
		backends: value.route ?? [],
		...(value.delegate !== undefined && {
			delegate: {
				name: value.delegate.name,
				...(value.delegate.namespace !== undefined && { namespace: value.delegate.namespace }),
			},
		}),
		...(headers?.request !== undefined && { requestHeaders: headers.request }),
		...(headers?.response !== undefined && { responseHeaders: headers.response }),
		...(value.redirect !== undefined && { redirect: value.redirect }),
		...(value.directResponse !== undefined && { directResponse: value.directResponse }),
		...(Object.keys(changed).length > 0 && { rewrite: changed }),
		...(value.timeout !== undefined && { timeoutMs: value.timeout }),
		...(retry?.perTryTimeoutMs !== undefined && { backendTimeoutMs: retry.perTryTimeoutMs }),
		...(retry !== undefined && { retry: retry.retry }),
		...(mirrors.length > 0 && { mirrors }),
		...(value.fault !== undefined && { fault: value.fault }),
		...(value.corsPolicy !== undefined && { cors: value.corsPolicy }),
		path,
	};
}
