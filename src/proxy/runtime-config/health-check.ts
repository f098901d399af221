import { RequestMethod } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import type {
	HealthCheck,
	HealthCheck_HttpHealthCheck,
	HealthCheck_Payload,
} from "../../api/gen/envoy/config/core/v3/health_check_pb.js";
import {
	type ProxyProtocolConfig,
	ProxyProtocolConfig_Version,
} from "../../api/gen/envoy/config/core/v3/proxy_protocol_pb.js";
import type { HealthCheckEventFileSink } from "../../api/gen/envoy/extensions/health_check/event_sinks/file/v3/file_pb.js";
import { CodecClientType } from "../../api/gen/envoy/type/v3/http_pb.js";
import type { JsonObject } from "../../engine/matcher/index.ts";
import type { HealthCheckConfig } from "./cluster-config.ts";
import { readStringMatcher } from "./matchers.ts";
import { type Scope, toWireText } from "./scope.ts";
import { readHeaderAdditions, readHeaderNames, toMs, unpackExtension } from "./values.ts";

/** Translates an active health check. */
export function readHealthCheck(message: HealthCheck, scope: Scope): HealthCheckConfig | undefined {
	const checker = readChecker(message, scope);
	if (checker === undefined) return undefined;
	const intervalMs = toMs(message.interval, 0);
	const unhealthyIntervalMs = toMs(message.unhealthyInterval, intervalMs);
	const noTrafficIntervalMs = toMs(message.noTrafficInterval, 60_000);
	return {
		name: message.name,
		events: {
			paths: readEventPaths(message, scope),
			everyFailure: message.alwaysLogHealthCheckFailures,
			everySuccess: message.alwaysLogHealthCheckSuccess,
		},
		timeoutMs: toMs(message.timeout, 0),
		intervalMs,
		initialJitterMs: toMs(message.initialJitter, 0),
		intervalJitterMs: toMs(message.intervalJitter, 0),
		intervalJitterPercent: message.intervalJitterPercent,
		unhealthyThreshold: message.unhealthyThreshold ?? 1,
		healthyThreshold: message.healthyThreshold ?? 1,
		reuseConnection: message.reuseConnection ?? true,
		noTrafficIntervalMs,
		noTrafficHealthyIntervalMs: toMs(message.noTrafficHealthyInterval, noTrafficIntervalMs),
		unhealthyIntervalMs,
		unhealthyEdgeIntervalMs: toMs(message.unhealthyEdgeInterval, unhealthyIntervalMs),
		healthyEdgeIntervalMs: toMs(message.healthyEdgeInterval, intervalMs),
		transportSocketMatchCriteria: message.transportSocketMatchCriteria as JsonObject | undefined,
		alpnProtocols: message.tlsOptions?.alpnProtocols ?? [],
		checker,
	};
}

function readEventPaths(message: HealthCheck, scope: Scope): string[] {
	const paths = message.eventLogPath === "" ? [] : [message.eventLogPath];
	for (const [index, { typedConfig }] of message.eventLogger.entries()) {
		const at = scope.at("event_logger", index).at("typed_config");
		const sink = unpackExtension(typedConfig, at);
		if (sink?.$typeName === "envoy.extensions.health_check.event_sinks.file.v3.HealthCheckEventFileSink") {
			paths.push((sink as HealthCheckEventFileSink).eventLogPath);
		} else if (sink !== undefined) at.report(`health check event sink ${sink.$typeName} is not supported`);
	}
	return paths;
}

function readChecker(message: HealthCheck, scope: Scope): HealthCheckConfig["checker"] | undefined {
	const { healthChecker } = message;
	switch (healthChecker.case) {
		case "httpHealthCheck":
			return readHttpCheck(healthChecker.value, scope.at("http_health_check"));
		case "tcpHealthCheck": {
			const { send, receive } = healthChecker.value;
			const at = scope.at("tcp_health_check");
			return {
				kind: "tcp",
				send: readTcpPayload(send, at.at("send")),
				receive: receive.map((one, index) => readPayload(one, at.at("receive", index))),
				proxyHeader: readHeaderVersion(healthChecker.value.proxyProtocolConfig),
			};
		}
		case "grpcHealthCheck": {
			const { authority, initialMetadata, serviceName } = healthChecker.value;
			const at = scope.at("grpc_health_check");
			return {
				kind: "grpc",
				serviceName,
				authority,
				headersToAdd: readHeaderAdditions(initialMetadata, at, "initial_metadata"),
			};
		}
		default:
			return undefined;
	}
}

