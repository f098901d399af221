import { parseDocument, type ScalarTag, type YAMLParseError } from "yaml";
import type { Validated } from "../../core/index.ts";

const names = "y|yes|true|on|n|no|false|off";
const spelled = (name: string): string => `${name}|${name[0]!.toUpperCase()}${name.slice(1)}|${name.toUpperCase()}`;
const least32 = -(2n ** 31n);
const most32 = 2n ** 31n - 1n;

/** Plain scalars as Envoy takes them: YAML 1.1's booleans, integers with the prefixes of C; all else stays text, which the type of a
 *  field makes a number of. Integers of more than 32 bits are texts of their decimal digits. */
const scalars: ScalarTag[] = [
	{ default: true, tag: "tag:yaml.org,2002:null", test: /^(?:~|null|Null|NULL)?$/, resolve: () => null },
	{
		default: true,
		tag: "tag:yaml.org,2002:bool",
		test: new RegExp(`^(?:${names.split("|").map(spelled).join("|")})$`),
		resolve: (text) => /^(?:y|t|on)/i.test(text),
	},
	{
		default: true,
		tag: "tag:yaml.org,2002:int",
		test: /^[-+]?(?:0[xX][0-9a-fA-F]{1,15}|0[0-7]{0,20}|[1-9][0-9]{0,17})$/,
		resolve: readInteger,
	},
];

function readInteger(text: string): number | string {
	const digits = text.replace(/^[-+]/, "");
	const magnitude = BigInt(/^0[0-7]/.test(digits) ? `0o${digits.slice(1)}` : digits);
	const value = text.startsWith("-") ? -magnitude : magnitude;
	return value >= least32 && value <= most32 ? Number(value) : String(value);
}

/** Reads YAML as Envoy does, with anchors and merge keys; all that is no YAML is told at once. */
export function parseYaml(text: string): Validated<unknown> {
	const document = parseDocument(text, { schema: "failsafe", customTags: scalars, merge: true, prettyErrors: true });
	if (document.errors.length === 0) return { ok: true, value: document.toJS() };
	return { ok: false, problems: document.errors.map((error) => ({ path: "", problem: describeFault(error) })) };
}

function describeFault({ code, message, linePos }: YAMLParseError): string {
	if (code === "MULTIPLE_DOCS")
		return `is several documents ('---' before line ${linePos?.[0].line ?? 0}): a bootstrap is one; 'amime up' runs a folder of mesh config`;
	return `no YAML: ${message.split("\n", 1)[0]?.replace(/:$/, "")}`;
}
