import type { StreamMatch, StreamRule } from "../../../model/index.ts";
import { list } from "../../schema/collections.ts";
import { object, optional, required } from "../../schema/object.ts";
import { quote, string } from "../../schema/scalars.ts";
import { refine, type Schema } from "../../schema/schema.ts";
import { streamDestination, weightedBackends } from "../istio/destination.ts";
import { hostName } from "../istio/names.ts";
import { scopeSchema, toScope } from "./http-match.ts";

const subnets: Schema<readonly string[]> = list(
	string({
		format: "an address or a block of addresses such as 10.1.0.0/16",
		pattern: /^([0-9]{1,3}(\.[0-9]{1,3}){3}(\/([0-9]|[12][0-9]|3[0-2]))?|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*(\/\d{1,3})?)$/,
		maxLength: 64,
	}),
	{ max: 256 },
);

const common = {
	destinationSubnets: optional(subnets, "Addresses that the client connects to, any of them"),
	...scopeSchema,
};

const tcpMatch: Schema<StreamMatch> = refine(
	object({ ...common, sourceSubnet: optional(string({ maxLength: 64 }), "Without effect, as in Istio") }),
	(value): StreamMatch => ({
		sniHosts: [],
		destinationSubnets: value.destinationSubnets ?? [],
		...toScope(value),
	}),
);

const tlsMatch: Schema<StreamMatch> = refine(
	object({
		sniHosts: required(list(hostName(), { min: 1, max: 256 }), "Server names of TLS, any of them"),
		...common,
	}),
	(value): StreamMatch => ({
		sniHosts: value.sniHosts,
		destinationSubnets: value.destinationSubnets ?? [],
		...toScope(value),
	}),
);

/** One of `tcp` (its matches may be absent) or of `tls` (they must be there). */
function streamRule(matches: Schema<readonly StreamMatch[]>, mustMatch: boolean): Schema<StreamRule> {
	const fields = object({
		match: mustMatch
			? required(matches, "Connections it is for, any of them")
			: optional(matches, "Connections it is for, any of them; all when absent"),
		route: required(weightedBackends(list(streamDestination, { min: 1, max: 256 })), "Where connections go, by weight"),
	});
	return refine(
		fields,
		(value, _node, reader): StreamRule => ({
			matches: value.match ?? [],
			backends: value.route,
			path: reader.path,
		}),
	);
}

/** One of `tcp`. */
export const tcpRule: Schema<StreamRule> = streamRule(list(tcpMatch, { max: 256 }), false);

/** One of `tls`. */
export const tlsRule: Schema<StreamRule> = streamRule(list(tlsMatch, { min: 1, max: 256 }), true);

/** Why the server names of a TLS rule cannot match; each must be covered by a host of the object. */
export function findSniFault(rules: readonly StreamRule[], hosts: readonly string[]): string | undefined {
	for (const rule of rules)
		for (const match of rule.matches)
			for (const name of match.sniHosts)
				if (!hosts.some((host) => covers(host, name)))
					return `server name ${quote(name)} is not covered by the hosts of the object: add it to 'hosts'`;
	return undefined;
}

function covers(host: string, name: string): boolean {
	if (host === "*" || host === name) return true;
	return host.startsWith("*.") && name.endsWith(host.slice(1));
}
