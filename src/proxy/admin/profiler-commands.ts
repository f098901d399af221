import { type AdminRequest, type AdminResponse, text } from "./request.ts";

const usage = "?enable=<y|n>\n";

/** `POST /cpuprofiler`: there is none to switch on from here. */
export function switchCpuProfiler({ query }: AdminRequest): AdminResponse {
	switch (query.get("enable")) {
		case "y":
			return text("failure to start the profiler", 500);
		case "n":
			return text("OK\n");
		default:
			return text(usage, 400);
	}
}

/** `POST /allocprofiler`. */
export function switchAllocationProfiler({ query }: AdminRequest): AdminResponse {
	switch (query.get("enable")) {
		case "y":
			return unavailable("allocation profiler");
		case "n":
			return text("Allocation profiler is not started", 400);
		default:
			return text(usage, 400);
	}
}

/** The answer of what a process on Node.js does not have. */
export function unavailable(what: string): AdminResponse {
	return text(`The current build does not support ${what}`, 501);
}
