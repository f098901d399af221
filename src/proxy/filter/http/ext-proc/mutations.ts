import { create } from "@bufbuild/protobuf";
import {
	type HeaderMap,
	HeaderMapSchema,
	type HeaderValueOption,
	HeaderValueOption_HeaderAppendAction,
} from "../../../../api/gen/envoy/config/core/v3/base_pb.js";
import type {
	BodyMutation,
	HeaderMutation,
} from "../../../../api/gen/envoy/service/ext_proc/v3/external_processor_pb.js";
import { type HeaderList, isHeaderName, isHeaderValue, removeHeader } from "../../../../core/index.ts";
import { checkHeaderChange } from "../../../../engine/header-rules/index.ts";
import { matchString } from "../../../../engine/matcher/index.ts";
import type { ExtProcConfig } from "../../../runtime-config/index.ts";
import type { ExtProcStats } from "../../../stats/index.ts";
import type { HeaderChange } from "../request-fields.ts";

/** Something whose headers a service may change. */
export interface MutableHeaders {
	change(change: HeaderChange): void;
	remove(name: string): void;
}

/** A list of fields without pseudo headers. */
export function mutableList(headers: HeaderList, change: (change: HeaderChange) => void): MutableHeaders {
	return { change, remove: (name) => void removeHeader(headers, name) };
}

/** Applies what a service asks for; changes that the rules refuse are left out and counted.
 *  @returns what is wrong with it, when that fails the request */
export function applyHeaderMutation(
	mutation: HeaderMutation,
	target: MutableHeaders,
	config: ExtProcConfig,
	stats: ExtProcStats,
	replacesMessage: boolean,
): string | undefined {
	for (const raw of mutation.removeHeaders) {
		const name = raw.toLowerCase();
		if (!isHeaderName(name)) {
			stats.rejected_header_mutations.value++;
			return "Invalid character in remove_headers mutation.";
		}
		const verdict = checkHeaderChange(config.headerRules, "remove", name);
		if (verdict === "allowed") target.remove(name);
		else stats.rejected_header_mutations.value++;
		if (verdict === "error") return `Invalid attempt to remove ${name}`;
	}
	for (const option of mutation.setHeaders) {
		if (option.header === undefined) continue;
		if (option.header.value !== "" && option.header.rawValue.length > 0) {
			stats.rejected_header_mutations.value++;
			return "Only one of value or raw_value in the HeaderValue message should be set.";
		}
		const change = readChange(option);
		if (!isHeaderName(change.name) || !isHeaderValue(change.value)) {
			stats.rejected_header_mutations.value++;
			return "Invalid character in set_headers mutation.";
		}
		const verdict =
			replacesMessage && change.name === ":method"
				? "allowed"
				: checkHeaderChange(config.headerRules, "set", change.name);
		if (verdict === "allowed") target.change(change);
		else stats.rejected_header_mutations.value++;
		if (verdict === "error") return `Invalid attempt to modify ${change.name}`;
	}
	return undefined;
}

const actions: Readonly<Record<number, HeaderChange["action"]>> = {
	[HeaderValueOption_HeaderAppendAction.ADD_IF_ABSENT]: "add-if-absent",
	[HeaderValueOption_HeaderAppendAction.OVERWRITE_IF_EXISTS]: "overwrite-if-exists",
	[HeaderValueOption_HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD]: "set",
};

/** Without an action, `append` decides, which is false by default. */
function readChange({ header, append, appendAction }: HeaderValueOption): HeaderChange {
	const bytes = header!.rawValue.length > 0 ? Buffer.from(header!.rawValue) : Buffer.from(header!.value, "utf8");
	const action = actions[appendAction] ?? (append === true ? "add" : "set");
	return { action, name: header!.key.toLowerCase(), value: bytes.toString("latin1") };
}

/** The body that a service makes of another one. */
export function applyBodyMutation(mutation: BodyMutation | undefined, body: Buffer): Buffer {
	const kind = mutation?.mutation;
	if (kind?.case === "body") return Buffer.from(kind.value);
	return kind?.case === "clearBody" && kind.value ? Buffer.alloc(0) : body;
}

/** Fields as the service sees them. */
export function toHeaderMap(
	fields: Iterable<readonly [name: string, value: string]>,
	{ allowedHeaders, disallowedHeaders }: ExtProcConfig,
): HeaderMap {
	const headers = [];
	for (const [key, value] of fields) {
		if (disallowedHeaders.some((matcher) => matchString(matcher, key))) continue;
		if (allowedHeaders !== undefined && allowedHeaders.length > 0) {
			if (!allowedHeaders.some((matcher) => matchString(matcher, key))) continue;
		}
		headers.push({ key, rawValue: new Uint8Array(Buffer.from(value, "latin1")) });
	}
	return create(HeaderMapSchema, { headers });
}

/** Pairs of a list of fields. */
export function* pairsOf(headers: HeaderList): Generator<readonly [name: string, value: string]> {
	for (let index = 0; index < headers.length; index += 2) yield [headers[index]!, headers[index + 1]!];
}
