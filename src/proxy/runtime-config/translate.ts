import { type DescMessage, fromBinary, type Message } from "@bufbuild/protobuf";
import { type TapRequest, TapRequestSchema } from "../../api/gen/envoy/admin/v3/tap_pb.js";
import { type Bootstrap, BootstrapSchema } from "../../api/gen/envoy/config/bootstrap/v3/bootstrap_pb.js";
import { type Cluster, ClusterSchema } from "../../api/gen/envoy/config/cluster/v3/cluster_pb.js";
import {
	type TypedExtensionConfig,
	TypedExtensionConfigSchema,
} from "../../api/gen/envoy/config/core/v3/extension_pb.js";
import {
	type ClusterLoadAssignment,
	ClusterLoadAssignmentSchema,
} from "../../api/gen/envoy/config/endpoint/v3/endpoint_pb.js";
import { type Listener, ListenerSchema } from "../../api/gen/envoy/config/listener/v3/listener_pb.js";
import { type RouteConfiguration, RouteConfigurationSchema } from "../../api/gen/envoy/config/route/v3/route_pb.js";
import {
	type ScopedRouteConfiguration,
	ScopedRouteConfigurationSchema,
} from "../../api/gen/envoy/config/route/v3/scoped_route_pb.js";
import { type Secret, SecretSchema } from "../../api/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import { apiRegistry } from "../../api/index.ts";
import { describeError, type Problem, type Validated } from "../../core/index.ts";
import type { RouteTableConfig } from "../../engine/router/index.ts";
import { readBootstrap } from "./bootstrap.ts";
import type { BootstrapConfig } from "./bootstrap-config.ts";
import { checkMessage, findRuleProblems } from "./check-message.ts";
import { readCluster } from "./cluster.ts";
import type { AssignmentConfig, ClusterConfig } from "./cluster-config.ts";
import { readAssignment } from "./endpoints.ts";
import { type ExtensionConfig, readExtension } from "./extension.ts";
import { readListener } from "./listener.ts";
import type { ListenerConfig } from "./listener-config.ts";
import { type RouteScopeConfig, readRouteScope } from "./route-scopes.ts";
import { readRouteConfiguration } from "./routes.ts";
import { Scope, type TranslateOptions } from "./scope.ts";
import { readTapConfig, type TapConfig } from "./tap.ts";
import { readSecret } from "./tls.ts";
import type { SecretConfig } from "./tls-config.ts";

/** Translates a listener of LDS. */
export function translateListener(message: Listener, options: TranslateOptions = {}): Validated<ListenerConfig> {
	return translate(ListenerSchema, message, options, (scope) => {
		if (message.name === "") scope.at("name").report("a listener of LDS needs a name");
		return readListener(message, scope);
	});
}

/** Translates a route configuration of RDS; clusters it names need not exist unless it says `validate_clusters`. */
export function translateRouteConfiguration(
	message: RouteConfiguration,
	options: TranslateOptions = {},
): Validated<RouteTableConfig> {
	return translate(RouteConfigurationSchema, message, options, (scope) =>
		readRouteConfiguration(message, scope, false),
	);
}

/** Translates a cluster of CDS. */
export function translateCluster(message: Cluster, options: TranslateOptions = {}): Validated<ClusterConfig> {
	return translate(ClusterSchema, message, options, (scope) => readCluster(message, scope));
}

/** Translates a load assignment of EDS. */
export function translateAssignment(
	message: ClusterLoadAssignment,
	options: TranslateOptions = {},
): Validated<AssignmentConfig> {
	return translate(ClusterLoadAssignmentSchema, message, options, (scope) => readAssignment(message, scope, "ip-only"));
}

/** Translates a filter's configuration of ECDS. */
export function translateExtension(
	message: TypedExtensionConfig,
	options: TranslateOptions = {},
): Validated<ExtensionConfig> {
	return translate(TypedExtensionConfigSchema, message, options, (scope) => readExtension(message, scope));
}

/** Translates a scope of SRDS. */
export function translateRouteScope(
	message: ScopedRouteConfiguration,
	options: TranslateOptions = {},
): Validated<RouteScopeConfig> {
	return translate(ScopedRouteConfigurationSchema, message, options, (scope) => readRouteScope(message, scope));
}

/** Translates a secret of SDS. */
export function translateSecret(message: Secret, options: TranslateOptions = {}): Validated<SecretConfig> {
	return translate(SecretSchema, message, options, (scope) => readSecret(message, scope));
}

/** Translates what somebody asks of `/tap`. */
export function translateTapRequest(message: TapRequest): Validated<TapConfig> {
	return translate(TapRequestSchema, message, {}, (scope) =>
		message.tapConfig === undefined ? undefined : readTapConfig(message.tapConfig, scope.at("tap_config"), "admin"),
	);
}

/** What in a packed resource breaks the rules of its own message; nothing for types or bytes that are judged elsewhere. */
export function checkPackedRules(typeUrl: string, value: Uint8Array): readonly Problem[] {
	const schema = apiRegistry.getMessage(typeUrl.slice(typeUrl.lastIndexOf("/") + 1));
	if (schema === undefined) return [];
	const problems: Problem[] = [];
	try {
		findRuleProblems(schema, fromBinary(schema, value), "", problems);
	} catch (error) {
		return [{ path: "", problem: `is no ${schema.typeName}: ${describeError(error)}` }];
	}
	return dropRepeated(problems);
}

/** Translates a bootstrap with all its static resources. */
export function translateBootstrap(message: Bootstrap, options: TranslateOptions = {}): Validated<BootstrapConfig> {
	return translate(BootstrapSchema, message, options, (scope) => readBootstrap(message, scope));
}

function translate<T>(
	schema: DescMessage,
	message: Message,
	options: TranslateOptions,
	read: (scope: Scope) => T | undefined,
): Validated<T> {
	const problems: Problem[] = [];
	const path = options.path ?? "";
	checkMessage(schema, message, path, problems);
	const value = read(new Scope(path, problems, options));
	if (problems.length > 0) return { ok: false, problems: dropRepeated(problems) };
	if (value === undefined) return { ok: false, problems: [{ path, problem: "this resource cannot be used" }] };
	return { ok: true, value: freeze(value) };
}

/** A field that the message's own rules refuse is often refused by its translation too: the first word is enough. */
function dropRepeated(problems: readonly Problem[]): Problem[] {
	const paths = new Set<string>();
	return problems.filter(({ path }) => {
		const isFirst = !paths.has(path);
		paths.add(path);
		return isFirst;
	});
}

function freeze<T>(value: T): T {
	if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
	const prototype = Object.getPrototypeOf(value);
	if (prototype !== Object.prototype && prototype !== Array.prototype) return value;
	if ("$typeName" in value) return value;
	Object.freeze(value);
	for (const inner of Object.values(value)) freeze(inner);
	return value;
}
