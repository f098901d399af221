import type { JsonObject, MessageInitShape } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import type { AccessLogSchema } from "../../api/gen/envoy/config/accesslog/v3/accesslog_pb.js";
import { StdoutAccessLogSchema } from "../../api/gen/envoy/extensions/access_loggers/stream/v3/stream_pb.js";
import { ConfigSchema as HeaderToMetadataSchema } from "../../api/gen/envoy/extensions/filters/http/header_to_metadata/v3/header_to_metadata_pb.js";
import { formatSpiffeId, type MeshSettings, type WorkloadInstance } from "../../model/index.ts";
import type { MeshIndex } from "./mesh-index.ts";
import { extension, packAny } from "./messages.ts";

type AccessLogInit = MessageInitShape<typeof AccessLogSchema>;

/** Whether something could leave the mesh. */
export type EgressVerdict = "allowed" | "refused";

/** Name of the log of what leaves the mesh, and of the HTTP filter that tells it: Telemetry objects do not switch it off. */
export const egressName = "amime.egress";

const verdictKey = "verdict";

/** The filter that marks requests which leave the mesh; off except where a route turns it on. */
export function egressFilter() {
	return { ...extension(egressName, HeaderToMetadataSchema, {}), disabled: true };
}

/** What a route out of the mesh, or one that refuses, says to that filter. */
export function markEgress(verdict: EgressVerdict): Readonly<Record<string, Any>> {
	return { [egressName]: marks[verdict] };
}

const marks: Readonly<Record<EgressVerdict, Any>> = { allowed: packMark("allowed"), refused: packMark("refused") };

function packMark(verdict: EgressVerdict): Any {
	const entry = { metadataNamespace: egressName, key: verdictKey, value: verdict };
	return packAny(HeaderToMetadataSchema, {
		requestRules: [{ header: ":method", onHeaderPresent: entry }],
	});
}

/** Whether a cluster leads out of the mesh: to a host that a ServiceEntry says is outside. */
export function leavesMesh(index: MeshIndex, host: string): boolean {
	return index.servicesOfHost(host).some(({ isExternal }) => isExternal === true);
}

/** Who the proxy speaks for, in the log of what leaves. */
export function egressSource(
	settings: MeshSettings,
	{ namespace, serviceAccount }: Pick<WorkloadInstance, "namespace" | "serviceAccount">,
) {
	return formatSpiffeId({ trustDomain: settings.trustDomain, namespace, serviceAccount });
}

/** A line of JSON for each request that leaves the mesh, or would have. Without path and headers: those may be secrets. */
export function egressRequestLog(source: string): AccessLogInit {
	return {
		...log({
			...common(source, `%DYNAMIC_METADATA(${egressName}:${verdictKey})%`),
			method: "%REQ(:METHOD)%",
			destination: "%REQ(:AUTHORITY)%",
			status: "%RESPONSE_CODE%",
			request_id: "%REQ(X-REQUEST-ID)%",
		}),
		filter: {
			filterSpecifier: {
				case: "metadataFilter",
				value: {
					matcher: {
						filter: egressName,
						path: [{ segment: { case: "key", value: verdictKey } }],
						value: { matchPattern: { case: "presentMatch", value: true } },
					},
					matchIfKeyNotFound: false,
				},
			},
		},
	};
}

/** A line of JSON for each connection of bytes that leaves the mesh, or would have.
 *  @param destination the host where it is known; else the server name that the client said is */
export function egressConnectionLog(source: string, verdict: EgressVerdict, destination?: string): AccessLogInit {
	return log({
		...common(source, verdict),
		destination: destination ?? "%REQUESTED_SERVER_NAME%",
		server_name: "%REQUESTED_SERVER_NAME%",
	});
}

function common(source: string, verdict: string): JsonObject {
	return {
		event: "egress",
		time: "%START_TIME%",
		source,
		verdict,
		address: "%UPSTREAM_HOST%",
		captured_address: "%DOWNSTREAM_LOCAL_ADDRESS%",
		client: "%DOWNSTREAM_REMOTE_ADDRESS%",
		cluster: "%UPSTREAM_CLUSTER%",
		flags: "%RESPONSE_FLAGS%",
		bytes_sent: "%BYTES_RECEIVED%",
		bytes_received: "%BYTES_SENT%",
		duration_ms: "%DURATION%",
	};
}

function log(fields: JsonObject) {
	return {
		...extension("envoy.access_loggers.stdout", StdoutAccessLogSchema, {
			accessLogFormat: { case: "logFormat", value: { format: { case: "jsonFormat", value: fields } } },
		}),
		name: egressName,
	};
}
