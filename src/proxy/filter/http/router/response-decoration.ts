import { setHeader } from "../../../../core/index.ts";
import type { HttpStream } from "../../network/http-connection-manager/http-stream.ts";
import type { PassResponseHead } from "../pass-head.ts";

/** What the router knows that goes into a response's head. */
export interface ResponseDecoration {
	/** Milliseconds since the request was complete; undefined when it is not, or `x-envoy-` headers are suppressed. */
	readonly serviceTimeMs: number | undefined;
	/** Ready `set-cookie` values of hash policies. */
	readonly cookies: readonly string[] | undefined;
}

/** Adds the router's own fields to a response and runs the route's operations on it. */
export function decorateResponse(stream: HttpStream, head: PassResponseHead, decoration: ResponseDecoration): void {
	const { record, route } = stream;
	if (decoration.serviceTimeMs !== undefined) {
		const text = String(Math.max(0, Math.floor(decoration.serviceTimeMs)));
		if (head.mayHaveEnvoyFields) setHeader(head.headers, "x-envoy-upstream-service-time", text);
		else head.add("x-envoy-upstream-service-time", text);
	}
	if (route === undefined) return;
	if (route.includeAttemptCountInResponse) head.set("x-envoy-attempt-count", String(record.attemptCount));
	if (decoration.cookies !== undefined) {
		for (const cookie of decoration.cookies) head.headers.push("set-cookie", cookie);
	}
	if (route.responseHeaders.isEmpty) return;
	record.responseHead = head;
	record.responseCode = head.status;
	route.responseHeaders.apply(head.headers, record);
}
