import {
	type ApiConfigSource,
	ApiConfigSource_ApiType,
	type ConfigSource,
} from "../../api/gen/envoy/config/core/v3/config_source_pb.js";
import type { GrpcService } from "../../api/gen/envoy/config/core/v3/grpc_service_pb.js";
import type { ApiConfigSourceConfig, ConfigSourceConfig, GrpcServiceConfig } from "./config-source-config.ts";
import type { Scope } from "./scope.ts";
import { readFormat, toMs } from "./values.ts";

/** Translates a config source; a kind that is not supported is reported. */
export function readConfigSource(message: ConfigSource, scope: Scope): ConfigSourceConfig | undefined {
	const initialFetchTimeoutMs = toMs(message.initialFetchTimeout, 15_000);
	const specifier = message.configSourceSpecifier;
	checkNode(scope);
	switch (specifier.case) {
		case "ads":
			return { kind: "ads", initialFetchTimeoutMs };
		case "self":
			return { kind: "self", initialFetchTimeoutMs };
		case "path":
			checkPath(specifier.value, scope);
			return { kind: "path", path: specifier.value, watchedDirectory: undefined, initialFetchTimeoutMs };
		case "pathConfigSource":
			checkPath(specifier.value.path, scope);
			if (specifier.value.watchedDirectory !== undefined) {
				checkPath(specifier.value.watchedDirectory.path, scope.at("path_config_source").at("watched_directory"));
			}
			return {
				kind: "path",
				path: specifier.value.path,
				watchedDirectory: specifier.value.watchedDirectory?.path || undefined,
				initialFetchTimeoutMs,
			};
		case "apiConfigSource": {
			const api = readApiConfigSource(specifier.value, scope.at("api_config_source"));
			return api === undefined ? undefined : { kind: "api", initialFetchTimeoutMs, ...api };
		}
		default:
			return undefined;
	}
}

/** Whoever is told about the node must get to know its name. */
export function checkNode(scope: Scope): void {
	if (scope.options.isNodeNamed !== false) return;
	scope.report("node 'id' and 'cluster' are required; set them in 'node' or with --service-node and --service-cluster");
}

function checkPath(path: string, scope: Scope): void {
	if (scope.options.pathExists?.(path) !== false) return;
	scope.report(`paths must refer to an existing path in the system: '${path}' does not exist`);
}

export function readApiConfigSource(message: ApiConfigSource, scope: Scope): ApiConfigSourceConfig | undefined {
	const type = message.apiType;
	const isGrpc = type === ApiConfigSource_ApiType.GRPC || type === ApiConfigSource_ApiType.AGGREGATED_GRPC;
	const isDelta = type === ApiConfigSource_ApiType.DELTA_GRPC || type === ApiConfigSource_ApiType.AGGREGATED_DELTA_GRPC;
	if (!isGrpc && !isDelta) {
		scope.at("api_type").report("only GRPC and DELTA_GRPC are supported");
		return undefined;
	}
	const services = message.grpcServices.flatMap((service, index) => {
		const at = scope.at("grpc_services", index);
		checkCluster(service, at);
		return readGrpcService(service, at) ?? [];
	});
	if (message.grpcServices.length === 0) scope.at("grpc_services").report("needs at least 1 item(s)");
	return { delta: isDelta, services, setNodeOnFirstMessageOnly: message.setNodeOnFirstMessageOnly };
}

/** Where configuration comes from has to be there from the start; the clusters of other services are looked up at each call. */
function checkCluster({ targetSpecifier: target }: GrpcService, scope: Scope): void {
	if (target.case !== "envoyGrpc" || scope.options.hasCluster?.(target.value.clusterName) !== false) return;
	scope.at("envoy_grpc").at("cluster_name").report(`unknown cluster '${target.value.clusterName}'`);
}

/** Translates the gRPC service of a call-out, which is one of our clusters. */
export function readCalledService(message: GrpcService | undefined, scope: Scope): GrpcServiceConfig | undefined {
	if (message === undefined) return undefined;
	if (message.targetSpecifier.case === "googleGrpc") {
		scope.at("google_grpc").report("this field is not supported here: name a cluster with envoy_grpc");
		return undefined;
	}
	return readGrpcService(message, scope);
}

/** Translates the gRPC service of a config source. */
export function readGrpcService(message: GrpcService, scope: Scope): GrpcServiceConfig | undefined {
	const target = readTarget(message);
	if (target === undefined) return undefined;
	const { targetSpecifier } = message;
	const envoy = targetSpecifier.case === "envoyGrpc" ? targetSpecifier.value : undefined;
	return {
		target,
		timeoutMs: toMs(message.timeout, 0),
		initialMetadata: message.initialMetadata.map(({ key, value }, index) => {
			const at = scope.at("initial_metadata", index).at("value");
			return { key: key.toLowerCase(), value, formatter: readFormat(value, at, "") };
		}),
		skipEnvoyHeaders: envoy?.skipEnvoyHeaders ?? false,
		maxReceiveMessageBytes: envoy?.maxReceiveMessageLength ?? 0,
	};
}

function readTarget(message: GrpcService): GrpcServiceConfig["target"] | undefined {
	const specifier = message.targetSpecifier;
	switch (specifier.case) {
		case "envoyGrpc": {
			const { clusterName, authority } = specifier.value;
			return { kind: "cluster", name: clusterName, authority: authority || clusterName };
		}
		case "googleGrpc":
			return { kind: "uri", uri: specifier.value.targetUri };
		default:
			return undefined;
	}
}
