import type { RouteEntry } from "../../../../engine/router/index.ts";
import { normalizeRequestPath } from "../../../../engine/router/index.ts";
import type { HttpStream } from "./http-stream.ts";
import { mutateRequestHead } from "./request-head.ts";
import { startTrace, traceRequest } from "./request-trace.ts";

/** What the connection manager demands of a head before routing, and what it changes in it.
 *  @returns false when it was answered */
export function checkRequest(stream: HttpStream, hasHost: boolean): boolean {
	const { request, manager } = stream;
	const { config } = manager;
	if (manager.context.overload.shedsRequest()) {
		manager.stats.downstream_rq_overload_close.value++;
		stream.sendLocalReply({ status: 503, body: "envoy overloaded", details: "overload", flags: 0 });
		return false;
	}
	// Also for a request that ends with its head, as in Envoy.
	if (!config.proxy100Continue && request.takeContinueExpectation()) stream.sendInformational(100, []);
	if (!hasHost) return refuse(stream, 400, "missing_host_header");
	if (request.upgrade !== "CONNECT") {
		if (request.path.charCodeAt(0) !== 47) {
			manager.stats.downstream_rq_non_relative_path.value++;
			return refuse(stream, 404, "absolute_path_rejected");
		}
		if (manager.touchesPaths || request.path.includes("#")) {
			const outcome = normalizeRequestPath(request.path, config);
			request.path = outcome.path;
			if (outcome.kind === "reject") {
				manager.stats.downstream_rq_failed_path_normalization.value++;
				return refuse(stream, 400, "path_normalization_failed");
			}
			if (outcome.kind === "redirect") {
				manager.stats.downstream_rq_redirected_with_normalized_path.value++;
				stream.sendLocalReply({
					status: 307,
					body: "",
					details: "path_normalization_failed",
					flags: 0,
					headers: ["location", outcome.path],
				});
				return false;
			}
		}
	}
	if (config.stripPort !== "keep" || config.stripTrailingHostDot) request.authority = trimHost(stream);
	const detected = mutateRequestHead(stream);
	if (config.schemeOverwrite !== undefined) {
		request.scheme = config.schemeOverwrite;
		request.set("x-forwarded-proto", config.schemeOverwrite);
	}
	if (detected !== undefined) return refuse(stream, detected.rejectStatus, "rejecting_because_detection_failed");
	if (manager.trace !== undefined) startTrace(stream, manager.trace, manager.tracingStats);
	else if (manager.sampling !== undefined) traceRequest(stream, manager.sampling, manager.tracingStats);
	return true;
}

/** Whether the route, or else the connection manager (`upgrades`, by type in lower case), lets a request become something else. */
export function isUpgradeAllowed(
	upgrade: string,
	route: RouteEntry | undefined,
	upgrades: ReadonlyMap<string, boolean>,
): boolean {
	const type = upgrade.toLowerCase();
	const onRoute = route?.action.kind === "forward" ? route.action.upgrades.get(type) : undefined;
	return onRoute?.enabled ?? upgrades.get(type) ?? false;
}

function refuse(stream: HttpStream, status: number, details: string): false {
	stream.sendLocalReply({ status, body: "", details, flags: 0 });
	return false;
}

/** The host without the port (always, or when it is the listener's own) and without a final dot. */
function trimHost(stream: HttpStream): string {
	const { config } = stream.manager;
	let host = stream.request.authority;
	const colon = host.lastIndexOf(":");
	let port = "";
	if (colon !== -1 && colon > host.lastIndexOf("]") && /^\d+$/.test(host.slice(colon + 1))) {
		port = host.slice(colon);
		host = host.slice(0, colon);
	}
	if (config.stripTrailingHostDot && host.endsWith(".")) host = host.slice(0, -1);
	const strips =
		config.stripPort === "any" ||
		(config.stripPort === "matching" && Number(port.slice(1)) === stream.connection.local.port);
	return strips && stream.request.upgrade !== "CONNECT" ? host : host + port;
}
