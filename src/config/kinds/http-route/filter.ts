import type { HeaderFilter, PathRewrite, Redirect } from "../../../model/index.ts";
import { list } from "../../schema/collections.ts";
import { dnsSubdomain } from "../../schema/kubernetes.ts";
import { type Field, object, optional, refused, required } from "../../schema/object.ts";
import { integer, oneOf, quote } from "../../schema/scalars.ts";
import { type Reader, refine, type Schema } from "../../schema/schema.ts";
import { headerFilter } from "./header-filter.ts";
import { pathModifier } from "./path.ts";

/** What the filters of a rule or a backend say together. */
export interface Filters {
	readonly requestHeaders?: HeaderFilter;
	readonly responseHeaders?: HeaderFilter;
	readonly redirect?: Redirect;
	readonly rewrite?: { readonly hostname?: string; readonly path?: PathRewrite };
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

const absent: Readonly<Record<string, string>> = {
	RequestMirror: "requests are not mirrored",
	CORS: "answer preflight requests in the application",
	ExtensionRef: "there are no extensions",
	ExternalAuth: "there are no external authorizers; write an AuthorizationPolicy",
};

const headerTypes = ["RequestHeaderModifier", "ResponseHeaderModifier"] as const;
const ruleTypes = [...headerTypes, "RequestRedirect", "URLRewrite"] as const;
type FilterType = (typeof ruleTypes)[number];

/** Which field a filter of a type has its settings in. */
const settingsField = {
	RequestHeaderModifier: "requestHeaderModifier",
	ResponseHeaderModifier: "responseHeaderModifier",
	RequestRedirect: "requestRedirect",
	URLRewrite: "urlRewrite",
} as const satisfies Record<FilterType, string>;

function filterList(types: readonly FilterType[], elsewhere: Readonly<Record<string, string>>): Schema<Filters> {
	const ofRule = <T>(field: Field<T | undefined>): Field<T | undefined> =>
		types.includes("RequestRedirect") ? field : refused(elsewhere.RequestRedirect!);
	const filter = object({
		type: required(oneOf(types, { ...absent, ...elsewhere }), "Which filter it is"),
		requestHeaderModifier: optional(headerFilter, "Changes to the headers of the request"),
		responseHeaderModifier: optional(headerFilter, "Changes to the headers of the response"),
		requestRedirect: ofRule(optional(redirect, "An answer that sends the client elsewhere")),
		urlRewrite: ofRule(optional(rewrite, "Changes to host and path")),
		requestMirror: refused(absent.RequestMirror!),
		cors: refused(absent.CORS!),
		extensionRef: refused(absent.ExtensionRef!),
		externalAuth: refused(absent.ExternalAuth!),
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
			if (first === index) continue;
			isGood = false;
			reader
				.item(index)
				.field("type")
				.refuse(`${quote(value.type)} is there twice: merge it with item ${first}`);
		}
		return isGood ? joinFilters(values) : undefined;
	});
}

interface FilterValue {
	readonly requestHeaderModifier: HeaderFilter | undefined;
	readonly responseHeaderModifier: HeaderFilter | undefined;
	readonly requestRedirect:
		| (Partial<Omit<Redirect, "statusCode">> & { readonly statusCode: number | undefined })
		| undefined;
	readonly urlRewrite: { readonly hostname: string | undefined; readonly path: PathRewrite | undefined } | undefined;
}

function joinFilters(values: readonly FilterValue[]): Filters {
	const joined: { -readonly [K in keyof Filters]: Filters[K] } = {};
	for (const value of values) {
		if (value.requestHeaderModifier !== undefined) joined.requestHeaders = value.requestHeaderModifier;
		if (value.responseHeaderModifier !== undefined) joined.responseHeaders = value.responseHeaderModifier;
		if (value.urlRewrite !== undefined) joined.rewrite = value.urlRewrite as NonNullable<Filters["rewrite"]>;
		if (value.requestRedirect !== undefined)
			joined.redirect = { ...value.requestRedirect, statusCode: value.requestRedirect.statusCode ?? 302 };
	}
	return joined;
}

/** `filters` of a rule. */
export const ruleFilters: Schema<Filters> = filterList(ruleTypes, {});

/** `filters` of a backend. */
export const backendFilters: Schema<Filters> = filterList(headerTypes, {
	RequestRedirect: "it belongs to the rule",
	URLRewrite: "it belongs to the rule",
});

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
