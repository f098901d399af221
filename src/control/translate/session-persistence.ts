import { createHash } from "node:crypto";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import type { HeaderMatcherSchema } from "../../api/gen/envoy/config/route/v3/route_components_pb.js";
import {
	StatefulSessionPerRouteSchema,
	StatefulSessionSchema,
} from "../../api/gen/envoy/extensions/filters/http/stateful_session/v3/stateful_session_pb.js";
import { CookieBasedSessionStateSchema } from "../../api/gen/envoy/extensions/http/stateful_session/cookie/v3/cookie_pb.js";
import { HeaderBasedSessionStateSchema } from "../../api/gen/envoy/extensions/http/stateful_session/header/v3/header_pb.js";
import type { ObjectName, RouteMatch, RouteRule, SessionPersistence } from "../../model/index.ts";
import type { HttpFilterInit } from "./http-connection-manager.ts";
import type { MeshIndex } from "./mesh-index.ts";
import { duration, extension, packAny, quoteRegex, stringMatcher } from "./messages.ts";

const filterName = "envoy.filters.http.stateful_session";

/** The filter that keeps sessions at their backends, off except where a route turns it on; none in a mesh without sessions. */
export function sessionFilters(index: MeshIndex): HttpFilterInit[] {
	return usesSessions(index) ? [{ ...extension(filterName, StatefulSessionSchema, {}), disabled: true }] : [];
}

/** Whether any route of the mesh keeps sessions: what every listener of routes depends on. */
export function usesSessions(index: MeshIndex): boolean {
	return index.remember("uses sessions", () =>
		index.mesh.httpRoutes.some(({ rules }) => rules.some((rule) => rule.sessionPersistence !== undefined)),
	);
}

/** What a rule says to that filter. A backend that is gone is replaced by another, and the client told so (GEP-1619). */
export function sessionConfig(
	owner: ObjectName & { readonly kind: string },
	rule: RouteRule,
	match: RouteMatch,
): Readonly<Record<string, Any>> {
	const { sessionPersistence: session } = rule;
	if (session === undefined) return {};
	const name = nameOf(owner, rule, session);
	const state =
		session.kind === "header"
			? {
					name: "envoy.http.stateful_session.header",
					typedConfig: packAny(HeaderBasedSessionStateSchema, { name }),
				}
			: {
					name: "envoy.http.stateful_session.cookie",
					typedConfig: packAny(CookieBasedSessionStateSchema, {
						cookie: { name, path: pathOf(match), ttl: duration(session.ttlMs ?? 0) },
					}),
				};
	return {
		[filterName]: packAny(StatefulSessionPerRouteSchema, {
			override: { case: "statefulSession", value: { sessionState: state } },
		}),
	};
}

/** The cookie that says which of several weighted backends a session is at, as an answer sets it; undefined without sessions. */
export function splitCookie(
	owner: ObjectName & { readonly kind: string },
	rule: RouteRule,
	match: RouteMatch,
	cluster: string,
): string | undefined {
	const { sessionPersistence: session } = rule;
	if (session?.kind !== "cookie") return undefined;
	const lifetime = session.ttlMs === undefined ? "" : `; Max-Age=${Math.floor(session.ttlMs / 1000)}`;
	return `${splitName(owner, rule, session)}=${shortHash(cluster)}${lifetime}; Path=${pathOf(match)}; HttpOnly`;
}

/** Matches requests of sessions that are at a backend. */
export function splitMatcher(
	owner: ObjectName & { readonly kind: string },
	rule: RouteRule,
	session: SessionPersistence,
	cluster: string,
): MessageInitShape<typeof HeaderMatcherSchema> {
	const pair = quoteRegex(`${splitName(owner, rule, session)}=${shortHash(cluster)}`);
	return {
		name: "cookie",
		headerMatchSpecifier: { case: "stringMatch", value: stringMatcher("regex", `(.*;\\s*)?${pair}(;.*)?`) },
	};
}

function splitName(
	owner: ObjectName & { readonly kind: string },
	rule: RouteRule,
	session: SessionPersistence,
): string {
	return `${nameOf(owner, rule, session)}-split`;
}

function shortHash(text: string): string {
	return createHash("sha256").update(text).digest("hex").slice(0, 12);
}

/** Unlike that of any other rule: two sessions of one client must not get in each other's way. */
function nameOf(
	owner: ObjectName & { readonly kind: string },
	rule: RouteRule,
	{ kind, name }: SessionPersistence,
): string {
	if (name !== undefined) return name;
	const whole = `${owner.kind}/${owner.namespace}/${owner.name}/${rule.path}`;
	return `${kind === "header" ? "x-session" : "session"}-${shortHash(whole)}`;
}

/** The cookie is sent where the route matches, as far as a cookie's path can say that (GEP-1619). */
function pathOf({ path }: RouteMatch): string {
	return path.kind === "regex" ? "/" : path.value;
}
