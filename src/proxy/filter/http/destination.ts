import { resolveClusterName } from "../../../engine/router/index.ts";
import type { FilterStream } from "./filter.ts";

/** The name of the cluster that a request would go to as it is now; undefined when its route leads to none. */
export function destinationOf({ route, request }: Pick<FilterStream, "route" | "request">): string | undefined {
	const action = route?.action;
	return action?.kind === "forward" ? resolveClusterName(action, request) || undefined : undefined;
}
