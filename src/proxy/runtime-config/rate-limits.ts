import type {
	RateLimit_Action,
	RateLimit as RateLimitMessage,
} from "../../api/gen/envoy/config/route/v3/route_components_pb.js";
import {
	RateLimit_Action_MetaData_Source,
	RateLimit_XRateLimitOption,
} from "../../api/gen/envoy/config/route/v3/route_components_pb.js";
import type { MetadataKey } from "../../api/gen/envoy/type/metadata/v3/metadata_pb.js";
import { parseCidr } from "../../engine/matcher/index.ts";
import type { MetadataPath, RateLimitAction, RateLimitPolicy } from "../../engine/rate-limit/index.ts";
import { readHeaderMatchers, readQueryMatchers } from "./matchers.ts";
import { type Scope, toWireText } from "./scope.ts";
import { readFormat } from "./values.ts";

/** Translates policies of a route, of a virtual host or of a filter. `inFilter`: the fields that only routes may have are refused. */
export function readRateLimits(
	messages: readonly RateLimitMessage[],
	scope: Scope,
	inFilter?: { readonly allowsLimit: boolean; readonly formatsValues: boolean },
): RateLimitPolicy[] {
	return messages.map((message, index) => {
		const at = scope.at("rate_limits", index);
		if (inFilter !== undefined) checkInFilter(message, at, inFilter.allowsLimit);
		return readRateLimit(message, at, inFilter !== undefined, inFilter?.formatsValues ?? false);
	});
}

function checkInFilter(message: RateLimitMessage, scope: Scope, allowsLimit: boolean): void {
	if (message.stage !== undefined) scope.at("stage").report("is not supported in a filter");
	if (message.disableKey !== "") scope.at("disable_key").report("is not supported in a filter");
	if (message.limit !== undefined && !allowsLimit) scope.at("limit").report("is not supported here");
}

const headerOptions: Readonly<Record<number, RateLimitPolicy["headers"]>> = {
	[RateLimit_XRateLimitOption.OFF]: "off",
	[RateLimit_XRateLimitOption.DRAFT_VERSION_03]: "on",
};

/** On routes and in the local filter values are texts as they stand, and on routes every request counts one, as in Envoy. */
function readRateLimit(
	message: RateLimitMessage,
	scope: Scope,
	inFilter: boolean,
	formatsValues: boolean,
): RateLimitPolicy {
	const override = message.limit?.overrideSpecifier;
	return {
		stage: message.stage ?? 0,
		disableKey: message.disableKey,
		actions: message.actions.flatMap(
			(action, index) => readAction(action, scope.at("actions", index), formatsValues) ?? [],
		),
		limit: override?.case === "dynamicMetadata" ? readMetadataPath(override.value.metadataKey) : undefined,
		hits: inFilter ? readHits(message, scope.at("hits_addend")) : undefined,
		onStreamDone: message.applyOnStreamDone,
		headers: headerOptions[message.xRatelimitOption] ?? "unspecified",
	};
}

function readHits({ hitsAddend }: RateLimitMessage, scope: Scope): RateLimitPolicy["hits"] {
	if (hitsAddend === undefined) return undefined;
	const { number, format } = hitsAddend;
	if ((number === undefined) === (format === "")) scope.report("must contain either a format or a number");
	if (number !== undefined) return { kind: "number", value: Number(number) };
	return { kind: "format", value: readFormat(format, scope.at("format"), "") };
}

export function readMetadataPath(message: MetadataKey | undefined): MetadataPath {
	return {
		namespace: message?.key ?? "",
		path: (message?.path ?? []).map(({ segment }) => (segment.case === "key" ? segment.value : "")),
	};
}

function readAction(message: RateLimit_Action, scope: Scope, isFormat: boolean): RateLimitAction | undefined {
	const action = message.actionSpecifier;
	switch (action.case) {
		case "sourceCluster":
			return { kind: "source-cluster" };
		case "destinationCluster":
			return { kind: "destination-cluster" };
		case "remoteAddress":
			return { kind: "remote-address" };
		case "maskedRemoteAddress": {
			const { v4PrefixMaskLen: v4Length = 32, v6PrefixMaskLen: v6Length = 128 } = action.value;
			return { kind: "masked-remote-address", v4Length, v6Length };
		}
		case "remoteAddressMatch": {
			const at = scope.at("remote_address_match");
			const { addressMatcher } = action.value;
			return {
				kind: "address-match",
				...readValue(action.value, "remote_address_match", at, true),
				ranges: (addressMatcher?.ranges ?? []).flatMap((range, index) => {
					const cidr = parseCidr(range.addressPrefix, range.prefixLen ?? 0);
					const place = at.at("address_matcher").at("ranges", index);
					if (cidr === undefined) place.report(`${range.addressPrefix} is no address`);
					return cidr ?? [];
				}),
				isInverted: addressMatcher?.invertMatch ?? false,
			};
		}
		case "requestHeaders": {
			const { headerName, descriptorKey: key, skipIfAbsent } = action.value;
			return { kind: "header", key, name: headerName.toLowerCase(), skipIfAbsent };
		}
		case "queryParameters": {
			const { queryParameterName, descriptorKey: key, skipIfAbsent } = action.value;
			return { kind: "query", key, name: toWireText(queryParameterName), skipIfAbsent };
		}
		case "genericKey":
			return { kind: "generic", ...readValue(action.value, "generic_key", scope.at("generic_key"), isFormat) };
		case "headerValueMatch": {
			const at = scope.at("header_value_match");
			const headers = readHeaderMatchers(action.value.headers, at, "headers");
			const expectMatch = action.value.expectMatch ?? true;
			return { kind: "header-match", ...readValue(action.value, "header_match", at, isFormat), expectMatch, headers };
		}
		case "queryParameterValueMatch": {
			const at = scope.at("query_parameter_value_match");
			const parameters = readQueryMatchers(action.value.queryParameters, at, "query_parameters");
			const expectMatch = action.value.expectMatch ?? true;
			return { kind: "query-match", ...readValue(action.value, "query_match", at, isFormat), expectMatch, parameters };
		}
		case "metadata": {
			const { descriptorKey: key, metadataKey, defaultValue, source, skipIfAbsent } = action.value;
			const from = source === RateLimit_Action_MetaData_Source.ROUTE_ENTRY ? "route" : "dynamic";
			return { kind: "metadata", key, source: from, path: readMetadataPath(metadataKey), defaultValue, skipIfAbsent };
		}
		default:
			// Reported by the table of supported fields.
			return undefined;
	}
}

function readValue(
	message: { readonly descriptorKey: string; readonly descriptorValue: string; readonly defaultValue: string },
	defaultKey: string,
	scope: Scope,
	isFormat: boolean,
) {
	const text = message.descriptorValue;
	return {
		key: message.descriptorKey === "" ? defaultKey : message.descriptorKey,
		value: isFormat ? readFormat(text, scope.at("descriptor_value"), "") : { literal: text, format: () => text },
		defaultValue: message.defaultValue,
	};
}
