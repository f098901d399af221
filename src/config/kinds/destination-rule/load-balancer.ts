import type { ConsistentHash, LoadBalancer, LocalitySettings, Warmup } from "../../../model/index.ts";
import { list, map } from "../../schema/collections.ts";
import { istioDuration, istioDurationOrZero } from "../../schema/durations.ts";
import { defaulted, object, optional, refused, required } from "../../schema/object.ts";
import { boolean, integer, number, oneOf, quote, string } from "../../schema/scalars.ts";
import { refine, type Schema } from "../../schema/schema.ts";
import { headerName } from "../http-route/header-filter.ts";

const maxCount = 2 ** 31 - 1;

const cookie = object({
	name: required(string({ maxLength: 256 }), "Name of the cookie"),
	path: optional(string({ minLength: 0, maxLength: 256 }), "Path of a cookie that the proxy makes"),
	ttl: optional(
		istioDurationOrZero(),
		"Life of a cookie that the proxy makes; none is made without it, 0s is the session",
	),
	attributes: optional(
		list(object({ name: required(string(), "Name"), value: optional(string({ minLength: 0 }), "Value") }), { max: 16 }),
		"Further attributes of a cookie that the proxy makes",
	),
});

const keys = ["httpHeaderName", "httpCookie", "useSourceIp", "httpQueryParameterName"] as const;

const consistentHash: Schema<ConsistentHash> = refine(
	object({
		httpHeaderName: optional(headerName(), "Header whose value is the key"),
		httpCookie: optional(cookie, "Cookie whose value is the key"),
		useSourceIp: optional(boolean(), "The client's address is the key"),
		httpQueryParameterName: optional(string({ maxLength: 256 }), "Query parameter whose value is the key"),
		ringHash: optional(
			object({ minimumRingSize: defaulted(integer({ min: 0, max: 8_388_608 }), 1024, "Least entries of the ring") }),
			"A ring of hashes; the default",
		),
		maglev: optional(
			object({
				tableSize: optional(integer({ min: 0, max: 5_000_011 }), "Entries of the table, a prime; 65537 when absent"),
			}),
			"A Maglev table",
		),
		minimumRingSize: optional(integer({ min: 0, max: 8_388_608 }), "Old place of ringHash.minimumRingSize"),
	}),
	(value, _node, reader): ConsistentHash | undefined => {
		const set = keys.filter((name) => value[name] !== undefined);
		if (set.length !== 1) return reader.refuse(`must have one of ${keys.join(", ")}`);
		if (value.ringHash !== undefined && value.maglev !== undefined)
			return reader.refuse("must have one of ringHash and maglev, not both");
		return { key: toKey(value), algorithm: toAlgorithm(value) };
	},
);

function toKey(value: {
	readonly httpHeaderName: string | undefined;
	readonly httpQueryParameterName: string | undefined;
	readonly httpCookie: (typeof cookie extends Schema<infer T> ? T : never) | undefined;
}): ConsistentHash["key"] {
	if (value.httpHeaderName !== undefined) return { kind: "header", name: value.httpHeaderName };
	if (value.httpQueryParameterName !== undefined) return { kind: "query", name: value.httpQueryParameterName };
	if (value.httpCookie === undefined) return { kind: "source-ip" };
	const { name, path, ttl, attributes = [] } = value.httpCookie;
	return {
		kind: "cookie",
		name,
		...(path !== undefined && { path }),
		...(ttl !== undefined && { ttlMs: ttl }),
		attributes: attributes.map((item) => [item.name, item.value ?? ""] as const),
	};
}

function toAlgorithm(value: {
	readonly ringHash: { readonly minimumRingSize: number } | undefined;
	readonly maglev: { readonly tableSize: number | undefined } | undefined;
	readonly minimumRingSize: number | undefined;
}): ConsistentHash["algorithm"] {
	if (value.maglev !== undefined)
		return {
			kind: "maglev",
			...(value.maglev.tableSize !== undefined && value.maglev.tableSize > 0 && { tableSize: value.maglev.tableSize }),
		};
	return { kind: "ring", minimumRingSize: value.ringHash?.minimumRingSize ?? value.minimumRingSize ?? 1024 };
}

const localityName = string({ format: "a locality such as region/zone/*", pattern: /^[^\s]+$/, maxLength: 256 });

