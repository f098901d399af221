import { type ConfigObject, compareProblems, formatObjectKey, type LocatedProblem } from "../../config/index.ts";
import type { MeshIndex } from "../translate/index.ts";
import { checkCertificates } from "./certificates.ts";
import { checkDestinationRules } from "./destination-rules.ts";
import { checkEnvoyFilters } from "./envoy-filters.ts";
import { type Finding, type FindingCode, findingTable } from "./finding-table.ts";
import { checkGateways } from "./gateways.ts";
import { findHostConflicts } from "./hosts.ts";
import { checkPolicies } from "./policies.ts";
import { checkRateLimits } from "./rate-limits.ts";
import { checkServices } from "./services.ts";
import { findShadowedRoutes } from "./shadowed-routes.ts";
import { checkSidecars } from "./sidecars.ts";
import { checkSources } from "./sources.ts";
import { checkTelemetry } from "./telemetry.ts";
import { findUnreferenced } from "./unreferenced.ts";
import { checkVirtualServices } from "./virtual-services.ts";
import type { Check, ReportFinding, World } from "./world.ts";

export interface AnalysisInput {
	/** In force. */
	readonly objects: Iterable<ConfigObject>;
	readonly index: MeshIndex;
	/** What reading, building and translating the mesh found. */
	readonly problems: readonly LocatedProblem[];
	/** Milliseconds since the epoch. */
	readonly now: number;
}

const checks: readonly Check[] = [
	findShadowedRoutes,
	findHostConflicts,
	checkVirtualServices,
	checkDestinationRules,
	checkPolicies,
	checkRateLimits,
	checkGateways,
	checkCertificates,
	checkServices,
	checkSidecars,
	checkSources,
	checkTelemetry,
	checkEnvoyFilters,
	findUnreferenced,
];

/** Everything worth telling of a mesh, in the order of files and places. */
export function analyze({ objects, index, problems, now }: AnalysisInput): Finding[] {
	const byKey = new Map(Array.from(objects, (object) => [formatObjectKey(object), object]));
	const world: World = { index, objects: byKey, now };
	const found = new Map<string, Finding>();
	const report: ReportFinding = (code, { kind, namespace, name }, path, problem) => {
		const object = byKey.get(formatObjectKey({ kind, namespace, name }));
		// What the mesh made by itself is nobody's to mend.
		if (object === undefined) return;
		const { severity } = findingTable[code];
		const finding = {
			code,
			severity,
			file: object.source.file,
			...object.locate(path),
			kind,
			namespace,
			name,
			path,
			problem,
		};
		found.set([code, kind, namespace, name, path, problem].join("\u0000"), finding);
	};
	for (const check of checks) check(world, report);
	const own = [...found.values()];
	const told = new Set(own.map(placeOf));
	const others = problems
		.map(toFinding)
		.filter((item) => item.code !== "DOCUMENT_DOUBTFUL" || !told.has(placeOf(item)));
	return [...others, ...own].sort((a, b) => compareProblems(a, b) || (a.code < b.code ? -1 : 1));
}

function placeOf({ file, line, kind, namespace, name, path }: Finding): string {
	return [file, line, kind, namespace, name, path].join("\u0000");
}

function toFinding({ code, ...problem }: LocatedProblem): Finding {
	const known = code !== undefined && Object.hasOwn(findingTable, code) ? (code as FindingCode) : undefined;
	const own = known ?? (problem.severity === "error" ? "DOCUMENT_INVALID" : "DOCUMENT_DOUBTFUL");
	return { ...problem, code: own, severity: findingTable[own].severity };
}
