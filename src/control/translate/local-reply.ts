import type { MessageInitShape } from "@bufbuild/protobuf";
import {
	type AccessLogFilterSchema,
	ComparisonFilter_Op,
} from "../../api/gen/envoy/config/accesslog/v3/accesslog_pb.js";
import type { LocalReplyConfigSchema } from "../../api/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { headerValue, stringMatcher } from "./messages.ts";

/** Says on a response of a sidecar that the application never processed the request, or that its method is safe, so the
 *  client's sidecar may send it again. Taken off before a client sees it. */
export const unprocessedHeader = "x-amime-unprocessed";

type FilterInit = MessageInitShape<typeof AccessLogFilterSchema>;
type LocalReplyInit = MessageInitShape<typeof LocalReplyConfigSchema>;

/** What an inbound listener says in its own responses: which policy denied, and what is safe to retry. */
export function inboundLocalReplies(allowPolicies: readonly string[], isAuthorized: boolean): LocalReplyInit {
	const mark = [headerValue(unprocessedHeader, "true", "set")];
	return {
		mappers: [
			...(isAuthorized ? [deniedMapper(allowPolicies)] : []),
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

function deniedMapper(allowPolicies: readonly string[]) {
	const inForce = allowPolicies.length === 0 ? "" : `; ALLOW policies in force: ${allowPolicies.join(", ")}`;
	return {
		filter: statusIs(403),
		bodyFormatOverride: textBody(`denied by AuthorizationPolicy: %RESPONSE_CODE_DETAILS%${inForce}\n`),
	};
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
