import type { MessageInitShape } from "@bufbuild/protobuf";
import {
	type AccessLogFilterSchema,
	type AccessLogSchema,
	ComparisonFilter_Op,
} from "../../api/gen/envoy/config/accesslog/v3/accesslog_pb.js";
import { StdoutAccessLogSchema } from "../../api/gen/envoy/extensions/access_loggers/stream/v3/stream_pb.js";
import type { LocalReplyConfigSchema } from "../../api/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import type { ValueMatcherSchema } from "../../api/gen/envoy/type/matcher/v3/value_pb.js";
import type { AuthorizationPolicy } from "../../model/index.ts";
import type { ProxyKind } from "./http-connection-manager.ts";
import { extension, headerValue, stringMatcher } from "./messages.ts";

/** Says on a response of a sidecar that the application never processed the request, or that its method is safe, so the
 *  client's sidecar may send it again. Taken off before a client sees it. */
export const unprocessedHeader = "x-amime-unprocessed";

/** Why a proxy of the mesh answered in place of the application: response flags, details, and for a denial what the policies lack. */
export const reasonHeader = "x-amime-reason";

type FilterInit = MessageInitShape<typeof AccessLogFilterSchema>;
type AccessLogInit = MessageInitShape<typeof AccessLogSchema>;
type LocalReplyInit = MessageInitShape<typeof LocalReplyConfigSchema>;

/** Who may read a listener's own responses: callers that the mesh knows are told why, others only the request id that an operator
 *  can ask `amime why` about. */
export type Audience = "mesh" | "outside";

/** What decides how an inbound listener answers by itself. */
export interface InboundReplyOptions {
	readonly kind: ProxyKind;
	readonly audience: Audience;
	/** The ALLOW policies in force, as `namespace/name`. */
	readonly allowPolicies: readonly string[];
	/** Whether policies may deny. */
	readonly isEnforced: boolean;
	/** Whether tokens are looked at. */
	readonly checksTokens: boolean;
	readonly marksUnprocessed: boolean;
}

/** What an inbound listener says in its own responses: which policy denied, and what is safe to retry. */
export function inboundLocalReplies(options: Omit<InboundReplyOptions, "checksTokens">): LocalReplyInit {
	const { allowPolicies, audience, isEnforced, kind, marksUnprocessed } = options;
	const told = explain(audience);
	const mark = [headerValue(unprocessedHeader, "true", "set"), ...told];
	return {
		mappers: [
			...(isEnforced && audience === "mesh" ? [authorizerMapper(), deniedMapper(kind, allowPolicies)] : []),
			...(marksUnprocessed
				? [
						// The connection to the application failed: the request never reached it.
						{ filter: allOf(statusIs(503), flagIs("UF", "UH", "UO")), headersToAdd: mark },
						// It broke after the request was sent: only what changes nothing may be repeated.
						{ filter: allOf(statusIs(503), flagIs("UC"), methodIsSafe), headersToAdd: mark },
					]
				: []),
			// Behind captured traffic an answer that is no denial is what Istio's would be.
			...(marksUnprocessed || audience === "outside" ? [{ filter: statusAtLeast(400), headersToAdd: told }] : []),
		],
	};
}

/** What an outbound listener says when a request cannot be sent at all: the host that was asked for, and why. */
export function outboundLocalReplies(): LocalReplyInit {
	const told = explain("mesh");
	return {
		mappers: [
			{
				filter: statusIs(502),
				bodyFormatOverride: textBody("%REQ(:AUTHORITY)%: %LOCAL_REPLY_BODY%"),
				headersToAdd: explain("mesh", "%RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %ROUTE_NAME%"),
			},
			{ filter: statusAtLeast(400), headersToAdd: told },
		],
	};
}

