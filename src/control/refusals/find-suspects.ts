import { toJson } from "@bufbuild/protobuf";
import { type Route, RouteSchema } from "../../api/gen/envoy/config/route/v3/route_components_pb.js";
import type { RouteConfiguration } from "../../api/gen/envoy/config/route/v3/route_pb.js";
import { apiRegistry } from "../../api/index.ts";
import { routeHash } from "./hold-routes.ts";

/** A route that a refusal may be about. */
export interface Suspect {
	readonly virtualHost: string;
	readonly route: Route;
	/** Field of the route, as far as the proxy's words say. */
	readonly field: string;
}

/** The routes that a refusal is about: those whose place it names, else those that another proxy is known to refuse, else those that its
 *  words are about, else all that are new to the proxy. None when everything is new and nothing is told.
 *  @param knownBad hashes of routes that were refused elsewhere */
export function findSuspects(
	reason: string,
	refused: RouteConfiguration,
	accepted: RouteConfiguration | undefined,
	knownBad: ReadonlySet<string>,
): Suspect[] {
	const named = findNamed(reason, refused);
	if (named.length > 0) return named;
	const before = new Set(accepted?.virtualHosts.flatMap(({ routes }) => routes.map(routeHash)));
	const isNew = refused.virtualHosts.flatMap(({ name, routes }) =>
		routes.filter((route) => !before.has(routeHash(route))).map((route) => ({ virtualHost: name, route, field: "" })),
	);
	const known = isNew.filter(({ route }) => knownBad.has(routeHash(route)));
	if (known.length > 0) return known;
	const told = findTold(reason, isNew);
	if (told.length > 0) return told;
	return accepted === undefined ? [] : isNew;
}

/** `virtual_hosts[1].routes[2].match` of amime, `…VirtualHosts[1]: … caused by VirtualHostValidationError.Routes[2]: …` of Envoy. */
function findNamed(reason: string, { virtualHosts }: RouteConfiguration): Suspect[] {
	const places = reason.matchAll(
		/virtual_?hosts\[(\d+)\](?:(?!virtual_?hosts\[).)*?routes\[(\d+)\]((?:(?!virtual_?hosts\[).)*)/gis,
	);
	return [...places].flatMap(([, host, position, rest]) => {
		const virtualHost = virtualHosts[Number(host)];
		const route = virtualHost?.routes[Number(position)];
		return route === undefined ? [] : [{ virtualHost: virtualHost!.name, route, field: readField(rest!) }];
	});
}

function readField(rest: string): string {
	const own = /^\.([\w.[\]]+)/.exec(rest)?.[1];
	if (own !== undefined) return own;
	return [...rest.matchAll(/ValidationError\.(\w+(?:\[\d+\])?)/g)]
		.map(([, name = ""]) => name.replace(/(?<=[a-z0-9])[A-Z]/g, "_$&").toLowerCase())
		.join(".");
}

/** Routes with a text that the reason repeats, or that has what the reason ends with or a word of it; those with the longest such text. */
function findTold(reason: string, suspects: readonly Suspect[]): Suspect[] {
	const tail =
		reason
			.split(/[:'"]\s*/)
			.findLast((part) => part.trim().length >= minTold)
			?.trim() ?? reason;
	const words = (reason.match(/[\w-]+/g) ?? []).filter(({ length }) => length >= minWord);
	const scored = suspects.map((suspect) => {
		let best = { score: 0, field: "" };
		for (const { text, field } of listTexts(toJson(RouteSchema, suspect.route, { registry: apiRegistry }), "")) {
			const longestWord = Math.max(0, ...words.filter((word) => text.includes(word)).map(({ length }) => length));
			const score = reason.includes(text) ? text.length : text.includes(tail) ? tail.length : longestWord;
			if (text.length >= minTold && score > best.score) best = { score, field };
		}
		return { suspect: { ...suspect, field: best.field }, score: best.score };
	});
	const highest = Math.max(0, ...scored.map(({ score }) => score));
	return highest === 0 ? [] : scored.filter(({ score }) => score === highest).map(({ suspect }) => suspect);
}

/** Shorter texts are in every sentence. */
const minTold = 3;
/** Shorter words are those of proxies rather than of configurations. */
const minWord = 6;

function listTexts(value: unknown, field: string): { readonly text: string; readonly field: string }[] {
	if (typeof value === "string") return [{ text: value, field }];
	if (value === null || typeof value !== "object") return [];
	return Object.entries(value).flatMap(([key, item]) => {
		if (key === "name" || key === "metadata" || key === "@type") return [];
		return listTexts(item, Array.isArray(value) ? `${field}[${key}]` : field === "" ? key : `${field}.${key}`);
	});
}
