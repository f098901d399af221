import type { HeaderList } from "../../../../core/index.ts";
import { ResponseFlag } from "../../../../engine/format/index.ts";
import { computeRedirect, type DirectResponseConfig, type ForwardAction } from "../../../../engine/router/index.ts";
import type { HttpStream } from "../../network/http-connection-manager/http-stream.ts";
import type { RouterFilter } from "./router-filter.ts";

/** Answers what is not forwarded: no route, redirects, direct responses.
 *  @returns the action of a request that is */
export function answerLocally(stream: HttpStream, filter: RouterFilter): ForwardAction | undefined {
	const { route } = stream;
	const { stats } = filter;
	if (!filter.isInChain) {
		stream.noteCluster();
		return undefined;
	}
	stats.rq_total.value++;
	switch (route?.action.kind) {
		case "forward":
			return route.action;
		case "redirect": {
			stats.rq_direct_response.value++;
			const options = { insertOriginalPath: filter.sendsEnvoyHeaders };
			const location = computeRedirect(route.action, stream.request, stream.record, options);
			reply(stream, route.action.status, "", ["location", location]);
			return undefined;
		}
		case "direct-response":
			stats.rq_direct_response.value++;
			replyDirectly(stream, route.action);
			return undefined;
		default:
			stats.no_route.value++;
			stream.sendLocalReply({
				status: 404,
				body: "",
				details: "route_not_found",
				flags: ResponseFlag.noRouteFound,
			});
			return undefined;
	}
}

function replyDirectly(stream: HttpStream, { status, body: bytes, bodyFormat }: DirectResponseConfig): void {
	const { scheme, authority, path } = stream.request;
	// As Envoy does: an answer that should say where to go says where the request went.
	const pointsElsewhere = status === 201 || (status >= 300 && status < 400);
	const headers = pointsElsewhere ? ["location", `${scheme}://${authority}${path}`] : [];
	const text = Buffer.from(bytes).toString("utf8");
	if (bodyFormat === undefined) {
		reply(stream, status, text, headers);
		return;
	}
	const { record } = stream;
	record.localReplyBody = text;
	reply(stream, status, bodyFormat.formatter.format(record), ["content-type", bodyFormat.contentType, ...headers]);
}

function reply(stream: HttpStream, status: number, body: string, headers: HeaderList): void {
	stream.sendLocalReply({ status, body, details: "direct_response", flags: 0, byRouter: true, headers });
}
