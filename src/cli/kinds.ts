import { MeshError, suggestNearest } from "../core/index.ts";

/** A kind of configuration as people type it. */
export interface KindName {
	readonly kind: string;
	readonly plural: string;
	readonly short: readonly string[];
}

/** The kinds that `get` and `delete` take, by any of their names. */
export const kindNames: readonly KindName[] = [
	{ kind: "Workload", plural: "workloads", short: ["wl"] },
	{ kind: "Service", plural: "services", short: ["svc"] },
	{ kind: "HTTPRoute", plural: "httproutes", short: ["route", "routes"] },
	{ kind: "DestinationRule", plural: "destinationrules", short: ["dr"] },
	{ kind: "PeerAuthentication", plural: "peerauthentications", short: ["pa"] },
	{ kind: "AuthorizationPolicy", plural: "authorizationpolicies", short: ["ap", "policy", "policies"] },
	{ kind: "MeshConfig", plural: "meshconfigs", short: ["mc"] },
];

/** The kind a person means by `word`: singular, plural or short, whatever its case.
 *  @throws MeshError `KIND_UNKNOWN` with the nearest name */
export function resolveKind(word: string): string {
	const wanted = word.toLowerCase();
	for (const name of kindNames) {
		if ([name.kind.toLowerCase(), name.plural, ...name.short].includes(wanted)) return name.kind;
	}
	const known = kindNames.flatMap((name) => [name.kind.toLowerCase(), name.plural]);
	const hint =
		suggestNearest(wanted, known) || `: one of ${kindNames.map((name) => name.kind.toLowerCase()).join(", ")}`;
	throw new MeshError("KIND_UNKNOWN", `unknown kind '${word}'${hint}`);
}
