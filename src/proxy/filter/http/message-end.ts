import type { FilterStream } from "./filter.ts";

/** Whether the end of a body comes by itself behind the last bytes, as Envoy's HTTP/1 codec has it: coded bodies and the sizes that
 *  statistics show depend on it. Over HTTP/2, and in the proxy's own answers, the last bytes bring the end with them. */
export function endsApart({ record }: FilterStream, direction: "request" | "response"): boolean {
	if (direction === "request") return record.protocol !== "HTTP/2";
	return record.responseCodeDetails === "via_upstream" && record.upstreamProtocol !== "HTTP/2";
}
