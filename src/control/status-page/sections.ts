import { formatProblem, type LocatedProblem } from "../../config/index.ts";
import type { HistoryEntry } from "../../registry/index.ts";
import { type ListedEndpoint, type ListedProxy, listEndpoints, type listWorkloads } from "../admin/index.ts";
import type { ToldFailure } from "../failed-requests/index.ts";
import type { MeshIndex } from "../translate/index.ts";
import { type Cell, count, type Section } from "./html.ts";
import type { LateCertificate } from "./late-certificates.ts";

/** A section, and how much of it is bad. */
export interface JudgedSection extends Section {
	/** For the summary, such as `2 workloads not ready`; undefined when nothing is. */
	readonly bad?: string | undefined;
}

export function describeProblems(problems: readonly LocatedProblem[]): JudgedSection {
	const ranked = problems.toSorted((a, b) => Number(b.severity === "error") - Number(a.severity === "error"));
	return {
		...{ id: "problems", title: "Problems", head: ["Problem"], empty: "None." },
		rows: ranked.map((problem) => [{ text: formatProblem(problem), isBad: problem.severity === "error" }]),
		bad: problems.length === 0 ? undefined : count(problems.length, "problem"),
	};
}

/** What workloads are of which instances are not ready, and why. */
export function describeWorkloads(
	workloads: ReturnType<typeof listWorkloads>,
	index: MeshIndex | undefined,
): JudgedSection {
	const ranked = workloads.toSorted((a, b) => Number(b.ready < b.replicas) - Number(a.ready < a.replicas));
	const unready = ranked.filter(({ ready, replicas }) => ready < replicas).length;
	return {
		...{ id: "workloads", title: "Workloads", head: ["Workload", "State", "Pattern", "Identity"] },
		rows: ranked.map(({ namespace, name, pattern, replicas, ready, ...workload }) => [
			`${namespace}/${name}`,
			{
				text: [`${ready}/${replicas} ready`, ...listUnfit(index, namespace, name)].join("\n"),
				isBad: ready < replicas,
			},
			pattern === "sidecar" ? `sidecar (${workload.sidecar})` : pattern,
			workload.identity ?? "",
		]),
		empty: describeNoWorkloads(index),
		bad: unready === 0 ? undefined : `${count(unready, "workload")} not ready`,
	};
}

function listUnfit(index: MeshIndex | undefined, namespace: string, workload: string): string[] {
	return (index?.instances ?? [])
		.filter((instance) => instance.workload === workload && instance.namespace === namespace)
		.flatMap(({ name, health, healthReason }) =>
			health === "ready" ? [] : [describeUnfit(name, health, healthReason)],
		);
}

function describeUnfit(name: string, health: string, reason: string | undefined): string {
	return `${name} is ${health}${reason === undefined ? "" : `: ${reason}`}`;
}

function describeNoWorkloads(index: MeshIndex | undefined): string {
	if (index === undefined) return "The control plane has no mesh yet.";
	const { services, instances } = index;
	return `No workload is declared. The mesh has ${count(services.length, "service")} and ${count(instances.length, "instance")}.`;
}

/** Every service port with its endpoints, those without a ready one first. */
export function describeServices(index: MeshIndex | undefined): JudgedSection {
	const rows = index === undefined ? [] : listServices(index).sort((a, b) => b.rank - a.rank);
	const without = rows.filter(({ rank }) => rank === 2).length;
	return {
		...{ id: "services", title: "Services", head: ["Service", "Endpoints"], empty: "There are none." },
		rows: rows.map(({ name, text, rank }) => [name, { text, isBad: rank > 0 }]),
		bad: without === 0 ? undefined : `${count(without, "service")} without a ready endpoint`,
	};
}

function listServices(index: MeshIndex) {
	const endpoints = Map.groupBy(listEndpoints(index), keyOf);
	return index.services.flatMap((service) => {
		const isExpected = index.workloadsOf(service).length > 0;
		return service.ports.map(({ port }) => {
			const name = keyOf({ namespace: service.namespace, service: service.name, port });
			const own = endpoints.get(name) ?? [];
			const unfit = own.filter(({ health }) => health !== "ready");
			const ready = own.length - unfit.length;
			const rank = ready === 0 && (own.length > 0 || isExpected) ? 2 : unfit.length > 0 ? 1 : 0;
			const head = own.length === 0 ? "none" : `${ready}/${own.length} ready`;
			const named = unfit.map(({ instance, health, healthReason }) => describeUnfit(instance, health, healthReason));
			return { name, rank, text: [head, ...named].join("\n") };
		});
	});
}

