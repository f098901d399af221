import type {
	StatefulSession,
	StatefulSessionPerRoute,
} from "../../api/gen/envoy/extensions/filters/http/stateful_session/v3/stateful_session_pb.js";
import type { CookieBasedSessionState } from "../../api/gen/envoy/extensions/http/stateful_session/cookie/v3/cookie_pb.js";
import type { EnvelopeSessionState } from "../../api/gen/envoy/extensions/http/stateful_session/envelope/v3/envelope_pb.js";
import type { HeaderBasedSessionState } from "../../api/gen/envoy/extensions/http/stateful_session/header/v3/header_pb.js";
import type { Scope } from "./scope.ts";
import { toMs, unpackExtension } from "./values.ts";

/** `envoy.extensions.filters.http.stateful_session.v3.StatefulSession`. */
export interface StatefulSessionConfig {
	/** Undefined: no state, so nothing happens. */
	readonly state: SessionStateConfig | undefined;
	/** Whether a request whose host is gone fails instead of going elsewhere. */
	readonly strict: boolean;
	/** What a strict session answers when its host is gone. */
	readonly missingHostStatus: number;
	/** Empty keeps no statistics. */
	readonly statPrefix: string;
}

/** Where the session's host is written. */
export type SessionStateConfig =
	| {
			readonly kind: "cookie";
			readonly name: string;
			/** 0 for a cookie of the browser's session. */
			readonly ttlSeconds: number;
			readonly path: string;
			/** Ready text behind the others: `; Secure; SameSite=Strict`. */
			readonly attributes: string;
	  }
	| { readonly kind: "header"; readonly name: string }
	| { readonly kind: "envelope"; readonly name: string };

export function readStatefulSession(message: StatefulSession, scope: Scope): StatefulSessionConfig {
	const { sessionState } = message;
	const at = scope.at("session_state").at("typed_config");
	return {
		state: sessionState === undefined ? undefined : readState(unpackExtension(sessionState.typedConfig, at), at),
		strict: message.strict,
		missingHostStatus: message.statusOnStrictDestinationNotFound || 503,
		statPrefix: message.statPrefix,
	};
}

/** Undefined: off on this route. */
export function readStatefulSessionPerRoute(
	message: StatefulSessionPerRoute,
	scope: Scope,
): StatefulSessionConfig | undefined {
	const { override } = message;
	if (override.case !== "statefulSession") return undefined;
	return readStatefulSession(override.value, scope.at("stateful_session"));
}

function readState(message: ReturnType<typeof unpackExtension>, scope: Scope): SessionStateConfig | undefined {
	switch (message?.$typeName) {
		case "envoy.extensions.http.stateful_session.cookie.v3.CookieBasedSessionState": {
			const { cookie } = message as CookieBasedSessionState;
			if (!cookie?.name) scope.at("cookie").at("name").report("must not be empty");
			const attributes = (cookie?.attributes ?? []).map(
				({ name, value }) => `; ${name}${value === "" ? "" : `=${value}`}`,
			);
			return {
				kind: "cookie",
				name: cookie?.name ?? "",
				ttlSeconds: Math.floor(toMs(cookie?.ttl, 0) / 1000),
				path: cookie?.path ?? "",
				attributes: attributes.join(""),
			};
		}
		case "envoy.extensions.http.stateful_session.header.v3.HeaderBasedSessionState":
			return { kind: "header", name: (message as HeaderBasedSessionState).name.toLowerCase() };
		case "envoy.extensions.http.stateful_session.envelope.v3.EnvelopeSessionState":
			return { kind: "envelope", name: (message as EnvelopeSessionState).header?.name.toLowerCase() ?? "" };
		case undefined:
			return undefined;
		default:
			scope.report(`session state ${message?.$typeName} is not supported`);
			return undefined;
	}
}
