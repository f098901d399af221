/** Plain JSON, as `google.protobuf.Struct` carries it. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;
export interface JsonObject {
	readonly [key: string]: JsonValue;
}

/** `envoy.config.core.v3.Metadata.filter_metadata`: namespace to struct. */
export type Metadata = Readonly<Record<string, JsonObject>>;
