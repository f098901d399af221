import { getHeader, type HeaderList, removeHeader, setHeader } from "../../../../core/index.ts";
import { getCookie } from "../../../../engine/router/index.ts";
import type { ApiKeyAuthConfig, ApiKeySource } from "../../../runtime-config/index.ts";
import { createApiKeyAuthStats } from "../../../stats/index.ts";
import type { FilterStream, HttpFilter } from "../filter.ts";
import type { FilterParts } from "../filter-parts.ts";
import type { PassRequestHead } from "../pass-head.ts";
import { parseQuery, removeParameter } from "../query-parameters.ts";
import { routeConfigOf } from "../route-configs.ts";

/** Lets clients in who show a key that is known. Spec: `envoy.extensions.filters.http.api_key_auth.v3`. */
export function createApiKeyAuthFilter(
	{ name, disabled, index, scope }: FilterParts,
	config: ApiKeyAuthConfig,
): HttpFilter {
	const stats = createApiKeyAuthStats(scope.scope("api_key_auth"));
	const refuse = (stream: FilterStream, details: string): "stop" => {
		stats.unauthorized.value++;
		stream.sendLocalReply({ status: 401, body: "Client authentication failed.", details, flags: 0 });
		return "stop";
	};
	return {
		name,
		disabled,
		index,
		onRequestHead(stream) {
			const route = routeConfigOf(stream, name, "api-key-auth")?.config;
			const sources = route?.sources ?? config.sources;
			const clients = route?.clients ?? config.clients;
			const forwarding = route?.forwarding ?? config.forwarding;
			if (sources === undefined) return refuse(stream, "missing_key_sources");
			if (clients === undefined) return refuse(stream, "missing_credentials");
			const { request } = stream;
			const key = findKey(request, sources);
			if (key === "") return refuse(stream, "missing_api_key");
			const client = clients.get(key);
			if (client === undefined) return refuse(stream, "unknown_api_key");
			const allowed = route?.allowedClients ?? [];
			if (allowed.length > 0 && !allowed.includes(client)) {
				stats.forbidden.value++;
				stream.sendLocalReply({ status: 403, body: "Client is forbidden.", details: "client_not_allowed", flags: 0 });
				return "stop";
			}
			if (forwarding !== undefined && forwarding.header !== "") request.set(forwarding.header, client);
			if (forwarding?.hidesKey === true) for (const source of sources) removeKey(request, source);
			stats.allowed.value++;
			return "continue";
		},
	};
}

const bearer = "Bearer ";

/** The first key that is there; empty without one. */
function findKey(request: PassRequestHead, sources: readonly ApiKeySource[]): string {
	for (const source of sources) {
		const key = readKey(request, source);
		if (key !== undefined && key !== "") return key;
	}
	return "";
}

function readKey({ headers, path }: PassRequestHead, { kind, name }: ApiKeySource): string | undefined {
	if (kind === "query") {
		const query = path.indexOf("?");
		return query === -1 ? undefined : parseQuery(path.slice(query + 1)).find((one) => one.name === name)?.value;
	}
	if (kind === "cookie") return getCookie(headers, name);
	const value = getHeader(headers, name);
	return value?.startsWith(bearer) === true ? value.slice(bearer.length) : value;
}

function removeKey(request: PassRequestHead, { kind, name }: ApiKeySource): void {
	if (kind === "header") removeHeader(request.headers, name);
	else if (kind === "query") {
		if (request.path.includes("?")) removeParameter(request, name);
	} else removeCookie(request.headers, name);
}

function removeCookie(headers: HeaderList, name: string): void {
	const value = getHeader(headers, "cookie");
	if (value === undefined) return;
	const kept = value
		.split(";")
		.map((cookie) => cookie.trim())
		// As in Envoy, what has no value is no cookie.
		.filter((cookie) => cookie.includes("=") && !cookie.startsWith(`${name}=`));
	if (kept.length === 0) removeHeader(headers, "cookie");
	else setHeader(headers, "cookie", kept.join("; "));
}