const methodsWithBody: ReadonlySet<RequestMethod> = new Set([
	RequestMethod.POST,
	RequestMethod.PUT,
	RequestMethod.PATCH,
	RequestMethod.OPTIONS,
]);

function readHttpCheck(message: HealthCheck_HttpHealthCheck, scope: Scope): HealthCheckConfig["checker"] {
	const toRange = ({ start, end }: { start: bigint; end: bigint }) => ({ start: Number(start), end: Number(end) });
	const expected = message.expectedStatuses.map(toRange);
	for (const [index, { start, end }] of expected.entries()) {
		if (start >= end || start < 100 || end > 600)
			scope.at("expected_statuses", index).report(`invalid range [${start}, ${end})`);
	}
	const retriable = message.retriableStatuses.map(toRange);
	for (const [index, { start, end }] of retriable.entries()) {
		if (start >= end || start < 100 || end > 600)
			scope.at("retriable_statuses", index).report(`invalid range [${start}, ${end})`);
	}
	if (message.send !== undefined && !methodsWithBody.has(message.method)) {
		scope.at("send").report("a payload needs a method that has a body: POST, PUT, PATCH, OPTIONS");
	}
	const method = message.method === RequestMethod.METHOD_UNSPECIFIED ? "GET" : (RequestMethod[message.method] ?? "GET");
	return {
		kind: "http",
		host: toWireText(message.host),
		path: toWireText(message.path),
		method,
		http2: message.codecClientType === CodecClientType.HTTP2,
		expectedStatuses: expected.length === 0 ? [{ start: 200, end: 201 }] : expected,
		retriableStatuses: retriable,
		headersToAdd: readHeaderAdditions(message.requestHeadersToAdd, scope, "request_headers_to_add"),
		headersToRemove: readHeaderNames(message.requestHeadersToRemove, scope, "request_headers_to_remove"),
		send: readPayload(message.send, scope.at("send")),
		serviceName:
			message.serviceNameMatcher === undefined
				? undefined
				: readStringMatcher(message.serviceNameMatcher, scope.at("service_name_matcher")),
		receive: message.receive.map((one, index) => readPayload(one, scope.at("receive", index))),
	};
}

function readHeaderVersion(message: ProxyProtocolConfig | undefined): 1 | 2 | undefined {
	if (message === undefined) return undefined;
	return message.version === ProxyProtocolConfig_Version.V1 ? 1 : 2;
}

/** Envoy sends text only over TCP: bytes are taken, and nothing is sent. */
function readTcpPayload(message: HealthCheck_Payload | undefined, scope: Scope): Uint8Array {
	return message?.payload.case === "binary" ? new Uint8Array(0) : readPayload(message, scope);
}

function readPayload(message: HealthCheck_Payload | undefined, scope: Scope): Uint8Array {
	const payload = message?.payload;
	if (payload?.case === "binary") return payload.value;
	if (payload?.case !== "text") return new Uint8Array(0);
	if (!/^(?:[0-9A-Fa-f]{2})*$/.test(payload.value)) scope.at("text").report(`invalid hex: ${payload.value}`);
	return Buffer.from(payload.value, "hex");
}

/** Several checks of one cluster are told apart by their names. */
export function checkHealthCheckNames(messages: readonly HealthCheck[], scope: Scope): void {
	if (messages.length < 2) return;
	const names = new Set<string>();
	for (const [index, { name }] of messages.entries()) {
		const at = scope.at("health_checks", index).at("name");
		if (name === "") at.report("all of several health checks must have a name");
		else if (names.has(name)) at.report(`duplicate health check '${name}'`);
		names.add(name);
	}
}
