import { isIP } from "node:net";
import type { Message } from "@bufbuild/protobuf";
import type { Any, Duration } from "@bufbuild/protobuf/wkt";
import {
	type Address,
	type BindConfig,
	type CidrRange as CidrMessage,
	type Pipe,
	SocketAddress_Protocol,
} from "../../api/gen/envoy/config/core/v3/address_pb.js";
import type {
	DataSource,
	HeaderValueOption,
	Metadata as MetadataMessage,
	RuntimeFractionalPercent,
} from "../../api/gen/envoy/config/core/v3/base_pb.js";
import { HeaderValueOption_HeaderAppendAction } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import { type FractionalPercent, FractionalPercent_DenominatorType } from "../../api/gen/envoy/type/v3/percent_pb.js";
import { unpackAny } from "../../api/index.ts";
import { compileTextFormat, type Formatter } from "../../engine/format/index.ts";
import {
	type CidrRange,
	type JsonObject,
	type Metadata,
	type MetadataCriteria,
	parseAddress,
	parseCidr,
} from "../../engine/matcher/index.ts";
import type { HeaderAddition, HeaderMutations } from "../../engine/router/index.ts";
import type { RuntimeFraction } from "../../engine/runtime/index.ts";
import { formatEnvironmentOf } from "./format-environment.ts";
import type { AddressConfig } from "./listener-config.ts";
import { type Scope, toWireText } from "./scope.ts";
import type { DataSourceConfig } from "./tls-config.ts";

/** Milliseconds of a duration, or the default when it is not set. */
export function toMs<T extends number | undefined>(duration: Duration | undefined, defaultMs: T): number | T {
	return duration === undefined ? defaultMs : Number(duration.seconds) * 1000 + duration.nanos / 1e6;
}

/** The message in an extension's `Any`; reports an unset or unknown one. */
export function unpackExtension(any: Any | undefined, scope: Scope): Message | undefined {
	if (any === undefined || any.typeUrl === "") {
		scope.report("this field is required");
		return undefined;
	}
	const message = unpackAny(any);
	if (message === undefined) scope.report(`unknown extension type ${any.typeUrl}`);
	return message;
}

export function readMetadata(message: MetadataMessage | undefined): Metadata {
	return (message?.filterMetadata ?? {}) as Metadata;
}

/** The `envoy.lb` part, which selects hosts. */
export function readMetadataMatch(message: MetadataMessage | undefined): MetadataCriteria | undefined {
	const criteria = message?.filterMetadata["envoy.lb"] as JsonObject | undefined;
	return criteria === undefined || Object.keys(criteria).length === 0 ? undefined : criteria;
}

/** @param protocol what the address may be of; addresses of datagrams need not say so */
export function readAddress(
	message: Address | undefined,
	scope: Scope,
	protocol: "tcp" | "udp" = "tcp",
): AddressConfig | undefined {
	switch (message?.address.case) {
		case "socketAddress": {
			const { address, portSpecifier, ipv4Compat } = message.address.value;
			const at = scope.at("socket_address");
			const isTcp = message.address.value.protocol === SocketAddress_Protocol.TCP;
			if (protocol === "tcp" && !isTcp) at.at("protocol").report("only TCP is supported");
			if (portSpecifier.case === "namedPort") at.at("named_port").report("this field is not supported");
			const port = portSpecifier.case === "portValue" ? portSpecifier.value : 0;
			if (ipv4Compat && address !== "::" && !/^::ffff:/i.test(address)) {
				at.at("ipv4_compat").report(`is for the address :: and IPv4-mapped ones, not for ${address}`);
			}
			return { kind: "socket", address, port, ipv4Compatible: ipv4Compat };
		}
		case "pipe":
			return readPipe(message.address.value, scope.at("pipe"));
		case "envoyInternalAddress": {
			const { addressNameSpecifier, endpointId: endpoint } = message.address.value;
			const listener = addressNameSpecifier.value ?? "";
			return { kind: "internal", path: `envoy://${listener}/${endpoint}`, listener, endpoint };
		}
		case undefined:
			scope.report("an address is required");
			return undefined;
	}
}

