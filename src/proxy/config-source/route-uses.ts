import { routeType } from "../../xds/client/index.ts";
import { plainName } from "../runtime-config/index.ts";
import type { SubscriptionUse } from "./events.ts";
import type { Reference, RouteReference } from "./references.ts";

/** What `reference` is counted under. */
export function useOf(typeUrl: string, { name, source }: Reference, scope: string): SubscriptionUse {
	return { typeUrl, name, scope, fromServer: source.kind !== "path" };
}

/** Remembers who asked first for each route configuration: as in Envoy, those who ask one source for one name share a subscription, and it
 *  is counted under the first one's prefix for as long as anybody has it. */
export function createRouteUses(): (references: readonly RouteReference[]) => SubscriptionUse[] {
	let scopes = new Map<string, string>();
	return (references) => {
		const kept = new Map<string, string>();
		const uses: SubscriptionUse[] = [];
		for (const reference of references) {
			const key = JSON.stringify([reference.name, reference.source]);
			if (kept.has(key)) continue;
			const scope = scopes.get(key) ?? `http.${reference.statPrefix}.rds.${plainName(reference.name)}`;
			kept.set(key, scope);
			uses.push(useOf(routeType, reference, scope));
		}
		scopes = kept;
		return uses;
	};
}
