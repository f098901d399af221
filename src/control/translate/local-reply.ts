import type { MessageInitShape } from "@bufbuild/protobuf";
import {
	type AccessLogFilterSchema,
	type AccessLogSchema,
	ComparisonFilter_Op,
} from "../../api/gen/envoy/config/accesslog/v3/accesslog_pb.js";
import { StdoutAccessLogSchema } from "../../api/gen/envoy/extensions/access_loggers/stream/v3/stream_pb.js";
import type { LocalReplyConfigSchema } from "../../api/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { extension, headerValue, stringMatcher } from "./messages.ts";

/** Says on a response of a sidecar that the application never processed the request, or that its method is safe, so the
 *  client's sidecar may send it again. Taken off before a client sees it. */
export const unprocessedHeader = "x-amime-unprocessed";

type FilterInit = MessageInitShape<typeof AccessLogFilterSchema>;
type AccessLogInit = MessageInitShape<typeof AccessLogSchema>;
type LocalReplyInit = MessageInitShape<typeof LocalReplyConfigSchema>;

/** What an inbound listener says in its own responses: which policy denied, and what is safe to retry. */
export function inboundLocalReplies(
	allowPolicies: readonly string[],
	isAuthorized: boolean,
	marksUnprocessed: boolean,
): LocalReplyInit {
	const denied = isAuthorized ? [deniedMapper(allowPolicies)] : [];
	if (!marksUnprocessed) return { mappers: denied };
	const mark = [headerValue(unprocessedHeader, "true", "set")];
	return {
		mappers: [
			...denied,
			// The connection to the application failed: the request never reached it.
			{ filter: allOf(statusIs(503), flagIs("UF", "UH", "UO")), headersToAdd: mark },
			// It broke after the request was sent: only what changes nothing may be repeated.
			{ filter: allOf(statusIs(503), flagIs("UC"), methodIsSafe), headersToAdd: mark },
		],
	};
}

/** What an outbound listener says when a request cannot be sent at all: the host that was asked for, and why. */
export function outboundLocalReplies(): LocalReplyInit {
	return {
		mappers: [{ filter: statusIs(502), bodyFormatOverride: textBody("%REQ(:AUTHORITY)%: %LOCAL_REPLY_BODY%") }],
	};
}

function textBody(text: string) {
	return {
		contentType: "text/plain; charset=UTF-8",
		format: {
			case: "textFormatSource" as const,
			value: { specifier: { case: "inlineString" as const, value: text } },
		},
	};
}

/** A line beside the access log's own for each 403 of a workload under policy: who asked for what, and which policy decided
 *  (`via_upstream` when the application did). */
export function forbiddenAccessLog(allowPolicies: readonly string[]): AccessLogInit {
	const line =
		'[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% for "%DOWNSTREAM_PEER_URI_SAN%": ' +
		`%RESPONSE_CODE_DETAILS%${policiesInForce(allowPolicies)}\n`;
	return {
		...extension("envoy.access_loggers.stdout", StdoutAccessLogSchema, {
			accessLogFormat: { case: "logFormat", value: textBody(line) },
		}),
		filter: statusIs(403),
	};
}

function deniedMapper(allowPolicies: readonly string[]) {
	return {
		filter: statusIs(403),
		bodyFormatOverride: textBody(
			`denied by AuthorizationPolicy: %RESPONSE_CODE_DETAILS%${policiesInForce(allowPolicies)}\n`,
		),
	};
}

function policiesInForce(allowPolicies: readonly string[]): string {
	return allowPolicies.length === 0 ? "" : `; ALLOW policies in force: ${allowPolicies.join(", ")}`;
}

function allOf(...filters: FilterInit[]): FilterInit {
	return { filterSpecifier: { case: "andFilter", value: { filters } } };
}

function statusIs(status: number): FilterInit {
	return {
		filterSpecifier: {
			case: "statusCodeFilter",
			value: {
				comparison: {
					op: ComparisonFilter_Op.EQ,
					value: { defaultValue: status, runtimeKey: `amime.local_reply.${status}` },
				},
			},
		},
	};
}

function flagIs(...flags: string[]): FilterInit {
	return { filterSpecifier: { case: "responseFlagFilter", value: { flags } } };
}

const methodIsSafe: FilterInit = {
	filterSpecifier: {
		case: "headerFilter",
		value: {
			header: {
				name: ":method",
				headerMatchSpecifier: { case: "stringMatch", value: stringMatcher("regex", "GET|HEAD|OPTIONS") },
			},
		},
	},
};
