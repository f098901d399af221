import { create, type DescMessage, type MessageInitShape, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { type Any, AnySchema, type Duration, DurationSchema } from "@bufbuild/protobuf/wkt";
import { type Address, AddressSchema } from "../../api/gen/envoy/config/core/v3/address_pb.js";
import {
	HeaderValueOption_HeaderAppendAction as AppendAction,
	type HeaderValueOption,
	HeaderValueOptionSchema,
} from "../../api/gen/envoy/config/core/v3/base_pb.js";
import {
	ApiConfigSource_ApiType,
	ApiVersion,
	type ConfigSource,
	ConfigSourceSchema,
} from "../../api/gen/envoy/config/core/v3/config_source_pb.js";
import { type StringMatcher, StringMatcherSchema } from "../../api/gen/envoy/type/matcher/v3/string_pb.js";
import {
	FractionalPercent_DenominatorType,
	type FractionalPercentSchema,
} from "../../api/gen/envoy/type/v3/percent_pb.js";
import { typeUrlOf } from "../../api/index.ts";

/** The static cluster of every bootstrap that leads to the secret server beside the proxy. */
export const sdsClusterName = "sds";

/** Packs a message given by its fields. */
export function packAny<D extends DescMessage>(schema: D, init: MessageInitShape<D>): Any {
	return packMessage(schema, create(schema, init));
}

/** Packs a message. */
export function packMessage<D extends DescMessage>(schema: D, message: MessageShape<D>): Any {
	return create(AnySchema, { typeUrl: typeUrlOf(schema), value: toBinary(schema, message) });
}

/** A named extension, as filters, transport sockets and access logs are given. */
export function extension<D extends DescMessage>(name: string, schema: D, init: MessageInitShape<D>) {
	return { name, configType: { case: "typedConfig" as const, value: packAny(schema, init) } };
}

export function duration(ms: number): Duration {
	const seconds = Math.floor(ms / 1000);
	return create(DurationSchema, { seconds: BigInt(seconds), nanos: Math.round((ms - seconds * 1000) * 1e6) });
}

/** A share in percent, to a ten-thousandth. */
export function fractionalPercent(percent: number): MessageInitShape<typeof FractionalPercentSchema> {
	return { numerator: Math.round(percent * 10_000), denominator: FractionalPercent_DenominatorType.MILLION };
}

export function socketAddress(address: string, port: number): Address {
	return create(AddressSchema, {
		address: {
			case: "socketAddress",
			value: { address, portSpecifier: { case: "portValue", value: port } },
		},
	});
}

export function pipeAddress(path: string): Address {
	return create(AddressSchema, { address: { case: "pipe", value: { path } } });
}

/** Resources come over the stream that delivered their parent; a proxy waits for them however long it takes. */
export function adsSource(): ConfigSource {
	return create(ConfigSourceSchema, {
		configSourceSpecifier: { case: "ads", value: {} },
		initialFetchTimeout: duration(0),
		resourceApiVersion: ApiVersion.V3,
	});
}

/** Secrets come from the socket beside the proxy. */
export function sdsSource(): ConfigSource {
	return create(ConfigSourceSchema, {
		configSourceSpecifier: {
			case: "apiConfigSource",
			value: {
				apiType: ApiConfigSource_ApiType.GRPC,
				transportApiVersion: ApiVersion.V3,
				setNodeOnFirstMessageOnly: true,
				grpcServices: [{ targetSpecifier: { case: "envoyGrpc", value: { clusterName: sdsClusterName } } }],
			},
		},
		initialFetchTimeout: duration(0),
		resourceApiVersion: ApiVersion.V3,
	});
}

export type StringMatchKind = "exact" | "prefix" | "suffix" | "contains" | "regex";

/** A match of text; an empty prefix, suffix or part, which Envoy refuses together with everything around it, is anything. */
export function stringMatcher(kind: StringMatchKind, value: string, ignoreCase = false): StringMatcher {
	const isAnything = value === "" && kind !== "exact" && kind !== "regex";
	if (isAnything) return stringMatcher("regex", ".*");
	return create(StringMatcherSchema, {
		matchPattern: kind === "regex" ? { case: "safeRegex", value: { regex: value } } : { case: kind, value },
		ignoreCase,
	});
}

const appendActions = {
	set: AppendAction.OVERWRITE_IF_EXISTS_OR_ADD,
	add: AppendAction.APPEND_IF_EXISTS_OR_ADD,
	"add-if-absent": AppendAction.ADD_IF_ABSENT,
};

/** A header to set (replacing), to add (appending), or to add where there is none. Percent signs of a value that is no format are doubled. */
export function headerValue(
	name: string,
	value: string,
	action: keyof typeof appendActions,
	isFormat: boolean | undefined = false,
): HeaderValueOption {
	return create(HeaderValueOptionSchema, {
		header: { key: name.toLowerCase(), value: isFormat ? value : value.replaceAll("%", "%%") },
		appendAction: appendActions[action],
	});
}

/** Quotes text for use inside a regular expression. */
export function quoteRegex(text: string): string {
	return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
