import { isIP } from "node:net";
import type { Problem, Validated } from "../../core/index.ts";
import type {
	GatewayPort,
	InstanceHealth,
	InstancePort,
	Locality,
	Pattern,
	PortProtocol,
	UpstreamListener,
	WorkloadInstance,
} from "../../model/index.ts";

/** A registration: the instance, and how long it counts as alive without a keep-alive. */
export interface Registration {
	readonly instance: WorkloadInstance;
	readonly leaseTtlMs: number;
}

const minLeaseMs = 1_000;
const maxLeaseMs = 3_600_000;
const namePattern = /^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/;
const maxListLength = 10_000;
const maxSentence = 500;

const healths: readonly InstanceHealth[] = ["starting", "ready", "unready", "draining"];
const patterns: readonly Pattern[] = ["sidecar", "proxyless", "none", "gateway"];
const protocols: readonly PortProtocol[] = ["http", "http2", "grpc", "tcp"];
const sidecars = ["amime", "envoy"] as const;

/** Reads the body of a registration and reports every problem of it. */
export function parseRegistration(value: unknown, namespace: string, name: string): Validated<Registration> {
	const problems: Problem[] = [];
	const reader = createFieldReader(value, "", problems);
	const instance = {
		name: reader.same("name", name),
		namespace: reader.same("namespace", namespace),
		workload: reader.text("workload"),
		labels: reader.labels("labels"),
		serviceAccount: reader.text("serviceAccount"),
		address: reader.address("address"),
		pattern: reader.choice("pattern", patterns),
		locality: reader.has("locality") ? parseLocality(reader.child("locality")) : undefined,
		nodeName: reader.has("nodeName") ? reader.text("nodeName") : undefined,
		sidecar: reader.has("sidecar") ? reader.choice("sidecar", sidecars) : undefined,
		ports: reader.list("ports", parsePort),
		httpProxyPort: reader.has("httpProxyPort") ? reader.port("httpProxyPort") : undefined,
		upstreams: reader.has("upstreams") ? reader.list("upstreams", parseUpstream) : [],
		gatewayPorts: reader.has("gatewayPorts") ? reader.list("gatewayPorts", parseGatewayPort) : undefined,
		adminPort: reader.has("adminPort") ? reader.port("adminPort") : undefined,
		group: reader.has("group") ? reader.text("group") : undefined,
		health: reader.choice("health", healths),
		healthReason: reader.has("healthReason") ? reader.sentence("healthReason") : undefined,
		registeredAt: reader.has("registeredAt") ? reader.integer("registeredAt", 0, Number.MAX_SAFE_INTEGER) : 0,
	};
	const leaseTtlMs = reader.integer("leaseTtlMs", minLeaseMs, maxLeaseMs);
	if (problems.length > 0) return { ok: false, problems };
	const { locality, nodeName, sidecar, httpProxyPort, gatewayPorts, adminPort, group, healthReason, ...rest } =
		instance;
	return {
		ok: true,
		value: {
			instance: {
				...rest,
				...(locality !== undefined && { locality }),
				...(nodeName !== undefined && { nodeName }),
				...(sidecar !== undefined && { sidecar }),
				...(httpProxyPort !== undefined && { httpProxyPort }),
				...(gatewayPorts !== undefined && { gatewayPorts }),
				...(adminPort !== undefined && { adminPort }),
				...(group !== undefined && { group }),
				...(healthReason !== undefined && { healthReason }),
			},
			leaseTtlMs,
		},
	};
}

/** What is left out of a place is unknown. */
function parseLocality(reader: FieldReader): Locality {
	return {
		region: reader.optionalText("region"),
		zone: reader.optionalText("zone"),
		subZone: reader.optionalText("subZone"),
	};
}

function parsePort(reader: FieldReader): InstancePort {
	return {
		name: reader.text("name"),
		protocol: reader.choice("protocol", protocols),
		appPort: reader.port("appPort"),
		meshPort: reader.port("meshPort"),
	};
}

