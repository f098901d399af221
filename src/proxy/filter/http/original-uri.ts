import type { FilterStream } from "./filter.ts";

/** Characters of a path that `www-authenticate` repeats. */
const maxPathLength = 256;

/** The request's URI as the client wrote it, for `www-authenticate`. */
export function describeUri({ request }: FilterStream): string {
	const path = request.get("x-envoy-original-path") ?? request.path;
	return `${request.scheme}://${request.authority}${path.slice(0, maxPathLength)}`;
}
