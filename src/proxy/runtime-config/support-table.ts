import { callOutSupport } from "./support-table-call-out.ts";
import { clusterSupport } from "./support-table-cluster.ts";
import { discoverySupport } from "./support-table-discovery.ts";
import { filterSupport } from "./support-table-filter.ts";
import { layer4Support } from "./support-table-layer4.ts";
import { listenerSupport } from "./support-table-listener.ts";
import { localFilterSupport } from "./support-table-local-filter.ts";
import { routeSupport } from "./support-table-route.ts";
import { tapSupport } from "./support-table-tap.ts";
import { telemetrySupport } from "./support-table-telemetry.ts";

/** Which fields of a message do something here. A set field of neither list is refused with its path. Names are the protobuf's,
 *  separated by spaces. */
export interface MessageSupport {
	readonly works: string;
	/** Accepted and without effect: statistics detail, tuning of machinery that is not there, documentation. */
	readonly ignored?: string;
}

/** Support by message type; the support page is made from it. */
export const supportTable: Readonly<Record<string, MessageSupport>> = {
	...listenerSupport,
	...routeSupport,
	...clusterSupport,
	...filterSupport,
	...localFilterSupport,
	...callOutSupport,
	...layer4Support,
	...tapSupport,
	...telemetrySupport,
	...discoverySupport,
};

/** What happens with a field that is set. */
export function supportOf(typeName: string, field: string): "works" | "ignored" | "refused" {
	const support = supportTable[typeName];
	if (support === undefined) return "refused";
	if (hasWord(support.works, field)) return "works";
	return support.ignored !== undefined && hasWord(support.ignored, field) ? "ignored" : "refused";
}

function hasWord(words: string, word: string): boolean {
	return ` ${words} `.includes(` ${word} `);
}
