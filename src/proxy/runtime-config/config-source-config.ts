import type { Formatter } from "../../engine/format/index.ts";

/** Where a dynamic resource comes from, `envoy.config.core.v3.ConfigSource`. */
export type ConfigSourceConfig =
	| { readonly kind: "ads"; readonly initialFetchTimeoutMs: number }
	| { readonly kind: "self"; readonly initialFetchTimeoutMs: number }
	/** A file, read again when it (or the watched directory) is moved into place. */
	| {
			readonly kind: "path";
			readonly path: string;
			readonly watchedDirectory: string | undefined;
			readonly initialFetchTimeoutMs: number;
	  }
	| ({ readonly kind: "api"; readonly initialFetchTimeoutMs: number } & ApiConfigSourceConfig);

/** `envoy.config.core.v3.ApiConfigSource` over gRPC. */
export interface ApiConfigSourceConfig {
	readonly delta: boolean;
	/** First one used. */
	readonly services: readonly GrpcServiceConfig[];
	readonly setNodeOnFirstMessageOnly: boolean;
}

export interface GrpcServiceConfig {
	readonly target:
		| { readonly kind: "cluster"; readonly name: string; readonly authority: string }
		/** `google_grpc` with insecure channel credentials. */
		| { readonly kind: "uri"; readonly uri: string };
	/** 0 for none. */
	readonly timeoutMs: number;
	readonly initialMetadata: readonly {
		readonly key: string;
		/** As written. */
		readonly value: string;
		/** The value about the stream on whose behalf a call is made. */
		readonly formatter: Formatter;
	}[];
	/** Leave out the `x-envoy-internal` and `x-forwarded-for` of the proxy's own calls. */
	readonly skipEnvoyHeaders: boolean;
	/** 0 for the default. */
	readonly maxReceiveMessageBytes: number;
}
