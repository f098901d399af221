import type { Cors, DirectResponse, PathRewrite, Redirect, RouteRetry, StringMatch } from "../../../model/index.ts";
import { list } from "../../schema/collections.ts";
import { istioDuration } from "../../schema/durations.ts";
import { object, optional, required } from "../../schema/object.ts";
import { boolean, integer, oneOf, quote, string } from "../../schema/scalars.ts";
import { refine, type Schema } from "../../schema/schema.ts";
import { readPattern } from "../http-route/path.ts";
import { portNumber } from "../istio/destination.ts";
import { stringMatch } from "../istio/string-match.ts";

const maxBody = 1024 * 1024;

/** `redirect` of an HTTP rule. */
export const redirect: Schema<Redirect> = refine(
	object({
		uri: optional(string(), "Path of the new address"),
		prefixRewrite: optional(string(), "What takes the place of the matched prefix"),
		authority: optional(string({ maxLength: 253 }), "Host of the new address"),
		port: optional(portNumber(), "Port of the new address"),
		derivePort: optional(oneOf(["FROM_PROTOCOL_DEFAULT", "FROM_REQUEST_PORT"]), "Where the port comes from"),
		scheme: optional(oneOf(["http", "https"]), "Scheme of the new address"),
		redirectCode: optional(integer({ min: 300, max: 399 }), "301, 302, 303, 307 or 308; 301 when absent"),
	}),
	(value, _node, reader): Redirect | undefined => {
		const { uri, prefixRewrite, authority, port, derivePort, scheme } = value;
		const statusCode = value.redirectCode ?? 301;
		if (![301, 302, 303, 307, 308].includes(statusCode))
			return reader.field("redirectCode").refuse(`must be 301, 302, 303, 307 or 308, not ${statusCode}`);
		if (uri !== undefined && prefixRewrite !== undefined)
			return reader.refuse("must have one of uri and prefixRewrite, not both");
		if (port !== undefined && derivePort !== undefined)
			return reader.refuse("must have one of port and derivePort, not both");
		const path: PathRewrite | undefined =
			prefixRewrite !== undefined
				? { kind: "startsWith", value: prefixRewrite }
				: uri === undefined
					? undefined
					: { kind: "full", value: uri };
		return {
			...(scheme !== undefined && { scheme }),
			...(authority !== undefined && { hostname: authority }),
			port: port ?? (derivePort === "FROM_REQUEST_PORT" ? "request" : "unchanged"),
			...(path !== undefined && { path }),
			statusCode,
		};
	},
);

/** `directResponse` of an HTTP rule. */
export const directResponse: Schema<DirectResponse> = refine(
	object({
		status: required(integer({ min: 200, max: 599 }), "Status of the answer"),
		body: optional(
			object({
				string: optional(string({ minLength: 0, maxLength: maxBody }), "The body as text"),
				bytes: optional(
					string({ format: "base64", pattern: /^[A-Za-z0-9+/]*={0,2}$/, minLength: 0, maxLength: 2 * maxBody }),
					"The body in base64",
				),
			}),
			"Body of the answer",
		),
	}),
	({ status, body }, _node, reader): DirectResponse | undefined => {
		if (body?.string !== undefined && body.bytes !== undefined)
			return reader.field("body").refuse("must have one of string and bytes, not both");
		if (body?.string !== undefined) return { status, body: body.string };
		return body?.bytes === undefined ? { status } : { status, body: new Uint8Array(Buffer.from(body.bytes, "base64")) };
	},
);

/** `rewrite` of an HTTP rule. */
export const rewrite: Schema<{ readonly hostname?: string; readonly path?: PathRewrite }> = refine(
	object({
		uri: optional(string({ minLength: 0 }), "What takes the place of the matched prefix, or of the whole path"),
		authority: optional(string({ minLength: 0, maxLength: 253 }), "Host that the backend sees"),
		uriRegexRewrite: optional(
			object({
				match: required(string({ maxLength: 1024 }), "RE2 expression of what is replaced"),
				rewrite: required(string(), "What takes its place, with `\\1` for the first group"),
			}),
			"A rewrite of the path by an expression",
		),
	}),
	({ uri, authority, uriRegexRewrite: regex }, _node, reader) => {
		if (uri !== undefined && uri !== "" && regex !== undefined)
			return reader.refuse("must have one of uri and uriRegexRewrite, not both");
		const pattern =
			regex === undefined ? undefined : readPattern(regex.match, reader.field("uriRegexRewrite").field("match"));
		if (regex !== undefined) {
			if (pattern === undefined) return undefined;
			const groups = countGroups(regex.match);
			const wrong = [...regex.rewrite.matchAll(/\\(\d|\\|.?)/g)].find(
				([, what = ""]) => what !== "\\" && !(/^\d$/.test(what) && Number(what) <= groups),
			);
			if (wrong !== undefined)
				return reader
					.field("uriRegexRewrite")
					.field("rewrite")
					.refuse(
						`${quote(wrong[0])} is no group of the expression, which has ${groups}: write '\\\\' for the character`,
					);
		}
		return {
			...(authority !== undefined && authority !== "" && { hostname: authority }),
			...(regex !== undefined
				? { path: { kind: "regex", pattern: regex.match, substitution: regex.rewrite } as const }
				: uri !== undefined && uri !== "" && { path: { kind: "startsWith", value: uri } as const }),
		};
	},
);

