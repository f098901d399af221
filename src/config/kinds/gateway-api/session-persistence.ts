import type { SessionPersistence } from "../../../model/index.ts";
import { gatewayDuration } from "../../schema/durations.ts";
import { defaulted, object, optional, refused } from "../../schema/object.ts";
import { oneOf, string } from "../../schema/scalars.ts";
import { type Reader, refine, type Schema } from "../../schema/schema.ts";

/** Refuses what cannot be kept: a header names a backend's endpoint, and not which of several backends it is of. */
export function checkSession(
	rule: {
		readonly sessionPersistence: SessionPersistence | undefined;
		readonly backendRefs: readonly { readonly weight: number }[] | undefined;
	},
	reader: Reader,
): boolean {
	const weighted = (rule.backendRefs ?? []).filter(({ weight }) => weight > 0);
	if (rule.sessionPersistence?.kind !== "header" || weighted.length < 2) return true;
	reader
		.field("sessionPersistence")
		.field("type")
		.refuse("a session of several backends needs a cookie: write type Cookie, or a single backendRef");
	return false;
}

/** `sessionPersistence` of a rule (GEP-1619): the proxy keeps no record of sessions, the client brings back which backend it had. */
export const sessionPersistence: Schema<SessionPersistence> = refine(
	object({
		sessionName: optional(
			string({
				format: "a name of a cookie or header such as shop-session",
				pattern: /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/,
				maxLength: 128,
			}),
			"Name of the cookie or header; one made of the route and the rule when absent",
		),
		type: defaulted(oneOf(["Cookie", "Header"]), "Cookie", "How a client says which session it has", "Cookie"),
		absoluteTimeout: optional(gatewayDuration(), "How long a Permanent cookie is kept by clients"),
		idleTimeout: refused(
			"neither Envoy nor amime keeps a record of when a session was used last, and cookies are given once: write absoluteTimeout with a Permanent cookie",
		),
		cookieConfig: optional(
			object({
				lifetimeType: defaulted(
					oneOf(["Session", "Permanent"]),
					"Session",
					"Whether clients forget the cookie when they end, or after absoluteTimeout",
					"Session",
				),
			}),
			"With type Cookie",
		),
	}),
	({ sessionName, type, absoluteTimeout, cookieConfig }, _node, reader): SessionPersistence | undefined => {
		const named = sessionName === undefined ? {} : { name: sessionName };
		if (type === "Header") {
			if (cookieConfig !== undefined) return reader.field("cookieConfig").refuse("must not be set with type Header");
			if (absoluteTimeout !== undefined)
				return reader.field("absoluteTimeout").refuse("is for cookies: a header lasts as long as the client sends it");
			return { kind: "header", ...named };
		}
		const isPermanent = cookieConfig?.lifetimeType === "Permanent";
		if (isPermanent && (absoluteTimeout ?? 0) === 0)
			return reader.field("absoluteTimeout").refuse("is required with lifetimeType Permanent, and more than 0s");
		if (!isPermanent && absoluteTimeout !== undefined)
			return reader
				.field("absoluteTimeout")
				.refuse("is for Permanent cookies: write cookieConfig: {lifetimeType: Permanent} beside it");
		return { kind: "cookie", ...named, ...(isPermanent && { ttlMs: absoluteTimeout! }) };
	},
);
