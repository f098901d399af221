import type { ConnectionPoolSettings, OutlierDetection } from "../../../model/index.ts";
import { istioDuration, istioDurationOrZero } from "../../schema/durations.ts";
import { object, optional, refused } from "../../schema/object.ts";
import { boolean, integer, oneOf } from "../../schema/scalars.ts";
import { refine, type Schema } from "../../schema/schema.ts";

const maxCount = 2 ** 31 - 1;
const count = (min = 0): Schema<number> => integer({ min, max: maxCount });
const percent = integer({ min: 0, max: 100 });

/** `tcpKeepalive`. */
export const keepalive = object({
	probes: optional(count(), "Unanswered probes before a connection is dead; the system's number when absent"),
	time: optional(istioDuration(), "Silence before the first probe; the system's when absent"),
	interval: optional(istioDuration(), "Time between probes; the system's when absent"),
});

/** `connectionPool`. */
export const connectionPool: Schema<ConnectionPoolSettings> = refine(
	object({
		tcp: optional(
			object({
				maxConnections: optional(count(), "Connections to all endpoints together"),
				connectTimeout: optional(istioDuration(), "Time a connection may take to open; 10s when absent"),
				tcpKeepalive: optional(keepalive, "Probes on silent connections"),
				maxConnectionDuration: optional(istioDuration(), "Longest life of a connection; without bound when absent"),
				idleTimeout: optional(istioDurationOrZero(), "Longest silence of a TCP connection; 1h when absent, 0s is off"),
			}),
			"Bounds of connections",
		),
		http: optional(
			object({
				http1MaxPendingRequests: optional(count(), "Requests that wait for a connection; beyond it 503 with flag UO"),
				http2MaxRequests: optional(count(), "Requests in flight to all endpoints, for any version of HTTP"),
				maxRequestsPerConnection: optional(count(), "Requests before a connection is closed; 0 is without bound"),
				maxRetries: optional(count(), "Retries in flight to all endpoints"),
				idleTimeout: optional(
					istioDurationOrZero(),
					"Longest time a connection may be without requests; 1h when absent",
				),
				h2UpgradePolicy: optional(
					oneOf(["DEFAULT", "DO_NOT_UPGRADE", "UPGRADE"]),
					"Whether HTTP/1.1 requests go out as HTTP/2",
				),
				useClientProtocol: optional(boolean(), "Whether requests keep the version of HTTP they came in"),
				maxConcurrentStreams: optional(count(), "Requests at once on one HTTP/2 connection"),
				http2KeepAlive: optional(
					object({
						interval: optional(istioDuration(), "Time between two PINGs; 30s when absent"),
						timeout: optional(
							istioDuration(),
							"Time an answer may take before the connection is closed; 10s when absent",
						),
					}),
					"PINGs on HTTP/2 connections",
				),
			}),
			"Bounds of requests",
		),
	}),
	({ tcp, http }): ConnectionPoolSettings => ({
		...defined({
			maxConnections: tcp?.maxConnections,
			connectTimeoutMs: tcp?.connectTimeout,
			maxConnectionDurationMs: tcp?.maxConnectionDuration,
			tcpIdleTimeoutMs: tcp?.idleTimeout,
			http1MaxPendingRequests: http?.http1MaxPendingRequests,
			http2MaxRequests: http?.http2MaxRequests,
			maxRequestsPerConnection: http?.maxRequestsPerConnection,
			maxRetries: http?.maxRetries,
			idleTimeoutMs: http?.idleTimeout,
			h2UpgradePolicy: http?.h2UpgradePolicy,
			usesClientProtocol: http?.useClientProtocol,
			maxConcurrentStreams: http?.maxConcurrentStreams,
			http2KeepaliveIntervalMs: http?.http2KeepAlive?.interval,
			http2KeepaliveTimeoutMs: http?.http2KeepAlive?.timeout,
		}),
		...(tcp?.tcpKeepalive !== undefined && {
			tcpKeepalive: defined({
				probes: tcp.tcpKeepalive.probes,
				timeMs: tcp.tcpKeepalive.time,
				intervalMs: tcp.tcpKeepalive.interval,
			}),
		}),
	}),
);

/** `outlierDetection`. */
export const outlierDetection: Schema<OutlierDetection> = refine(
	object({
		consecutive5xxErrors: optional(
			count(),
			"5xx answers in a row before an endpoint is ejected; 5 when absent, 0 is off",
		),
		consecutiveGatewayErrors: optional(
			count(),
			"502, 503 and 504 in a row before an endpoint is ejected; off when absent",
		),
		consecutiveErrors: optional(count(), "Old form of consecutiveGatewayErrors"),
		consecutiveLocalOriginFailures: optional(
			count(),
			"Failed connections in a row before an endpoint is ejected; with splitExternalLocalOriginErrors",
		),
		splitExternalLocalOriginErrors: optional(boolean(), "Whether failed connections are counted by themselves"),
		interval: optional(istioDuration(), "Time between two looks; 10s when absent"),
		baseEjectionTime: optional(
			istioDuration(),
			"Shortest ejection, multiplied by how often it happened; 30s when absent",
		),
		maxEjectionPercent: optional(percent, "Share of endpoints that may be ejected; 10 when absent"),
		outlierDetectionHttpErrorCodes: refused(
			"proxies count 5xx answers or gateway errors only: use consecutive5xxErrors",
		),
		minHealthPercent: optional(percent, "Below this share of healthy endpoints nothing is ejected; 0 when absent"),
	}),
	(value): OutlierDetection =>
		defined({
			consecutive5xxErrors: value.consecutive5xxErrors,
			consecutiveGatewayErrors: value.consecutiveGatewayErrors ?? value.consecutiveErrors,
			consecutiveLocalOriginFailures: value.consecutiveLocalOriginFailures,
			splitsLocalOriginErrors: value.splitExternalLocalOriginErrors,
			intervalMs: value.interval,
			baseEjectionTimeMs: value.baseEjectionTime,
			maxEjectionPercent: value.maxEjectionPercent,
			minHealthPercent: value.minHealthPercent,
		}),
);

/** The fields that are there. */
export function defined<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
	return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as {
		[K in keyof T]?: Exclude<T[K], undefined>;
	};
}