/** Capturing groups of an expression that RE2 takes. */
function countGroups(pattern: string): number {
	const plain = pattern.replace(/\\Q[\s\S]*?(?:\\E|$)/g, "").replace(/\\[\s\S]/g, "");
	const outside = plain.replace(/\[\^?\]?[^\]]*\]/g, "");
	return [...outside.matchAll(/\((?!\?)|\(\?P?</g)].length;
}

/** `retries` of an HTTP rule, with the bound of one try. */
export const retries: Schema<{ readonly retry: RouteRetry; readonly perTryTimeoutMs?: number }> = refine(
	object({
		attempts: optional(integer({ min: 0, max: 2 ** 31 - 1 }), "Further tries after the first; 0 is none"),
		perTryTimeout: optional(istioDuration(), "Bound of one try; that of the request when absent"),
		retryOn: optional(string({ minLength: 0 }), "Conditions and statuses, by commas"),
		retryRemoteLocalities: optional(boolean(), "Whether a further try may go to another locality"),
		retryIgnorePreviousHosts: optional(
			boolean(),
			"Whether a further try avoids endpoints already tried; true when absent",
		),
		backoff: optional(istioDuration(), "Shortest pause before a further try; 25ms when absent"),
	}),
	(value, _node, reader) => {
		const words = (value.retryOn ?? "")
			.split(",")
			.map((word) => word.trim())
			.filter((word) => word !== "");
		const codes = words.filter((word) => /^\d+$/.test(word)).map(Number);
		const on = words.filter((word) => !/^\d+$/.test(word));
		const unknown = on.find((word) => !retryConditions.has(word));
		if (unknown !== undefined)
			reader
				.field("retryOn")
				.warn(
					`${quote(unknown)} is no condition and without effect: known are ${[...retryConditions].join(", ")} and statuses`,
				);
		if (codes.some((code) => code < 100 || code > 599))
			return reader.field("retryOn").refuse("has a status outside 100 to 599");
		const retry: RouteRetry = {
			codes,
			attempts: value.attempts ?? 0,
			on: words.length === 0 ? "default" : on.filter((word) => retryConditions.has(word)),
			...(value.backoff !== undefined && { backoffMs: value.backoff }),
			...(value.retryRemoteLocalities !== undefined && { triesRemoteLocalities: value.retryRemoteLocalities }),
			...(value.retryIgnorePreviousHosts !== undefined && { avoidsTriedHosts: value.retryIgnorePreviousHosts }),
		};
		return { retry, ...(value.perTryTimeout !== undefined && { perTryTimeoutMs: value.perTryTimeout }) };
	},
);

/** What Envoy's `retry_on` takes, for HTTP and for gRPC. */
const retryConditions: ReadonlySet<string> = new Set([
	"5xx",
	"gateway-error",
	"reset",
	"reset-before-request",
	"connect-failure",
	"envoy-ratelimited",
	"retriable-4xx",
	"refused-stream",
	"retriable-status-codes",
	"retriable-headers",
	"http3-post-connect-failure",
	"cancelled",
	"deadline-exceeded",
	"internal",
	"resource-exhausted",
	"unavailable",
]);

/** `corsPolicy` of an HTTP rule. */
export const corsPolicy: Schema<Cors> = refine(
	object({
		allowOrigins: optional(list(stringMatch, { max: 256 }), "Origins that may call, any of them"),
		allowOrigin: optional(list(string(), { max: 256 }), "Old form of allowOrigins: whole values, `*` for all"),
		allowMethods: optional(list(string({ maxLength: 64 })), "Methods they may use"),
		allowHeaders: optional(list(string({ maxLength: 256 })), "Headers they may send"),
		exposeHeaders: optional(list(string({ maxLength: 256 })), "Headers of the answer that their pages may read"),
		maxAge: optional(istioDuration(), "How long a preflight's answer holds"),
		allowCredentials: optional(boolean(), "Whether they may send cookies and credentials"),
		unmatchedPreflights: optional(
			oneOf(["UNSPECIFIED", "FORWARD", "IGNORE"]),
			"What happens to preflights of other origins; FORWARD when absent",
		),
	}),
	(value): Cors => ({
		allowOrigins:
			value.allowOrigins ??
			(value.allowOrigin ?? []).map(
				(origin): StringMatch => (origin === "*" ? { kind: "regex", value: ".*" } : { kind: "exact", value: origin }),
			),
		allowMethods: value.allowMethods ?? [],
		allowHeaders: value.allowHeaders ?? [],
		exposeHeaders: value.exposeHeaders ?? [],
		...(value.maxAge !== undefined && { maxAgeMs: value.maxAge }),
		...(value.allowCredentials !== undefined && { allowCredentials: value.allowCredentials }),
		forwardsUnmatchedPreflights: value.unmatchedPreflights !== "IGNORE",
	}),
);
