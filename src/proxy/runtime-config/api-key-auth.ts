import type {
	ApiKeyAuth,
	ApiKeyAuthPerRoute,
	Credential,
	KeySource,
} from "../../api/gen/envoy/extensions/filters/http/api_key_auth/v3/api_key_auth_pb.js";
import { type Scope, toWireText } from "./scope.ts";

/** Where a key may be. */
export interface ApiKeySource {
	readonly kind: "header" | "query" | "cookie";
	/** That of a header is lower case. */
	readonly name: string;
}

/** `envoy.extensions.filters.http.api_key_auth.v3.ApiKeyAuth`; a route's parts take the place of the filter's where they are there. */
export interface ApiKeyAuthConfig {
	/** Clients by their keys; undefined: there are none. */
	readonly clients: ReadonlyMap<string, string> | undefined;
	readonly sources: readonly ApiKeySource[] | undefined;
	readonly forwarding: ApiKeyForwarding | undefined;
}

/** What the application gets to know. */
export interface ApiKeyForwarding {
	/** The header for the client's name, lower case; empty: none. */
	readonly header: string;
	/** Whether the key is taken out of the request. */
	readonly hidesKey: boolean;
}

export interface ApiKeyAuthRouteConfig extends ApiKeyAuthConfig {
	/** Empty: every client. */
	readonly allowedClients: readonly string[];
}

export function readApiKeyAuth(message: ApiKeyAuth | ApiKeyAuthPerRoute, scope: Scope): ApiKeyAuthConfig {
	const { forwarding } = message;
	return {
		clients: message.credentials.length === 0 ? undefined : readClients(message.credentials, scope),
		sources: message.keySources.length === 0 ? undefined : readSources(message.keySources, scope),
		forwarding: forwarding && {
			header: forwarding.header.toLowerCase(),
			hidesKey: forwarding.hideCredentials,
		},
	};
}

export function readApiKeyAuthRoute(message: ApiKeyAuthPerRoute, scope: Scope): ApiKeyAuthRouteConfig {
	const config = readApiKeyAuth(message, scope);
	// As in Envoy, a route that says nothing of forwarding has nothing forwarded.
	return {
		...config,
		forwarding: config.forwarding ?? { header: "", hidesKey: false },
		allowedClients: message.allowedClients,
	};
}

function readClients(credentials: readonly Credential[], scope: Scope): ReadonlyMap<string, string> {
	const clients = new Map<string, string>();
	for (const [index, { client, key }] of credentials.entries()) {
		// What the key is stays out of the message.
		if (clients.has(toWireText(key))) scope.at("credentials", index).at("key").report("the key is there already");
		clients.set(toWireText(key), toWireText(client));
	}
	return clients;
}

function readSources(sources: readonly KeySource[], scope: Scope): ApiKeySource[] {
	return sources.flatMap(({ header, query, cookie }, index): ApiKeySource[] => {
		if (header !== "") return [{ kind: "header", name: header.toLowerCase() }];
		if (query !== "") return [{ kind: "query", name: toWireText(query) }];
		if (cookie !== "") return [{ kind: "cookie", name: cookie }];
		scope.at("key_sources", index).report("one of header, query and cookie must be set");
		return [];
	});
}