/** The local addresses that connections may come from: one, or one of each IP version. */
export function readBindAddresses(message: BindConfig | undefined, scope: Scope): string[] {
	if (message === undefined) return [];
	const { sourceAddress, extraSourceAddresses, additionalSourceAddresses } = message;
	const more = [...extraSourceAddresses.map(({ address }) => address), ...additionalSourceAddresses];
	const addresses = [sourceAddress, ...more].flatMap((one) => one?.address || []);
	if (more.length > 0 && sourceAddress === undefined) {
		scope.at("source_address").report("is required beside further source addresses");
	} else if (extraSourceAddresses.length > 0 && additionalSourceAddresses.length > 0) {
		scope.report("cannot have both extra_source_addresses and additional_source_addresses");
	} else if (more.length > 1) {
		scope.report("one further source address is allowed, of the other IP version");
	} else if (addresses.some((address) => isIP(address) === 0)) {
		scope.report("source addresses are IP addresses");
	} else if (addresses.length === 2 && isIP(addresses[0]!) === isIP(addresses[1]!)) {
		scope.report("the further source address has to be of the other IP version");
	}
	return addresses;
}

/** The longest path of a unix socket (`sockaddr_un.sun_path`, with the zero behind it). */
const maxPipePath = 107;

function readPipe({ path, mode }: Pipe, scope: Scope): AddressConfig {
	if (Buffer.byteLength(path) > maxPipePath) {
		scope.at("path").report(`path "${path}" exceeds the ${maxPipePath} bytes that a unix socket may have`);
	}
	if (mode !== 0 && path.startsWith("@")) scope.at("mode").report("cannot be set for abstract sockets");
	return { kind: "pipe", path, mode };
}

/** Like {@link readAddress}, for places that take no names. */
export function readIpAddress(
	message: Address | undefined,
	scope: Scope,
	protocol: "tcp" | "udp" = "tcp",
): AddressConfig | undefined {
	const address = readAddress(message, scope, protocol);
	if (address?.kind === "socket" && parseAddress(address.address) === undefined) {
		scope.at("socket_address").at("address").report(`malformed IP address: ${address.address}`);
	}
	return address;
}

export function readCidrs(messages: readonly CidrMessage[], scope: Scope, field: string): CidrRange[] {
	return messages.flatMap((message, index) => readCidr(message, scope.at(field, index)) ?? []);
}

export function readCidr(message: CidrMessage, scope: Scope): CidrRange | undefined {
	const range = parseCidr(message.addressPrefix, message.prefixLen ?? 0);
	if (range === undefined) scope.at("address_prefix").report(`malformed IP address: ${message.addressPrefix}`);
	return range;
}

export function readFraction(message: FractionalPercent | undefined, runtimeKey = ""): RuntimeFraction {
	const denominators = {
		[FractionalPercent_DenominatorType.HUNDRED]: 100,
		[FractionalPercent_DenominatorType.TEN_THOUSAND]: 10_000,
		[FractionalPercent_DenominatorType.MILLION]: 1_000_000,
	};
	const denominator = denominators[message?.denominator ?? FractionalPercent_DenominatorType.HUNDRED] ?? 100;
	return { numerator: message?.numerator ?? 0, denominator, runtimeKey };
}

export function readRuntimeFraction(message: RuntimeFractionalPercent | undefined): RuntimeFraction | undefined {
	return message === undefined ? undefined : readFraction(message.defaultValue, message.runtimeKey);
}

/** A data source that is needed at once: its text. */
export function readDataSourceNow(message: DataSource | undefined, scope: Scope): Uint8Array | undefined {
	switch (message?.specifier.case) {
		case "inlineBytes":
			return message.specifier.value;
		case "inlineString":
			return Buffer.from(message.specifier.value, "utf8");
		case "filename":
			return scope.readFile(message.specifier.value);
		case "environmentVariable": {
			const value = scope.environment.environment(message.specifier.value);
			if (value === undefined) scope.report(`environment variable ${message.specifier.value} does not exist`);
			return Buffer.from(value ?? "", "utf8");
		}
		default:
			return undefined;
	}
}

