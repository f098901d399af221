import type { CompressionLibrary, CompressorConfig } from "../../../runtime-config/index.ts";
import { contentEncodings } from "../compression/coder.ts";

/** What `accept-encoding` leads to. */
export interface EncodingDecision {
	/** `identity` for none. */
	readonly encoding: string;
	readonly reason: "valid" | "identity" | "wildcard" | "not-valid";
}

const notValid: EncodingDecision = { encoding: "identity", reason: "not-valid" };

/** Chooses among the compressors of a chain that take the answer, in its order: the coding with the highest weight, the first of equals
 *  unless a later one says `choose_first`. */
export function chooseEncoding(
	acceptEncoding: string,
	compressors: readonly { readonly config: CompressorConfig; readonly library: CompressionLibrary }[],
): EncodingDecision {
	const allowed = new Map<string, boolean>();
	for (const { config, library } of compressors) {
		const encoding = contentEncodings[library.kind];
		if (!allowed.has(encoding)) allowed.set(encoding, config.chooseFirst);
	}
	const accepted = parseAcceptEncoding(acceptEncoding);
	for (const { coding, weight } of accepted) if (weight === 0) allowed.delete(coding);
	if (accepted.length === 0 || allowed.size === 0) return notValid;
	let choice = { coding: "identity", weight: 0 };
	for (const pair of accepted) {
		const { coding, weight } = pair;
		if (!allowed.has(coding) && coding !== "identity" && coding !== "*") continue;
		if (weight > choice.weight || (weight === choice.weight && allowed.get(coding) === true)) choice = pair;
	}
	if (choice.weight === 0) return notValid;
	if (choice.coding === "identity") return { encoding: "identity", reason: "identity" };
	if (choice.coding === "*") return { encoding: allowed.keys().next().value!, reason: "wildcard" };
	return { encoding: choice.coding, reason: "valid" };
}

function parseAcceptEncoding(text: string): { readonly coding: string; readonly weight: number }[] {
	return text.split(",").flatMap((token) => {
		if (token === "") return [];
		const semicolon = token.indexOf(";");
		if (semicolon === -1) return [{ coding: token.trim(), weight: 1 }];
		const coding = token.slice(0, semicolon).trim();
		const parameter = token.slice(semicolon + 1);
		const equals = parameter.indexOf("=");
		if (equals === -1 || parameter.slice(0, equals).trim().toLowerCase() !== "q") return [{ coding, weight: 1 }];
		const weight = parameter.slice(equals + 1).trim();
		return weight !== "" && Number.isFinite(Number(weight)) ? [{ coding, weight: Number(weight) }] : [];
	});
}