function parseUpstream(reader: FieldReader): UpstreamListener {
	const service = reader.child("service");
	return {
		service: { namespace: service.text("namespace"), name: service.text("name") },
		port: reader.port("port"),
		listenPort: reader.port("listenPort"),
	};
}

function parseGatewayPort(reader: FieldReader): GatewayPort {
	return { port: reader.port("port"), listenPort: reader.port("listenPort") };
}

/** Reads fields of one object; a wrong one is reported and read as something harmless. */
interface FieldReader {
	has(field: string): boolean;
	text(field: string): string;
	/** One line for people. */
	sentence(field: string): string;
	/** Empty when it is absent or empty. */
	optionalText(field: string): string;
	/** An IP address: proxies refuse names. */
	address(field: string): string;
	/** Absent, or the same as in the path. */
	same(field: string, expected: string): string;
	integer(field: string, min: number, max: number): number;
	port(field: string): number;
	choice<T extends string>(field: string, choices: readonly T[]): T;
	labels(field: string): Record<string, string>;
	list<T>(field: string, parse: (reader: FieldReader) => T): T[];
	child(field: string): FieldReader;
}

function createFieldReader(value: unknown, path: string, problems: Problem[]): FieldReader {
	const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
	const fields = isObject ? (value as Record<string, unknown>) : {};
	if (!isObject) problems.push({ path, problem: "must be an object" });
	const pathOf = (field: string): string => (path === "" ? field : `${path}.${field}`);
	const refuse = (field: string, problem: string): void => {
		if (isObject) problems.push({ path: pathOf(field), problem });
	};
	const reader: FieldReader = {
		has: (field) => fields[field] !== undefined,
		text(field) {
			const given = fields[field];
			if (typeof given === "string" && given.length <= 253 && namePattern.test(given)) return given;
			refuse(field, "must be a name of at most 253 letters, digits, '.', '_' and '-'");
			return "";
		},
		sentence(field) {
			const given = fields[field];
			if (typeof given === "string" && given.length <= maxSentence && !/[\p{Cc}]/u.test(given)) return given;
			refuse(field, `must be one line of at most ${maxSentence} characters`);
			return "";
		},
		optionalText: (field) => ((fields[field] ?? "") === "" ? "" : reader.text(field)),
		address(field) {
			const given = fields[field];
			if (typeof given === "string" && isIP(given) !== 0) return given;
			refuse(field, "must be an IP address");
			return "";
		},
		same(field, expected) {
			const given = fields[field];
			if (given !== undefined && given !== expected) refuse(field, `must be '${expected}', as in the path`);
			return expected;
		},
		integer(field, min, max) {
			const given = fields[field];
			if (typeof given === "number" && Number.isInteger(given) && given >= min && given <= max) return given;
			refuse(field, `must be a whole number from ${min} to ${max}`);
			return min;
		},
		port: (field) => reader.integer(field, 1, 65_535),
		choice(field, choices) {
			const found = choices.find((choice) => choice === fields[field]);
			if (found === undefined) refuse(field, `must be one of ${choices.join(", ")}`);
			return found ?? choices[0]!;
		},
		labels(field) {
			const given = fields[field] ?? {};
			const entries = typeof given === "object" && given !== null ? Object.entries(given) : undefined;
			if (entries?.every(([, item]) => typeof item === "string"))
				return Object.fromEntries(entries) as Record<string, string>;
			refuse(field, "must be names with text");
			return {};
		},
		list(field, parse) {
			const given = fields[field];
			if (Array.isArray(given) && given.length <= maxListLength)
				return given.map((item, position) => parse(createFieldReader(item, `${pathOf(field)}[${position}]`, problems)));
			refuse(field, `must be a list of at most ${maxListLength}`);
			return [];
		},
		child: (field) => createFieldReader(fields[field], pathOf(field), problems),
	};
	return reader;
}
