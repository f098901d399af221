import type { Cors, HeaderFilter, PathRewrite, Redirect } from "../../../model/index.ts";
import { list } from "../../schema/collections.ts";
import { dnsSubdomain } from "../../schema/kubernetes.ts";
import { type Field, object, optional, refused, required } from "../../schema/object.ts";
import { integer, oneOf, quote, string } from "../../schema/scalars.ts";
import { type Reader, refine, type Schema } from "../../schema/schema.ts";
import { group, kindName } from "../gateway-api/reference.ts";
import { cors } from "./cors.ts";
import { type ExternalAuthSpec, externalAuth } from "./external-auth.ts";
import { headerFilter, splitHost } from "./header-filter.ts";
import { type MirrorSpec, mirror } from "./mirror.ts";
import { pathModifier } from "./path.ts";

/** What the filters of a rule or a backend say together. */
export interface Filters {
	readonly requestHeaders?: HeaderFilter;
	readonly responseHeaders?: HeaderFilter;
	readonly redirect?: Redirect;
	readonly rewrite?: { readonly hostname?: string; readonly path?: PathRewrite };
	readonly mirrors: readonly MirrorSpec[];
	readonly cors?: Cors;
	readonly externalAuth?: ExternalAuthSpec;
	/** Filters of other implementations: requests of the rule are answered with 500. */
	readonly extensions: readonly {
		readonly group: string;
		readonly kind: string;
		readonly name: string;
		readonly path: string;
	}[];
}

const hostname = dnsSubdomain();

const redirect = object({
	scheme: optional(oneOf(["http", "https"]), "Scheme of the new address; that of the request when absent"),
	hostname: optional(hostname, "Host of the new address; that of the request when absent"),
	path: optional(pathModifier, "Path of the new address; that of the request when absent"),
	port: optional(
		integer({ min: 1, max: 65_535 }),
		"Port of the new address; the scheme's own when a scheme is given, else that of the request",
	),
	statusCode: optional(integer({ min: 301, max: 308 }), "301, 302, 303, 307 or 308; 302 when absent"),
});

const rewrite = object({
	hostname: optional(hostname, "Host that the backend sees"),
	path: optional(pathModifier, "Path that the backend sees"),
});

const headerTypes = ["RequestHeaderModifier", "ResponseHeaderModifier"] as const;
const grpcTypes = [...headerTypes, "RequestMirror", "ExtensionRef"] as const;
const ruleTypes = [...grpcTypes, "RequestRedirect", "URLRewrite", "CORS", "ExternalAuth"] as const;
type FilterType = (typeof ruleTypes)[number];

const extension = refine(
	object({
		group: required(group(), "Group of the filter"),
		kind: required(kindName(), "Kind of the filter"),
		name: required(string({ maxLength: 253 }), "Name of the filter"),
	}),
	(value, _node, reader) => {
		reader.warn(`there is no filter ${value.group}/${value.kind} here: requests of this rule are answered with 500`);
		return { ...value, path: reader.path };
	},
);

/** Which field a filter of a type has its settings in. */
const settingsField = {
	RequestHeaderModifier: "requestHeaderModifier",
	ResponseHeaderModifier: "responseHeaderModifier",
	RequestRedirect: "requestRedirect",
	URLRewrite: "urlRewrite",
	RequestMirror: "requestMirror",
	CORS: "cors",
	ExternalAuth: "externalAuth",
	ExtensionRef: "extensionRef",
} as const satisfies Record<FilterType, string>;

function filterList(types: readonly FilterType[], elsewhere: Readonly<Record<string, string>>): Schema<Filters> {
	const ifKnown = <T>(type: FilterType, field: Field<T | undefined>): Field<T | undefined> =>
		types.includes(type) ? field : refused(elsewhere[type]!);
	const filter = object({
		type: required(oneOf(types, elsewhere), "Which filter it is"),
		requestHeaderModifier: optional(headerFilter, "Changes to the headers of the request"),
		responseHeaderModifier: optional(headerFilter, "Changes to the headers of the response"),
		requestRedirect: ifKnown("RequestRedirect", optional(redirect, "An answer that sends the client elsewhere")),
		urlRewrite: ifKnown("URLRewrite", optional(rewrite, "Changes to host and path")),
		requestMirror: ifKnown("RequestMirror", optional(mirror, "Copies of requests for another Service")),
		cors: ifKnown("CORS", optional(cors, "Which scripts of other origins may read answers")),
		extensionRef: ifKnown("ExtensionRef", optional(extension, "A filter of another implementation; there are none")),
		externalAuth: ifKnown("ExternalAuth", optional(externalAuth, "A service that is asked whether requests may pass")),
	});
	const checked = refine(filter, (value, _node, reader) => {
		const wanted = settingsField[value.type];
		let isGood = true;
		for (const field of Object.values(settingsField)) {
			if (field === wanted && value[field] === undefined)
				reader.field(field).refuse(`is required with type ${value.type}`);
			else if (field !== wanted && value[field] !== undefined)
				reader.field(field).refuse(`must not be set with type ${value.type}`);
			else continue;
			isGood = false;
		}
		const status = value.requestRedirect?.statusCode;
		if (status === undefined || [301, 302, 303, 307, 308].includes(status)) return isGood ? value : undefined;
		return reader
			.field("requestRedirect")
			.field("statusCode")
			.refuse(`must be 301, 302, 303, 307 or 308, not ${status}`);
	});
	return refine(list(checked, { max: 16 }), (values, _node, reader) => {
		let isGood = true;
		for (const [index, value] of values.entries()) {
			const first = values.findIndex((candidate) => candidate.type === value.type);
			if (first === index || repeatable.has(value.type)) continue;
			isGood = false;
			reader
				.item(index)
				.field("type")
				.refuse(`${quote(value.type)} is there twice: merge it with item ${first}`);
		}
		return isGood ? joinFilters(values) : undefined;
	});
}

