import { create } from "@bufbuild/protobuf";
import { WatchRequestSchema, type WatchResponse, Watch as WatchService } from "../../../api/gen/etcd/rpc_pb.js";
import { MeshError } from "../../../core/index.ts";
import type { RangeSelector, WatchListener } from "../../store.ts";
import { type EtcdStream, openEtcdStream } from "./etcd-calls.ts";
import type { EtcdMembers } from "./etcd-members.ts";
import { decodeEvents, type KeySpace } from "./etcd-messages.ts";

/** A watch on its way or under way. */
export interface EtcdWatch extends EtcdStream {
	/** Resolves when etcd has begun it, or when it has ended. */
	readonly begun: Promise<void>;
}

/** Opens a watch on a stream of its own. Its end by etcd is told as `STORE_COMPACTED` or `STORE_UNAVAILABLE`. */
export function openEtcdWatch(
	members: EtcdMembers,
	keys: KeySpace,
	selector: RangeSelector,
	listener: WatchListener,
	fromRevision: number | undefined,
): EtcdWatch {
	const value = { ...keys.select(selector), startRevision: BigInt(fromRevision ?? 0) };
	const request = create(WatchRequestSchema, { requestUnion: { case: "createRequest", value } });
	const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
	const end = (error: MeshError): void => {
		begin();
		stream.close();
		listener.onError(error);
	};
	const onMessage = (response: WatchResponse): void => {
		if (response.canceled) end(describeEnd(response, members.where));
		else if (response.created) begin();
		else for (const batch of decodeEvents(response.events, keys)) listener.onBatch(batch);
	};
	const stream = openEtcdStream(members, WatchService.method.watch, request, { onMessage, onFailure: end });
	return {
		begun,
		close() {
			begin();
			stream.close();
		},
	};
}

function describeEnd({ compactRevision, cancelReason }: WatchResponse, where: string): MeshError {
	if (compactRevision > 0n)
		return new MeshError("STORE_COMPACTED", `the watch's revision is no longer kept, the oldest is ${compactRevision}`);
	return new MeshError("STORE_UNAVAILABLE", `etcd ${where} ended a watch: ${cancelReason}`);
}