function keyOf({ namespace, service, port }: Pick<ListedEndpoint, "namespace" | "service" | "port">): string {
	return `${namespace}/${service}:${port}`;
}

/** The last failed requests with the first reason, and how to ask for all of it. */
export function describeFailures(failures: readonly ToldFailure[]): JudgedSection {
	return {
		...{ id: "failures", title: "Last failed requests", head: ["Time", "Proxy", "Request", "Answer", "Why"] },
		rows: failures.map((failure): Cell[] => {
			const {
				time,
				proxy,
				method,
				authority,
				path,
				status,
				flags,
				details,
				explanation,
				fix,
				objects,
				request_id: id,
			} = failure;
			const places = objects
				.slice(0, 1)
				.map(({ kind, namespace, name, path: field, file, line }) =>
					[`${kind} ${namespace}/${name}`, field, `(${file}${line === 0 ? "" : `:${line}`})`]
						.filter((part) => part !== "")
						.join(" "),
				);
			return [
				time,
				proxy,
				`${method ?? "-"} ${authority ?? ""}${path ?? ""}`,
				{ text: [status, flags ?? ""].join(" ").trim(), isBad: status >= 500 || status === 0 },
				{
					text: [explanation[0] ?? details ?? "", ...places, ...(fix === null ? [] : [`→ ${fix}`])].join("\n"),
					...(id !== null && { command: `amime why ${id}` }),
				},
			];
		}),
		empty: "None that a proxy in reach remembers.",
	};
}

export function describeCertificates(late: readonly LateCertificate[]): JudgedSection {
	return {
		...{ id: "certificates", title: "Certificates that end soon", head: ["Certificate", "Ends", "What helps"] },
		rows: late.map(({ name, notAfter, hint }) => [name, { text: formatTime(notAfter), isBad: true }, hint]),
		empty: "None: all are renewed in time. amime certs and amime ca status list them.",
		bad: late.length === 0 ? undefined : `${count(late.length, "certificate")} about to end`,
	};
}

/** 2 for a proxy that refused something, 1 for one that has not answered yet. */
function rankOf({ types }: ListedProxy): number {
	return Math.max(0, ...types.map(({ state }) => (state === "NACKED" ? 2 : state === "STALE" ? 1 : 0)));
}

export function describeProxies(proxies: readonly ListedProxy[]): JudgedSection {
	const refused = proxies.filter((proxy) => rankOf(proxy) === 2).length;
	return {
		...{ id: "proxies", title: "Proxies", head: ["Proxy", "State", "Program"], empty: "No proxy is connected." },
		rows: proxies
			.toSorted((a, b) => rankOf(b) - rankOf(a))
			.map((proxy) => [
				proxy.instance ?? proxy.nodeId,
				{ text: describeTypes(proxy), isBad: rankOf(proxy) === 2 },
				proxy.userAgent,
			]),
		bad: refused === 0 ? undefined : `${count(refused, "proxy", "proxies")} refused configuration`,
	};
}

/** What is not in sync, type by type, then how much is. */
function describeTypes({ types }: ListedProxy): string {
	const others = types
		.filter(({ state }) => state !== "SYNCED")
		.map(
			({ typeUrl, state, reason }) =>
				`${typeUrl.slice(typeUrl.lastIndexOf(".") + 1)}: ${state}${reason === undefined ? "" : ` (${reason})`}`,
		);
	const synced = types.filter(({ state }) => state === "SYNCED");
	const resources = synced.reduce((sum, type) => sum + type.resources, 0);
	const rest = `${count(resources, "resource")} in sync`;
	return [...others, ...(synced.length === 0 && others.length > 0 ? [] : [rest])].join("\n");
}

const shownChanges = 10;

/** Who applied what, newest first. */
export function describeChanges(history: readonly HistoryEntry[]): JudgedSection {
	return {
		...{ id: "changes", title: "Last changes", head: ["Revision", "When", "Who", "What"] },
		rows: history
			.slice(0, shownChanges)
			.map(({ revision, at, author, action, changes, note }): Cell[] => [
				{ text: String(revision), command: `amime history ${revision}` },
				formatTime(at),
				author,
				[
					`${action} ${changes.map(({ kind, namespace, name }) => `${kind} ${namespace}/${name}`).join(", ")}`,
					note ?? "",
				]
					.join("\n")
					.trim(),
			]),
		empty: "Nothing was applied through the admin API; changes of files are not written down.",
	};
}

/** ISO 8601, to the second. */
export function formatTime(at: number): string {
	return new Date(at).toISOString().replace(/\.\d+Z$/, "Z");
}