function explain(audience: Audience, why = "%RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%") {
	const id = headerValue("x-request-id", "%REQ(X-REQUEST-ID)%", "set", true);
	// A filter that limits requests has said why already.
	return audience === "mesh" ? [headerValue(reasonHeader, why, "add-if-absent", true), id] : [id];
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

/** A line beside the access log's own for each 403 of a workload under policy, and for each 401 where tokens are checked: who asked for what,
 *  and which policy or fault of a token decided (`via_upstream` when the application did). No query: tokens may be there. */
export function denialAccessLogs(
	kind: ProxyKind,
	{
		allowPolicies,
		isEnforced,
		checksTokens,
	}: Pick<InboundReplyOptions, "allowPolicies" | "isEnforced" | "checksTokens">,
): AccessLogInit[] {
	if (!isEnforced && !checksTokens) return [];
	const text =
		'[%START_TIME%] "%REQ(:METHOD)% %PATH(NQ)% %PROTOCOL%" %RESPONSE_CODE% for "%DOWNSTREAM_PEER_URI_SAN%": ' +
		`%RESPONSE_CODE_DETAILS%${lacking(kind)}${policiesInForce(allowPolicies)} "%REQ(X-REQUEST-ID)%"\n`;
	return [
		{
			...extension("envoy.access_loggers.stdout", StdoutAccessLogSchema, {
				accessLogFormat: { case: "logFormat", value: textBody(text) },
			}),
			filter: checksTokens ? anyOf(statusIs(401), statusIs(403)) : statusIs(403),
		},
	];
}

/** What an external authorizer answers is its own. */
function authorizerMapper() {
	return { filter: allOf(statusIs(403), flagIs("UAEX")), headersToAdd: explain("mesh") };
}

/** A line for each request that policies which are only tried would have denied, or that an AUDIT policy matched: who asked for what, and
 *  which policy. */
export function triedAccessLogs(
	policies: readonly Pick<AuthorizationPolicy, "action" | "isDryRun">[],
): AccessLogInit[] {
	const tried = (["DENY", "ALLOW"] as const).filter((wanted) =>
		policies.some(({ action, isDryRun }) => isDryRun === true && action === wanted),
	);
	const isAudited = policies.some(({ action }) => action === "AUDIT");
	return [
		...tried.map((action) => {
			const key = `istio_dry_run_${action.toLowerCase()}_shadow`;
			const policy = `%DYNAMIC_METADATA(${rbacMetadata}:${key}_effective_policy_id)%`;
			return line(`would have been denied by ${action} policies in dry run: ${policy}`, {
				filter: rbacMetadata,
				key: `${key}_engine_result`,
				value: { matchPattern: { case: "stringMatch", value: stringMatcher("exact", "denied") } },
			});
		}),
		...(isAudited
			? [
					line("matched by an AUDIT policy", {
						filter: "envoy.common",
						key: "access_log_hint",
						value: { matchPattern: { case: "boolMatch", value: true } },
					}),
				]
			: []),
	];
}

const rbacMetadata = "envoy.filters.http.rbac";

interface MetadataCondition {
	readonly filter: string;
	readonly key: string;
	readonly value: MessageInitShape<typeof ValueMatcherSchema>;
}

function line(told: string, { filter, key, value }: MetadataCondition): AccessLogInit {
	const text = `[%START_TIME%] "%REQ(:METHOD)% %PATH(NQ)% %PROTOCOL%" %RESPONSE_CODE% for "%DOWNSTREAM_PEER_URI_SAN%": ${told} "%REQ(X-REQUEST-ID)%"\n`;
	return {
		...extension("envoy.access_loggers.stdout", StdoutAccessLogSchema, {
			accessLogFormat: { case: "logFormat", value: textBody(text) },
		}),
		filter: {
			filterSpecifier: {
				case: "metadataFilter",
				value: {
					matcher: { filter, path: [{ segment: { case: "key", value: key } }], value },
					matchIfKeyNotFound: false,
				},
			},
		},
	};
}

function deniedMapper(kind: ProxyKind, allowPolicies: readonly string[]) {
	return {
		filter: statusIs(403),
		headersToAdd: explain("mesh", `%RESPONSE_CODE_DETAILS%${lacking(kind)}`),
		bodyFormatOverride: textBody(`denied by policy: %RESPONSE_CODE_DETAILS%${policiesInForce(allowPolicies)}\n`),
	};
}

/** Which condition of which policy was not met; a stock Envoy does not know. */
function lacking(kind: ProxyKind): string {
	return kind === "amime" ? " %DYNAMIC_METADATA(amime:denied)%" : "";
}

function policiesInForce(allowPolicies: readonly string[]): string {
	return allowPolicies.length === 0 ? "" : `; ALLOW policies in force: ${allowPolicies.join(", ")}`;
}

function allOf(...filters: FilterInit[]): FilterInit {
	return { filterSpecifier: { case: "andFilter", value: { filters } } };
}

function anyOf(...filters: FilterInit[]): FilterInit {
	return { filterSpecifier: { case: "orFilter", value: { filters } } };
}

function statusIs(status: number): FilterInit {
	return compareStatus(ComparisonFilter_Op.EQ, status);
}

function statusAtLeast(status: number): FilterInit {
	return compareStatus(ComparisonFilter_Op.GE, status);
}

function compareStatus(op: ComparisonFilter_Op, status: number): FilterInit {
	const value = { defaultValue: status, runtimeKey: `amime.local_reply.${status}` };
	return { filterSpecifier: { case: "statusCodeFilter", value: { comparison: { op, value } } } };
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
