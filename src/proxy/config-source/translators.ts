import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import type { Cluster } from "../../api/gen/envoy/config/cluster/v3/cluster_pb.js";
import type { TypedExtensionConfig } from "../../api/gen/envoy/config/core/v3/extension_pb.js";
import type { ClusterLoadAssignment } from "../../api/gen/envoy/config/endpoint/v3/endpoint_pb.js";
import type { Listener } from "../../api/gen/envoy/config/listener/v3/listener_pb.js";
import type { RouteConfiguration } from "../../api/gen/envoy/config/route/v3/route_pb.js";
import type { ScopedRouteConfiguration } from "../../api/gen/envoy/config/route/v3/scoped_route_pb.js";
import type { Secret } from "../../api/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import { describeError, type Problem, type Validated } from "../../core/index.ts";
import type { RouteTableConfig } from "../../engine/router/index.ts";
import type {
	AssignmentConfig,
	ClusterConfig,
	ExtensionConfig,
	ListenerConfig,
	RouteScopeConfig,
	SecretConfig,
} from "../runtime-config/index.ts";

/** Messages to what runs, with every problem: the functions of `runtime-config`. */
export interface Translators {
	listener(message: Listener): Validated<ListenerConfig>;
	routes(message: RouteConfiguration): Validated<RouteTableConfig>;
	cluster(message: Cluster): Validated<ClusterConfig>;
	assignment(message: ClusterLoadAssignment): Validated<AssignmentConfig>;
	extension(message: TypedExtensionConfig): Validated<ExtensionConfig>;
	scope(message: ScopedRouteConfiguration): Validated<RouteScopeConfig>;
	secret(message: Secret): Validated<SecretConfig>;
	/** What in a packed resource breaks the rules of its own message. */
	rules(typeUrl: string, value: Uint8Array): readonly Problem[];
}

/** Unpacks and translates; bytes that are no such message, or that nobody can make anything of, are a problem like any other. */
export function translatePacked<Desc extends DescMessage, Config>(
	schema: Desc,
	value: Uint8Array,
	translate: (message: MessageShape<Desc>) => Validated<Config>,
): Validated<Config> {
	let message: MessageShape<Desc>;
	try {
		message = fromBinary(schema, value);
	} catch (error) {
		return { ok: false, problems: [{ path: "", problem: `is no ${schema.typeName}: ${describeError(error)}` }] };
	}
	try {
		return translate(message);
	} catch (error) {
		// What a server made up must not end the stream that brings everything else: this resource alone is refused.
		return { ok: false, problems: [{ path: "", problem: `cannot be read: ${describeError(error)}` }] };
	}
}

/** Problems as one sentence, for a NACK and a log line. */
export function formatProblems(problems: readonly Problem[]): string {
	return problems.map(({ path, problem }) => (path === "" ? problem : `${path}: ${problem}`)).join(", ");
}
