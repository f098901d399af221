import type { RateLimit, RateLimitKey } from "../../../model/index.ts";
import { list } from "../../schema/collections.ts";
import { dnsLabel } from "../../schema/kubernetes.ts";
import { defaulted, object, optional, required } from "../../schema/object.ts";
import { boolean, integer, oneOf, string } from "../../schema/scalars.ts";
import { refine, type Schema } from "../../schema/schema.ts";
import { patterns, principalWarning } from "../authorization-policy/value-match.ts";
import { headerMatches } from "../http-route/match.ts";
import { pathMatch } from "../http-route/path.ts";

const match = object({
	paths: optional(list(pathMatch, { min: 1, max: 64 }), "Paths of the request, any of them"),
	methods: optional(
		list(string({ format: "a method such as GET", pattern: /^[A-Z]+$/, maxLength: 32 }), { min: 1, max: 16 }),
		"Methods of the request, any of them",
	),
	headers: optional(headerMatches, "Headers of the request, all of them"),
	principals: optional(
		patterns(principalWarning),
		"Identities of the caller, `<trust domain>/ns/<namespace>/sa/<service account>`, any of them; one `*` at the start or the end",
	),
});

const keyTypes = [
	"Principal",
	"ServiceAccount",
	"Namespace",
	"ClientAddress",
	"Header",
	"Claim",
	"Method",
	"Constant",
] as const;

const keyFields = object({
	type: required(
		oneOf(keyTypes),
		"`Principal`: the caller's SPIFFE ID; `ServiceAccount` (`namespace/name`) and `Namespace`: parts of it; `ClientAddress`: its address; `Header`: a header of the request; `Claim`: a claim of its checked token; `Method`; `Constant`: always the same",
	),
	name: optional(
		string({ maxLength: 256 }),
		"Of a header (`:authority` is the host), or of a claim (`realm.role` is `role` in `realm`)",
	),
	value: optional(string({ maxLength: 256 }), "Of a constant"),
});

const headerToken = /^:?[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;

/** One of `keys`: requests without the value share one budget. */
const key: Schema<RateLimitKey> = refine(
	keyFields,
	({ type, name, value }, _node, reader): RateLimitKey | undefined => {
		const takesName = type === "Header" || type === "Claim";
		if (takesName && name === undefined) return reader.field("name").refuse(`is required with type ${type}`);
		if (!takesName && name !== undefined) return reader.field("name").refuse(`must not be set with type ${type}`);
		if (type === "Constant" && value === undefined)
			return reader.field("value").refuse("is required with type Constant");
		if (type !== "Constant" && value !== undefined)
			return reader.field("value").refuse(`must not be set with type ${type}`);
		switch (type) {
			case "Principal":
				return { kind: "principal" };
			case "ServiceAccount":
				return { kind: "service-account" };
			case "Namespace":
				return { kind: "namespace" };
			case "ClientAddress":
				return { kind: "client-address" };
			case "Method":
				return { kind: "method" };
			case "Constant":
				return { kind: "constant", value: value! };
			case "Header":
				if (!headerToken.test(name!)) return reader.field("name").refuse("is no name of a header");
				return { kind: "header", name: name!.toLowerCase() };
			case "Claim":
				if (!/^[^.:()%\s]+(\.[^.:()%\s]+)*$/.test(name!))
					return reader
						.field("name")
						.refuse("is no claim: names joined by dots, without spaces, ':', '%' and brackets");
				return { kind: "claim", path: name!.split(".") };
		}
	},
);

const unitSeconds = { Second: 1, Minute: 60, Hour: 3_600, Day: 86_400 } as const;

const fields = object({
	name: required(dnsLabel(), "Name of the limit, unique in the policy; denials and metrics carry it"),
	match: optional(match, "Which requests it counts; all when absent"),
	keys: optional(
		list(key, { min: 1, max: 8 }),
		"What the budget is counted by: each combination of values has a budget of its own. One budget for all when absent",
	),
	requests: required(integer({ min: 1, max: 1_000_000_000 }), "Requests that may pass in a unit of time"),
	unit: required(oneOf(["Second", "Minute", "Hour", "Day"]), "Unit of time; the budget fills steadily over it"),
	burst: optional(
		integer({ min: 1, max: 1_000_000_000 }),
		"Requests that may pass at once after a pause; `requests` by default",
	),
	scope: defaulted(
		oneOf(["Local", "Global"]),
		"Local",
		"`Local`: each proxy counts for itself; `Global`: all proxies share the budget by leases of the control plane",
		"Local",
	),
	mode: defaulted(
		oneOf(["Enforce", "DryRun"]),
		"Enforce",
		"`DryRun`: requests pass, and what would have been refused is counted",
		"Enforce",
	),
	maxKeys: defaulted(
		integer({ min: 1, max: 100_000 }),
		1_000,
		"Budgets that each proxy keeps at a time, with keys; beyond, the longest unused one is forgotten",
		"1000",
	),
	headers: defaulted(
		boolean(),
		true,
		"Whether answers carry `x-ratelimit-limit`, `-remaining` and `-reset` (local limits; refusals always carry `retry-after`)",
		"true",
	),
	withoutLease: optional(
		object({
			behavior: defaulted(
				oneOf(["Share", "Open", "Closed"]),
				"Share",
				"`Share`: a share of the limit; `Open`: every request passes; `Closed`: none does",
				"Share",
			),
			percent: optional(
				integer({ min: 1, max: 100 }),
				"That share for each proxy; by default the limit divided by the proxies that enforce it, rounded up to a power of two",
			),
		}),
		"Global: what holds for a proxy that has no lease, because it is new or the control plane is away for long",
	),
});

/** One of `limits`. */
export const limit: Schema<RateLimit> = refine(fields, (value, _node, reader) => {
	if (value.scope === "Local" && value.withoutLease !== undefined)
		return reader.field("withoutLease").refuse("belongs to the scope Global: a local limit needs no lease");
	if (value.withoutLease?.percent !== undefined && value.withoutLease.behavior !== "Share")
		return reader.field("withoutLease").field("percent").refuse("belongs to the behavior Share");
	return toLimit(value, reader.path);
});

const leaseless = { Share: "share", Open: "open", Closed: "closed" } as const;

function toLimit(value: ValueOf<typeof fields>, path: string): RateLimit {
	const sharePercent = value.withoutLease?.percent;
	return {
		name: value.name,
		match: {
			paths: value.match?.paths ?? [],
			methods: value.match?.methods ?? [],
			headers: value.match?.headers ?? [],
			principals: value.match?.principals ?? [],
		},
		keys: value.keys ?? [],
		requests: value.requests,
		unitSeconds: unitSeconds[value.unit],
		burst: value.burst ?? value.requests,
		scope: value.scope === "Local" ? "local" : "global",
		isDryRun: value.mode === "DryRun",
		maxKeys: value.maxKeys,
		sendsHeaders: value.headers,
		withoutLease: leaseless[value.withoutLease?.behavior ?? "Share"],
		...(sharePercent !== undefined && { sharePercent }),
		path,
	};
}

type ValueOf<S> = S extends Schema<infer T> ? T : never;
