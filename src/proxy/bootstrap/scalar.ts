import { ScalarType } from "@bufbuild/protobuf";

/** A scalar, or what is wrong with it. */
export type ParsedScalar =
	| { readonly ok: true; readonly value: unknown }
	| { readonly ok: false; readonly problem: string };

/** Reads a scalar from JSON: numbers may come as text, 64-bit numbers become bigint, bytes are base64. */
export function parseScalar(type: ScalarType, json: unknown): ParsedScalar {
	switch (type) {
		case ScalarType.STRING:
			return typeof json === "string" ? { ok: true, value: json } : mustBe("a text", json);
		case ScalarType.BOOL:
			if (json === "true" || json === "false") return { ok: true, value: json === "true" };
			return typeof json === "boolean" ? { ok: true, value: json } : mustBe("true or false", json);
		case ScalarType.BYTES:
			return typeof json === "string"
				? { ok: true, value: Uint8Array.from(Buffer.from(json, "base64")) }
				: mustBe("base64 text", json);
		case ScalarType.DOUBLE:
		case ScalarType.FLOAT:
			return parseFloatingPoint(json);
		case ScalarType.INT32:
		case ScalarType.SINT32:
		case ScalarType.SFIXED32:
			return parseInteger(json, -(2n ** 31n), 2n ** 31n - 1n, false);
		case ScalarType.UINT32:
		case ScalarType.FIXED32:
			return parseInteger(json, 0n, 2n ** 32n - 1n, false);
		case ScalarType.UINT64:
		case ScalarType.FIXED64:
			return parseInteger(json, 0n, 2n ** 64n - 1n, true);
		default:
			return parseInteger(json, -(2n ** 63n), 2n ** 63n - 1n, true);
	}
}

/** The kind of a JSON value, for messages. */
export function describeJsonType(json: unknown): string {
	if (json === null || json === undefined) return "empty";
	if (Array.isArray(json)) return "a list";
	if (typeof json === "object") return "an object";
	return typeof json === "string" ? "a text" : JSON.stringify(json);
}

function parseInteger(json: unknown, least: bigint, most: bigint, wide: boolean): ParsedScalar {
	const value = toBigInt(json);
	if (value === undefined) return mustBe("an integer", json);
	if (value < least || value > most)
		return { ok: false, problem: `${json} is out of range, it must lie in [${least}, ${most}]` };
	return { ok: true, value: wide ? value : Number(value) };
}

/** Texts may have a point or an exponent, as long as the number is whole. */
function toBigInt(json: unknown): bigint | undefined {
	if (typeof json === "string") {
		if (/^-?\d{1,20}$/.test(json)) return BigInt(json);
		const isDecimal = /^-?(?:\d{1,20}(?:\.\d{0,20})?|\.\d{1,20})(?:[eE][-+]?\d{1,2})?$/.test(json);
		return isDecimal ? toBigInt(Number(json)) : undefined;
	}
	return typeof json === "number" && Number.isInteger(json) ? BigInt(json) : undefined;
}

function parseFloatingPoint(json: unknown): ParsedScalar {
	if (typeof json === "number") return { ok: true, value: json };
	const special: Readonly<Record<string, number>> = {
		NaN: Number.NaN,
		Infinity: Number.POSITIVE_INFINITY,
		"-Infinity": Number.NEGATIVE_INFINITY,
	};
	if (typeof json !== "string" || json.trim() === "") return mustBe("a number", json);
	const value = special[json] ?? Number(json);
	return Number.isNaN(value) && json !== "NaN" ? mustBe("a number", json) : { ok: true, value };
}

function mustBe(what: string, json: unknown): ParsedScalar {
	const found = typeof json === "string" ? JSON.stringify(json) : describeJsonType(json);
	return { ok: false, problem: `must be ${what}, not ${found}` };
}
