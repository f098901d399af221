import { getHeader, setHeader } from "../../../../core/index.ts";
import type { RequestTrace } from "../../../tracing/index.ts";
import type { PassResponseHead } from "../../http/pass-head.ts";
import type { HttpStream } from "./http-stream.ts";

/** What the connection manager adds to every response: date, server, via, request id. */
export function finishResponseHead(stream: HttpStream, head: PassResponseHead): void {
	const { config } = stream.manager;
	const source = head.source;
	if (source !== undefined) {
		// The upstream's fields are still text.
		if (!source.hasDate) head.add("date", stream.manager.context.dates.current());
		if (config.serverHeader === "overwrite") {
			source.dropServer();
			head.add("server", config.serverName);
		} else if (config.serverHeader === "append-if-absent" && !source.hasServer) {
			head.add("server", config.serverName);
		}
	} else {
		const { headers } = head;
		if (getHeader(headers, "date") === undefined) headers.push("date", stream.manager.context.dates.current());
		if (config.serverHeader === "overwrite") setHeader(headers, "server", config.serverName);
		else if (config.serverHeader === "append-if-absent" && getHeader(headers, "server") === undefined) {
			headers.push("server", config.serverName);
		}
	}
	if (stream.record.trace !== undefined) exchangeOperation(stream, stream.record.trace, head);
	if (config.via !== "") {
		const before = head.get("via");
		head.set("via", before === undefined ? config.via : `${before}, ${config.via}`);
	}
	if ((config.alwaysSetRequestIdInResponse || stream.isTraceForced) && stream.record.streamId !== "") {
		head.set("x-request-id", stream.record.streamId);
	}
}

/** The caller learns the operation that the route names; what we called may name ours. */
function exchangeOperation({ route }: HttpStream, trace: RequestTrace, head: PassResponseHead): void {
	const name = "x-envoy-decorator-operation";
	if (trace.isEgress) {
		const override = head.get(name);
		if (override === undefined) return;
		trace.overrideName = override;
		head.remove(name);
	} else if (route !== undefined && route.decoratorOperation !== "" && route.decoratorPropagate) {
		if (trace.overrideName === undefined) head.set(name, route.decoratorOperation);
	}
}
