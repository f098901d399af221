/** Writes docs/reference/istio-support.md from the schemas of the kinds and the table of deviations. */
import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import {
	describeKinds,
	type FieldDescription,
	type KindDescription,
	type TypeDescription,
} from "../src/config/index.ts";
import { gatewayApiDeviations, istioDeviations } from "./istio-deviations.ts";

/** Where the page is. */
export const istioSupportPath = resolve(import.meta.dirname, "../docs/reference/istio-support.md");

const groups = ["networking.istio.io", "security.istio.io", "telemetry.istio.io", "gateway.networking.k8s.io"];

/** The text of the page. */
export function formatIstioSupport(): string {
	const kinds = describeKinds().filter(({ apiVersions }) => groups.some((group) => apiVersions[0]?.startsWith(group)));
	return [
		"# Istio and Gateway API support",
		"",
		"<!-- Written by scripts/generate-istio-support.ts from the schemas in src/config/kinds and scripts/istio-deviations.ts; a test compares. -->",
		"",
		"`scripts/replay-golden.ts` replays what a real Istio with stock Envoys was seen to do on amime's control plane, once with amime's",
		"proxies and once with stock Envoys.",
		"",
		"## Kinds",
		"",
		"Every field of these kinds works as its specification says, except those named here; what a field means is in",
		"[config.md](config.md). A field that is not supported is a problem when it is set.",
		"",
		"| kind | apiVersion | not supported | accepted, without effect |",
		"|---|---|---|---|",
		...kinds.map(formatKind),
		"",
		"## Different on purpose",
		"",
		"| what | why | how to have Istio's | golden observations |",
		"|---|---|---|---|",
		...istioDeviations.map(
			({ what, why, instead = "", observations }) =>
				`| ${escapeCell(what)} | ${escapeCell(why)} | ${escapeCell(instead)} | ${observations.map((name) => `\`${name}\``).join(", ")} |`,
		),
		"",
		"## Different from the text of the Gateway API",
		"",
		"| what | why |",
		"|---|---|",
		...gatewayApiDeviations.map(([what, why]) => `| ${escapeCell(what)} | ${escapeCell(why)} |`),
		"",
	].join("\n");
}

function formatKind({ name, apiVersions, spec }: KindDescription): string {
	const fields = listFields("spec", spec);
	const of = (support: FieldDescription["support"]): string =>
		fields
			.filter((field) => field.support === support)
			.map(({ path }) => `\`${path}\``)
			.join(", ");
	return `| ${name} | \`${apiVersions[0]}\` | ${of("refused")} | ${of("ignored")} |`;
}

interface ListedField {
	readonly path: string;
	readonly support: FieldDescription["support"];
}

function listFields(path: string, type: TypeDescription, seen = new Set<TypeDescription>()): ListedField[] {
	if (type.type === "list") return listFields(`${path}[]`, type.items, seen);
	if (type.type === "map") return listFields(`${path}.<key>`, type.values, seen);
	if (type.type !== "object" || seen.has(type)) return [];
	seen.add(type);
	return type.fields.flatMap((field) => [
		{ path: `${path}.${field.name}`, support: field.support },
		...listFields(`${path}.${field.name}`, field.type, seen),
	]);
}

function escapeCell(text: string): string {
	return text.replaceAll("|", "\\|");
}

if (import.meta.main) writeFileSync(istioSupportPath, formatIstioSupport());
