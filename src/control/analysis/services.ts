import { formatObjectName, type Service, type ServicePort } from "../../model/index.ts";
import type { ReportFinding, World } from "./world.ts";
import { objectsOf } from "./world.ts";

/** Ports whose name, number and protocol do not go together, and destinations that the route's namespace does not see. */
export function checkServices(world: World, report: ReportFinding): void {
	for (const object of objectsOf(world, "Service")) {
		const service = world.index.service(object);
		if (service === undefined || service.aliasOf !== undefined) continue;
		for (const [position, port] of service.ports.entries())
			checkPort(
				{ ...service, kind: "Service" },
				port,
				`spec.ports[${position}]`,
				object.value.undeclared.includes(port.port),
				report,
			);
	}
	for (const { value, ...object } of objectsOf(world, "ServiceEntry"))
		for (const [position, port] of value.ports.entries())
			checkPort(object, port, `spec.ports[${position}]`, false, report);
	findHiddenDestinations(world, report);
}

/** Ports of servers that speak first, by IANA's list. */
const serverFirst: ReadonlyMap<number, string> = new Map([
	[21, "FTP"],
	[22, "SSH"],
	[25, "SMTP"],
	[110, "POP3"],
	[143, "IMAP"],
	[587, "SMTP"],
	[3306, "MySQL"],
	[33060, "MySQL X"],
]);

function checkPort(
	owner: Parameters<ReportFinding>[1],
	{ name, port, protocol }: ServicePort,
	path: string,
	isUndeclared: boolean,
	report: ReportFinding,
): void {
	const speaker = serverFirst.get(port);
	if (speaker !== undefined && protocol !== "tcp" && protocol !== "tls")
		report(
			"SERVER_SPEAKS_FIRST",
			owner,
			`${path}.port`,
			`${speaker} servers speak first, and the port is ${protocol}: name it tcp-${name || "x"} or give appProtocol: tcp`,
		);
	else if (isUndeclared)
		report(
			"PORT_PROTOCOL_TOLD_BY_BYTES",
			owner,
			`${path}.name`,
			`'${name}' says no protocol, so ${protocol === "auto" ? "the first bytes of each connection do" : `the port is taken for ${protocol}`}: name it ${protocol === "auto" ? "http" : protocol}-${name || "x"} or give appProtocol`,
		);
	else if (port === 443 && protocol === "http")
		report(
			"PORT_NAME_MISLEADING",
			owner,
			`${path}.name`,
			"port 443 is named as plain HTTP: TLS of clients is read as a broken request; name it https or tls",
		);
	else if (port === 80 && (protocol === "tls" || protocol === "tcp"))
		report(
			"PORT_NAME_MISLEADING",
			owner,
			`${path}.name`,
			`port 80 is named as ${protocol}: routes for HTTP have no effect on it; name it http`,
		);
}

/** Destinations of VirtualServices that are not exported to where the route is from. */
function findHiddenDestinations({ index }: World, report: ReportFinding): void {
	for (const rule of index.mesh.virtualServices)
		for (const { backends, path } of [...rule.http, ...rule.tls, ...rule.tcp])
			for (const [position, { destination }] of backends.entries()) {
				if (destination.kind !== "host") continue;
				const candidates = index.servicesOfHost(destination.host);
				if (candidates.length === 0 || candidates.some((service) => isSeen(service, rule.namespace))) continue;
				const sentence = `${destination.host} is not exported to namespace ${rule.namespace}: clients there get 503; add it to exportTo of ${formatObjectName(candidates[0]!)}`;
				report(
					"EXPORT_HIDES",
					{ ...rule, kind: "VirtualService" },
					`${path}.route[${position}].destination.host`,
					sentence,
				);
			}
}

function isSeen({ exportTo }: Service, namespace: string): boolean {
	return exportTo === undefined || exportTo.includes(namespace);
}
