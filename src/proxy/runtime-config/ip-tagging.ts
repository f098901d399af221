import {
	IPTagging_IpTagHeader_HeaderAction,
	IPTagging_RequestType,
	type IPTagging as Message,
} from "../../api/gen/envoy/extensions/filters/http/ip_tagging/v3/ip_tagging_pb.js";
import type { CidrRange } from "../../engine/matcher/index.ts";
import type { Scope } from "./scope.ts";
import { readCidrs } from "./values.ts";

/** `envoy.extensions.filters.http.ip_tagging.v3.IPTagging`. */
export interface IpTaggingConfig {
	readonly requests: "both" | "internal" | "external";
	readonly tags: readonly { readonly name: string; readonly ranges: readonly CidrRange[] }[];
	/** Lower case. */
	readonly header: string;
	/** Whether tags join those of the client; else they take their place, and without a tag nothing is left of them. */
	readonly appends: boolean;
}

/** In which tags are when no header is named; the connection manager takes it from clients. */
const ownHeader = "x-envoy-ip-tags";

export function readIpTagging(message: Message, scope: Scope): IpTaggingConfig {
	if (message.ipTagsDatasource !== undefined) {
		if (message.ipTags.length > 0) scope.at("ip_tags_datasource").report("cannot be set together with ip_tags");
		else scope.at("ip_tags_datasource").report("is not supported: list the tags in ip_tags");
	} else if (message.ipTags.length === 0) {
		scope.report("one of ip_tags, ip_tags_datasource must be set");
	}
	const { ipTagHeader } = message;
	return {
		requests: requestTypes[message.requestType] ?? "both",
		tags: message.ipTags.map(({ ipTagName, ipList }, index) => ({
			name: ipTagName,
			ranges: readCidrs(ipList, scope.at("ip_tags", index), "ip_list"),
		})),
		header: ipTagHeader?.header.toLowerCase() ?? ownHeader,
		appends:
			ipTagHeader === undefined || ipTagHeader.action === IPTagging_IpTagHeader_HeaderAction.APPEND_IF_EXISTS_OR_ADD,
	};
}

const requestTypes: Readonly<Record<number, IpTaggingConfig["requests"]>> = {
	[IPTagging_RequestType.INTERNAL]: "internal",
	[IPTagging_RequestType.EXTERNAL]: "external",
};
