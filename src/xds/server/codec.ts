import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type Node, NodeSchema } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import {
	DeltaDiscoveryRequestSchema,
	DiscoveryRequestSchema,
	DiscoveryResponseSchema,
} from "../../api/gen/envoy/service/discovery/v3/discovery_pb.js";
import { readDeltaAnswer } from "./delta-answer.ts";
import { encodeDeltaResponse } from "./delta-response.ts";
import type { StreamRequest } from "./requests.ts";
import type { StreamResponse, Variant } from "./stream.ts";

/** Bytes of requests and responses, one pair per form. */
export interface StreamCodec {
	decodeRequest(bytes: Uint8Array): StreamRequest;
	encodeResponse(response: StreamResponse): Buffer;
}

export const codecs: Record<Variant, StreamCodec> = {
	"state-of-the-world": {
		decodeRequest(bytes) {
			const request = fromBinary(DiscoveryRequestSchema, bytes);
			checkNode(request.node, bytes.length);
			return {
				kind: "state-of-the-world",
				typeUrl: request.typeUrl,
				node: request.node,
				nonce: request.responseNonce,
				error: request.errorDetail?.message,
				version: request.versionInfo,
				names: request.resourceNames,
			};
		},
		encodeResponse(response) {
			const message = create(DiscoveryResponseSchema, {
				versionInfo: response.version,
				typeUrl: response.typeUrl,
				nonce: response.nonce,
				resources: response.resources.map(({ typeUrl, value }) => ({ typeUrl, value })),
			});
			return asBuffer(toBinary(DiscoveryResponseSchema, message));
		},
	},
	delta: {
		decodeRequest(bytes) {
			const answer = readDeltaAnswer(bytes);
			if (answer !== undefined) return answer;
			const request = fromBinary(DeltaDiscoveryRequestSchema, bytes);
			checkNode(request.node, bytes.length);
			return {
				kind: "delta",
				typeUrl: request.typeUrl,
				node: request.node,
				nonce: request.responseNonce,
				error: request.errorDetail?.message,
				subscribe: request.resourceNamesSubscribe,
				unsubscribe: request.resourceNamesUnsubscribe,
				initialVersions: request.initialResourceVersions,
			};
		},
		encodeResponse: encodeDeltaResponse,
	},
};

/** Bytes of a node; an Envoy with every extension says some 50 KiB of itself. It is kept for as long as its stream lives. */
const maxNodeBytes = 1024 * 1024;

/** @throws Error when a client says too much of itself, which ends its stream */
function checkNode(node: Node | undefined, requestBytes: number): void {
	if (node === undefined || requestBytes <= maxNodeBytes) return;
	const bytes = toBinary(NodeSchema, node).length;
	if (bytes > maxNodeBytes) throw new Error(`its node has ${bytes} bytes, the limit is ${maxNodeBytes}`);
}

function asBuffer(bytes: Uint8Array): Buffer {
	return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
