import { getHeader, getJoinedHeader } from "../../../../core/index.ts";
import { matchString } from "../../../../engine/matcher/index.ts";
import { isInFraction } from "../../../../engine/runtime/index.ts";
import type { CsrfConfig } from "../../../runtime-config/index.ts";
import { createCsrfStats } from "../../../stats/index.ts";
import type { HttpFilter } from "../filter.ts";
import type { FilterParts } from "../filter-parts.ts";
import type { PassRequestHead } from "../pass-head.ts";
import { routeConfigOf } from "../route-configs.ts";

const modifying: ReadonlySet<string> = new Set(["POST", "PUT", "DELETE", "PATCH"]);

/** Refuses requests that change something and come from another origin. Spec: `envoy.extensions.filters.http.csrf.v3`. */
export function createCsrfFilter(
	{ name, disabled, index, context, scope }: FilterParts,
	config: CsrfConfig,
): HttpFilter {
	const stats = createCsrfStats(scope.scope("csrf"));
	return {
		name,
		disabled,
		index,
		onRequestHead(stream) {
			const policy = routeConfigOf(stream, name, "csrf")?.config ?? config;
			const isEnabled = isInFraction(policy.enabled, context.random.next(), context.runtime);
			if (!isEnabled && !isInFraction(policy.shadowEnabled, context.random.next(), context.runtime)) return "continue";
			const { request } = stream;
			if (!modifying.has(request.method)) return "continue";
			const source = sourceOrigin(request);
			if (source === "") stats.missing_source_origin.value++;
			const isSame = source === targetOrigin(request);
			const isKnown = isSame || policy.additionalOrigins.some((matcher) => matchString(matcher, source));
			if (source !== "" && !isKnown) stats.request_invalid.value++;
			if (isKnown && source !== "") {
				stats.request_valid.value++;
				return "continue";
			}
			if (!isEnabled) return "continue";
			stream.sendLocalReply({ status: 403, body: "Invalid origin", details: "csrf_origin_mismatch", flags: 0 });
			return "stop";
		},
	};
}

function sourceOrigin({ headers }: PassRequestHead): string {
	const origin = getJoinedHeader(headers, "origin");
	// Browsers say "null" where they hide the origin.
	if (origin === "null") return "";
	return hostAndPort(origin) || hostAndPort(getHeader(headers, "referer"));
}

function targetOrigin({ authority, scheme }: PassRequestHead): string {
	return authority === "" ? "" : hostAndPort(`${scheme || "http"}://${authority}`);
}

const hostWithPort = /^(?:\[[0-9a-f:.]+\]|[\w.-]+)(?::\d*)?$/i;

/** `host[:port]` of an absolute URL; a text that is none as it is. */
function hostAndPort(url: string | undefined): string {
	if (url === undefined || url === "") return "";
	const authority = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(url)?.[1];
	const host = authority?.slice(authority.lastIndexOf("@") + 1) ?? "";
	return hostWithPort.test(host) ? host : url;
}