/** A data source that whoever needs it reads. */
export function readDataSource(message: DataSource | undefined): DataSourceConfig | undefined {
	switch (message?.specifier.case) {
		case "inlineBytes":
			return { kind: "inline", bytes: message.specifier.value };
		case "inlineString":
			return { kind: "inline", bytes: Buffer.from(message.specifier.value, "utf8") };
		case "filename":
			return {
				kind: "file",
				path: message.specifier.value,
				watchedDirectory: message.watchedDirectory?.path || undefined,
			};
		case "environmentVariable":
			return { kind: "environment", variable: message.specifier.value };
		default:
			return undefined;
	}
}

/** Compiles a text format; a broken one is reported and prints nothing. */
export function readFormat(format: string, scope: Scope, missing: "-" | "" = "-"): Formatter {
	const compiled = compileTextFormat(toWireText(format), { missing, environment: formatEnvironmentOf(scope) });
	if (compiled.ok) return compiled.value;
	scope.report(compiled.problem);
	return { literal: "", format: () => "" };
}

const appendActions: Readonly<Record<number, HeaderAddition["action"]>> = {
	[HeaderValueOption_HeaderAppendAction.APPEND_IF_EXISTS_OR_ADD]: "append",
	[HeaderValueOption_HeaderAppendAction.ADD_IF_ABSENT]: "add-if-absent",
	[HeaderValueOption_HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD]: "overwrite-or-add",
	[HeaderValueOption_HeaderAppendAction.OVERWRITE_IF_EXISTS]: "overwrite-if-exists",
};

export function readHeaderAdditions(
	messages: readonly HeaderValueOption[],
	scope: Scope,
	field: string,
): HeaderAddition[] {
	return messages.map((message, index) => {
		const at = scope.at(field, index);
		checkModifiable(message.header?.key.toLowerCase() ?? "", at.at("header").at("key"));
		return readHeaderAddition(message, at);
	});
}

/** One addition, of any header. */
export function readHeaderAddition(message: HeaderValueOption, scope: Scope): HeaderAddition {
	const value = message.header?.rawValue.length
		? Buffer.from(message.header.rawValue).toString("utf8")
		: (message.header?.value ?? "");
	const action =
		message.append === undefined ? appendActions[message.appendAction] : message.append ? "append" : "overwrite-or-add";
	return {
		name: message.header?.key.toLowerCase() ?? "",
		value: readFormat(value, scope.at("header").at("value"), ""),
		action: action ?? "append",
		keepEmptyValue: message.keepEmptyValue,
	};
}

interface HeaderMutationFields {
	readonly requestHeadersToAdd: readonly HeaderValueOption[];
	readonly requestHeadersToRemove: readonly string[];
	readonly responseHeadersToAdd: readonly HeaderValueOption[];
	readonly responseHeadersToRemove: readonly string[];
}

export function readHeaderMutations(message: HeaderMutationFields, scope: Scope): HeaderMutations {
	return {
		requestAdd: readHeaderAdditions(message.requestHeadersToAdd, scope, "request_headers_to_add"),
		requestRemove: readHeaderNames(message.requestHeadersToRemove, scope, "request_headers_to_remove"),
		responseAdd: readHeaderAdditions(message.responseHeadersToAdd, scope, "response_headers_to_add"),
		responseRemove: readHeaderNames(message.responseHeadersToRemove, scope, "response_headers_to_remove"),
	};
}

export function readHeaderNames(names: readonly string[], scope: Scope, field: string): string[] {
	return names.map((name, index) => {
		checkModifiable(name.toLowerCase(), scope.at(field, index));
		return name.toLowerCase();
	});
}

/** Reports a name that additions may not have. */
export function checkModifiable(name: string, scope: Scope): void {
	if (name.startsWith(":") || name === "host") scope.report(":-prefixed or host headers may not be modified");
}