const distribution = refine(
	object({
		from: required(localityName, "Locality of the client"),
		to: required(
			map(integer({ min: 0, max: 100 }), { format: "a locality", pattern: /^\S+$/ }),
			"Percent of the requests by locality, 100 together",
		),
	}),
	(value, _node, reader) => {
		const total = Object.values(value.to).reduce((sum, share) => sum + share, 0);
		return total === 100 ? value : reader.field("to").refuse(`has shares of ${total} together: they must be 100`);
	},
);

/** `localityLbSetting`. */
export const localityLbSetting: Schema<LocalitySettings> = refine(
	object({
		distribute: optional(list(distribution, { max: 256 }), "Shares of localities"),
		failover: optional(
			list(
				object({
					from: required(localityName, "Region of the client"),
					to: required(localityName, "Region that stands in"),
				}),
				{ max: 256 },
			),
			"Regions that stand in for others",
		),
		failoverPriority: optional(
			list(string({ maxLength: 512 }), { max: 64 }),
			"Labels in whose order endpoints are near the client; `key=value` compares with the value",
		),
		enabled: optional(boolean(), "Whether localities count; true when absent"),
	}),
	(value, _node, reader): LocalitySettings | undefined => {
		const set = (["distribute", "failover"] as const).filter((name) => (value[name]?.length ?? 0) > 0);
		if (set.length > 1) return reader.refuse("must have one of distribute and failover, not both");
		if (set[0] === "distribute" && (value.failoverPriority?.length ?? 0) > 0)
			return reader.refuse("must have one of distribute and failoverPriority, not both");
		const same = value.failover?.find(({ from, to }) => from === to);
		if (same !== undefined) return reader.field("failover").refuse(`${quote(same.from)} cannot stand in for itself`);
		return {
			isEnabled: value.enabled ?? true,
			distribute: value.distribute ?? [],
			failover: value.failover ?? [],
			failoverPriority: value.failoverPriority ?? [],
		};
	},
);

const warmup = object({
	duration: required(istioDuration(), "Time until a new endpoint has its whole share"),
	minimumPercent: defaulted(number({ min: 0, max: 100 }), 10, "Share it begins with"),
	aggression: defaulted(number({ min: 1, max: 1000 }), 1, "How fast the share grows; 1 is evenly"),
});

/** `loadBalancer` of a traffic policy. */
export const loadBalancer: Schema<LoadBalancer> = refine(
	object({
		simple: optional(
			oneOf(["UNSPECIFIED", "ROUND_ROBIN", "LEAST_REQUEST", "LEAST_CONN", "RANDOM", "PASSTHROUGH"]),
			"How an endpoint is chosen; LEAST_REQUEST when absent or UNSPECIFIED, and LEAST_CONN is its old name",
		),
		consistentHash: optional(consistentHash, "The same endpoint for requests with equal keys"),
		localityLbSetting: optional(localityLbSetting, "Which endpoints are near; counts only with outlierDetection"),
		warmup: optional(warmup, "New endpoints take their share slowly"),
		warmupDurationSecs: optional(istioDuration(), "Old form of warmup"),
		zoneAwareLbSetting: refused("use localityLbSetting"),
		backendUtilization: refused("proxies read no load reports of backends: use simple LEAST_REQUEST"),
	}),
	(value, _node, reader): LoadBalancer | undefined => {
		const { simple, consistentHash: hash, localityLbSetting: locality } = value;
		if (simple !== undefined && simple !== "UNSPECIFIED" && hash !== undefined)
			return reader.refuse("must have one of simple and consistentHash, not both");
		const algorithm = simple === "LEAST_CONN" ? "LEAST_REQUEST" : simple === "UNSPECIFIED" ? undefined : simple;
		const slow = toWarmup(value);
		return {
			...(algorithm !== undefined && { algorithm }),
			...(hash !== undefined && { consistentHash: hash }),
			...(locality !== undefined && { locality }),
			...(slow !== undefined && { warmup: slow }),
		};
	},
);

function toWarmup(value: {
	readonly warmup: { duration: number; minimumPercent: number; aggression: number } | undefined;
	readonly warmupDurationSecs: number | undefined;
}): Warmup | undefined {
	const { warmup: given, warmupDurationSecs: old } = value;
	if (given !== undefined)
		return { durationMs: given.duration, minimumPercent: given.minimumPercent, aggression: given.aggression };
	return old === undefined ? undefined : { durationMs: old, minimumPercent: 10, aggression: 1 };
}

/** Upper bound of counts. */
export const countLimit: number = maxCount;
