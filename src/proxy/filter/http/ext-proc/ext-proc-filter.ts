import type { HeaderList } from "../../../../core/index.ts";
import type { GrpcClient } from "../../../grpc-client/index.ts";
import type { ExtProcConfig, GrpcServiceConfig } from "../../../runtime-config/index.ts";
import { createExtProcStats } from "../../../stats/index.ts";
import type { FilterStream, HttpFilter } from "../filter.ts";
import type { FilterParts } from "../filter-parts.ts";
import type { PassResponseHead } from "../pass-head.ts";
import { changeRequest, listRequestFields, removeFromRequest } from "../request-fields.ts";
import { changeResponse } from "../response-fields.ts";
import { routeConfigOf } from "../route-configs.ts";
import { Direction } from "./direction.ts";
import { pairsOf } from "./mutations.ts";
import { Processor } from "./processor.ts";

/** Bytes of a body that wait for the service before its sender is slowed down. */
const defaultLimitBytes = 1024 * 1024;

/** Hands messages to a service that may change them. Spec: `envoy.extensions.filters.http.ext_proc.v3`. */
export function createExtProcFilter(parts: FilterParts, config: ExtProcConfig): HttpFilter {
	const { name, disabled, index, context, scope } = parts;
	const prefix = config.statPrefix.replace(/\.$/, "");
	const stats = createExtProcStats(scope.scope(prefix === "" ? "ext_proc" : `ext_proc.${prefix}`));
	const client = context.grpc.client(config.service);
	const clients = new WeakMap<GrpcServiceConfig, GrpcClient>();
	const clientOf = (service: GrpcServiceConfig): GrpcClient => {
		const known = clients.get(service) ?? context.grpc.client(service);
		clients.set(service, known);
		return known;
	};
	const processorOf = (stream: FilterStream): Processor | undefined => stream.getState(index) as Processor | undefined;

	const begin = (stream: FilterStream): Processor | undefined => {
		const ofRoute = routeConfigOf(stream, name, "ext-proc")?.config;
		if (ofRoute?.kind === "off") return undefined;
		const modes = ofRoute?.mode ?? config.mode;
		let responseHead: PassResponseHead | undefined;
		const processor = new Processor(
			{
				parts,
				config,
				stats,
				stream,
				client: ofRoute?.service === undefined ? client : clientOf(ofRoute.service),
				metadata: ofRoute?.metadata ?? config.metadata,
				allowsFailure: ofRoute?.allowsFailure ?? config.allowsFailure,
				initialMetadata: (ofRoute?.initialMetadata ?? []).flatMap((field) => [field.name, field.value]),
				fieldsOf: (direction) =>
					direction.parts.kind === "request"
						? listRequestFields(stream.request)
						: listResponseFields(responseHead as PassResponseHead),
			},
			() => modes,
		);
		processor.request = new Direction(processor, modes.request, {
			kind: "request",
			index,
			path: () => stream.requestPath,
			limitBytes: defaultLimitBytes,
			head: {
				change: (change) => changeRequest(stream.request, change),
				remove: (field) => removeFromRequest(stream.request, field),
			},
			removeContentLength: () => {
				if (!config.keepsContentLength) stream.request.remove("content-length");
			},
			contentLength: () => stream.request.get("content-length"),
		});
		processor.beginResponse = (head) => {
			responseHead = head;
			return new Direction(processor, processor.responseMode, {
				kind: "response",
				index,
				path: () => stream.responsePath,
				limitBytes: defaultLimitBytes,
				head: {
					change: (change) => {
						// As in Envoy, what is no status changes nothing.
						if (change.name !== ":status") changeResponse(head, change);
						else if (/^[1-9]\d\d$/.test(change.value)) head.status = Number(change.value);
					},
					remove: (field) => head.remove(field),
				},
				removeContentLength: () => {
					if (config.keepsContentLength) return;
					head.remove("content-length");
					head.contentLength = -1;
				},
				contentLength: () => head.get("content-length"),
			});
		};
		stream.setState(index, processor);
		return processor;
	};

	return {
		name,
		disabled,
		index,
		onRequestHead(stream, endStream) {
			const processor = begin(stream);
			return processor === undefined ? "continue" : processor.request!.onHead(endStream);
		},
		onRequestBody(stream, chunk, last) {
			return processorOf(stream)?.request?.onBody(chunk, last) ?? "continue";
		},
		onRequestTrailers(stream, trailers) {
			return processorOf(stream)?.request?.onTrailers(trailers) ?? "continue";
		},
		onResponseHead(stream, head, endStream) {
			const processor = processorOf(stream);
			if (processor === undefined || processor.isOver) return "continue";
			processor.response = processor.beginResponse!(head);
			return processor.response.onHead(endStream);
		},
		onResponseBody(stream, chunk, last) {
			return processorOf(stream)?.response?.onBody(chunk, last) ?? "continue";
		},
		onResponseTrailers(stream, trailers) {
			return processorOf(stream)?.response?.onTrailers(trailers) ?? "continue";
		},
		onEnd: (stream) => processorOf(stream)?.end(),
	};
}

function* listResponseFields(head: PassResponseHead): Generator<readonly [string, string]> {
	yield [":status", String(head.status)];
	yield* pairsOf(head.headers as HeaderList);
}
