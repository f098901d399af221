import type { Config } from "../../api/gen/envoy/extensions/filters/http/set_metadata/v3/set_metadata_pb.js";
import type { JsonObject } from "../../engine/matcher/index.ts";
import type { Scope } from "./scope.ts";

/** `envoy.extensions.filters.http.set_metadata.v3.Config`: what is put into the dynamic metadata, in order. */
export interface SetMetadataConfig {
	readonly entries: readonly {
		readonly namespace: string;
		readonly value: JsonObject;
		/** Whether it is merged into a namespace that is there; else it stays as it is. */
		readonly overwrites: boolean;
	}[];
}

export function readSetMetadata(message: Config, scope: Scope): SetMetadataConfig {
	const entries = message.metadata.flatMap((entry, index) => {
		if (entry.typedValue !== undefined) {
			scope.at("metadata", index).at("typed_value").report("typed metadata is not supported");
		}
		if (entry.value === undefined) return [];
		return [{ namespace: entry.metadataNamespace, value: entry.value as JsonObject, overwrites: entry.allowOverwrite }];
	});
	if (message.metadataNamespace === "" || message.value === undefined) return { entries };
	const old = { namespace: message.metadataNamespace, value: message.value as JsonObject, overwrites: true };
	return { entries: [old, ...entries] };
}
