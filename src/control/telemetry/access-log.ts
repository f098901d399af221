import type { JsonObject, MessageInitShape } from "@bufbuild/protobuf";
import type { SubstitutionFormatStringSchema } from "../../api/gen/envoy/config/core/v3/substitution_format_string_pb.js";
import { FileAccessLogSchema } from "../../api/gen/envoy/extensions/access_loggers/file/v3/file_pb.js";
import { StdoutAccessLogSchema } from "../../api/gen/envoy/extensions/access_loggers/stream/v3/stream_pb.js";
import type { AccessLogSettings } from "../../model/index.ts";
import { extension } from "../translate/index.ts";
import { stdout } from "./resolve.ts";

/** The log of requests as the MeshConfig has it. */
export function translateAccessLog(settings: AccessLogSettings) {
	const format = translateFormat(settings);
	const accessLogFormat = format === undefined ? {} : { case: "logFormat" as const, value: format };
	return settings.file === stdout
		? extension("envoy.access_loggers.stdout", StdoutAccessLogSchema, {
				...(format !== undefined && { accessLogFormat }),
			} as MessageInitShape<typeof StdoutAccessLogSchema>)
		: extension("envoy.access_loggers.file", FileAccessLogSchema, {
				path: settings.file,
				...(format !== undefined && { accessLogFormat }),
			} as MessageInitShape<typeof FileAccessLogSchema>);
}

type FormatInit = MessageInitShape<typeof SubstitutionFormatStringSchema>;

/** Undefined is Envoy's own text. */
function translateFormat({ encoding, format }: AccessLogSettings): FormatInit | undefined {
	if (encoding === "JSON") {
		const value: JsonObject = format === undefined ? istioFields : (JSON.parse(format) as JsonObject);
		return { format: { case: "jsonFormat", value } };
	}
	if (format === undefined) return undefined;
	const inlineString = format.endsWith("\n") ? format : `${format}\n`;
	return { format: { case: "textFormatSource", value: { specifier: { case: "inlineString", value: inlineString } } } };
}

/** Istio's fields of a JSON line. */
const istioFields: JsonObject = {
	start_time: "%START_TIME%",
	route_name: "%ROUTE_NAME%",
	method: "%REQ(:METHOD)%",
	path: "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
	protocol: "%PROTOCOL%",
	response_code: "%RESPONSE_CODE%",
	response_flags: "%RESPONSE_FLAGS%",
	response_code_details: "%RESPONSE_CODE_DETAILS%",
	connection_termination_details: "%CONNECTION_TERMINATION_DETAILS%",
	bytes_received: "%BYTES_RECEIVED%",
	bytes_sent: "%BYTES_SENT%",
	duration: "%DURATION%",
	upstream_service_time: "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%",
	x_forwarded_for: "%REQ(X-FORWARDED-FOR)%",
	user_agent: "%REQ(USER-AGENT)%",
	request_id: "%REQ(X-REQUEST-ID)%",
	authority: "%REQ(:AUTHORITY)%",
	upstream_host: "%UPSTREAM_HOST%",
	upstream_cluster: "%UPSTREAM_CLUSTER_RAW%",
	upstream_local_address: "%UPSTREAM_LOCAL_ADDRESS%",
	downstream_local_address: "%DOWNSTREAM_LOCAL_ADDRESS%",
	downstream_remote_address: "%DOWNSTREAM_REMOTE_ADDRESS%",
	requested_server_name: "%REQUESTED_SERVER_NAME%",
	upstream_transport_failure_reason: "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
};
