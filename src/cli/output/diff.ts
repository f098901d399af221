import type { ChangeKind, FieldChange, MeshDiff, ProxyChange } from "../../explain/index.ts";
import type { Palette } from "./colour.ts";
import { count } from "./count.ts";
import { formatProblem } from "./problems.ts";

/** Resources, proxies of a resource and fields of a resource that are listed; JSON has them all. */
const maxResources = 60;
const maxProxies = 4;
const maxFields = 5;

const signs: Readonly<Record<ChangeKind, string>> = { added: "+", changed: "~", removed: "-" };

/** A diff for people: objects, then resources with the proxies that are given them, then proxies, then problems. */
export function formatDiff(diff: MeshDiff, palette: Palette): string {
	const lines = [
		...formatObjects(diff, palette),
		...formatResources(diff.proxies, palette),
		...formatProxies(diff),
		...diff.problems.added.map((problem) => `${palette.bad("new problem")}  ${formatProblem(problem)}`),
		...diff.problems.ended.map((problem) => `${palette.good("problem ends")} ${formatProblem(problem)}`),
	];
	return `${lines.join("\n")}\n`;
}

function sign(kind: ChangeKind, palette: Palette): string {
	const paints = { added: palette.good, changed: palette.warn, removed: palette.bad };
	return paints[kind](signs[kind]);
}

function formatObjects({ objects }: MeshDiff, palette: Palette): string[] {
	if (objects.length === 0) return ["no object changes"];
	return objects.map(({ change, kind, namespace, name, file, line, effect }) => {
		const does =
			effect === undefined
				? ""
				: effect.resources === 0
					? ": no proxy is given anything else"
					: `: ${count(effect.resources, "resource")} of ${count(effect.proxies.length, "proxy", "proxies")}`;
		return `${sign(change, palette)} ${kind} ${namespace}/${name} ${palette.dim(`(${file}:${line})`)}${does}`;
	});
}

interface SharedChange {
	readonly change: ChangeKind;
	readonly title: string;
	readonly fields: readonly FieldChange[];
	readonly proxies: string[];
}

function formatResources(proxies: readonly ProxyChange[], palette: Palette): string[] {
	const shared = new Map<string, SharedChange>();
	for (const { proxy, resources } of proxies)
		for (const resource of resources) {
			const key = JSON.stringify(resource);
			const known = shared.get(key);
			if (known !== undefined) known.proxies.push(proxy);
			else shared.set(key, { ...resource, title: `${resource.type} ${resource.name}`, proxies: [proxy] });
		}
	const lines = [...shared.values()].slice(0, maxResources).flatMap(({ change, title, fields, proxies: holders }) => [
		`${sign(change, palette)} ${title} ${palette.dim(`of ${listSome(holders)}`)}`,
		...fields.slice(0, maxFields).map(({ path, before, after }) => {
			const values = before === undefined ? after : after === undefined ? `${before} goes` : `${before} → ${after}`;
			return palette.dim(`    ${path}: ${values}`);
		}),
		...(fields.length > maxFields ? [palette.dim(`    and ${fields.length - maxFields} more fields`)] : []),
	]);
	if (shared.size > maxResources) lines.push(`and ${shared.size - maxResources} more resources (-o json has them)`);
	return lines.length === 0 ? [] : ["", ...lines];
}

function listSome(names: readonly string[]): string {
	if (names.length <= maxProxies) return names.join(", ");
	return `${names.slice(0, maxProxies).join(", ")} and ${names.length - maxProxies} more`;
}

function formatProxies({ proxies, unchangedProxies }: MeshDiff): string[] {
	const summaries = proxies.map(({ proxy, resources }) => {
		const counts = (["added", "changed", "removed"] as const).flatMap((kind) => {
			const number = resources.filter(({ change }) => change === kind).length;
			return number === 0 ? [] : [`${number} ${kind}`];
		});
		return `  ${proxy}: ${counts.join(", ")}`;
	});
	return [
		"",
		`${count(proxies.length, "proxy changes", "proxies change")}, ${unchangedProxies} stay as they are`,
		...summaries,
	];
}
