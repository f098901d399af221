import { ConfigSchema } from "../../../api/gen/envoy/extensions/filters/http/header_to_metadata/v3/header_to_metadata_pb.js";
import type { RateLimitKey } from "../../../model/index.ts";
import { extension } from "../messages.ts";
import { keyMetadata, metadataOfKey } from "./request-terms.ts";

/** The filter that reads values of keys before limits ask for them. */
export const keyFilterName = "amime.rate_limit_keys";

const peerHeader = "x-forwarded-client-cert";
/** The proxy itself wrote the header: whoever sends one is not believed. */
const peerPattern = '(?:.*[;,])?URI=(spiffe://[^/;,"]+/ns/([^/;,"]+)/sa/([^/;,"]+)).*';
const peerParts: Readonly<Record<string, string>> = {
	principal: "\\1",
	namespace: "\\2",
	"service-account": "\\2/\\3",
};

/** Writes headers and the parts of the caller's SPIFFE ID into metadata; `-` where there are none. None for keys without either. */
export function keyFilters(keys: readonly RateLimitKey[]) {
	const rules = new Map<string, Parameters<typeof headerRule>>();
	for (const key of keys) {
		const name = metadataOfKey(key);
		if (name === undefined) continue;
		if (key.kind === "header") rules.set(name, [name, key.name, undefined]);
		else rules.set(name, [name, peerHeader, peerParts[key.kind]]);
	}
	if (rules.size === 0) return [];
	const requestRules = [...rules.values()].map((rule) => headerRule(...rule));
	return [extension(keyFilterName, ConfigSchema, { requestRules })];
}

function headerRule(key: string, header: string, substitution: string | undefined) {
	return {
		header,
		onHeaderPresent: {
			metadataNamespace: keyMetadata,
			key,
			...(substitution !== undefined && { regexValueRewrite: { pattern: { regex: peerPattern }, substitution } }),
		},
		onHeaderMissing: { metadataNamespace: keyMetadata, key, value: "-" },
	};
}