/** Types that a rule may have several filters of. */
const repeatable: ReadonlySet<FilterType> = new Set(["RequestMirror", "ExtensionRef"]);

interface FilterValue {
	readonly requestHeaderModifier: HeaderFilter | undefined;
	readonly responseHeaderModifier: HeaderFilter | undefined;
	readonly requestRedirect:
		| (Partial<Omit<Redirect, "statusCode">> & { readonly statusCode: number | undefined })
		| undefined;
	readonly urlRewrite: { readonly hostname: string | undefined; readonly path: PathRewrite | undefined } | undefined;
	readonly requestMirror: MirrorSpec | undefined;
	readonly cors: Cors | undefined;
	readonly externalAuth: ExternalAuthSpec | undefined;
	readonly extensionRef: Filters["extensions"][number] | undefined;
}

function joinFilters(values: readonly FilterValue[]): Filters {
	const joined: { -readonly [K in keyof Filters]: Filters[K] } = {
		mirrors: values.flatMap((value) => value.requestMirror ?? []),
		extensions: values.flatMap((value) => value.extensionRef ?? []),
	};
	let host: string | undefined;
	for (const value of values) {
		if (value.requestHeaderModifier !== undefined) {
			const { headers, hostname } = splitHost(value.requestHeaderModifier);
			joined.requestHeaders = headers;
			host = hostname;
		}
		if (value.responseHeaderModifier !== undefined)
			joined.responseHeaders = splitHost(value.responseHeaderModifier).headers;
		if (value.cors !== undefined) joined.cors = value.cors;
		if (value.externalAuth !== undefined) joined.externalAuth = value.externalAuth;
		if (value.urlRewrite !== undefined) joined.rewrite = value.urlRewrite as NonNullable<Filters["rewrite"]>;
		if (value.requestRedirect !== undefined)
			joined.redirect = { ...value.requestRedirect, statusCode: value.requestRedirect.statusCode ?? 302 };
	}
	if (host !== undefined && joined.redirect === undefined && joined.rewrite?.hostname === undefined)
		joined.rewrite = { ...joined.rewrite, hostname: host };
	return joined;
}

const notForCalls = {
	RequestRedirect: "gRPC has no redirects",
	URLRewrite: "gRPC names services and methods by path",
	CORS: "it is for browsers and belongs to an HTTPRoute",
	ExternalAuth: "it belongs to an HTTPRoute; write an AuthorizationPolicy with the action CUSTOM",
};

/** `filters` of a rule. */
export const ruleFilters: Schema<Filters> = filterList(ruleTypes, {});

/** `filters` of a rule of a GRPCRoute. */
export const grpcFilters: Schema<Filters> = filterList(grpcTypes, notForCalls);

/** `filters` of a backend: for the requests that would be sent to it. */
export const backendFilters: Schema<Filters> = filterList(ruleTypes, {});

/** `filters` of a backend of a GRPCRoute. */
export const grpcBackendFilters: Schema<Filters> = filterList(grpcTypes, notForCalls);

/** Checks what the filters of a rule need of the rest of it; false after a refusal. */
export function checkRuleFilters(
	rule: { readonly filters: Filters | undefined; readonly backends: number; readonly hasOnePrefix: boolean },
	reader: Reader,
): boolean {
	const { redirect: sent, rewrite: changed } = rule.filters ?? {};
	let isGood = true;
	const refuse = (problem: string): void => {
		isGood = false;
		reader.field("filters").refuse(problem);
	};
	if (sent !== undefined && changed !== undefined) refuse("RequestRedirect and URLRewrite exclude each other");
	if (sent !== undefined && rule.backends > 0) refuse("a rule with RequestRedirect must have no backendRefs");
	if ((sent?.path?.kind === "prefix" || changed?.path?.kind === "prefix") && !rule.hasOnePrefix)
		refuse("ReplacePrefixMatch needs exactly one match, with a path of type PathPrefix");
	return isGood;
}
