import { object, optional, required } from "../../schema/object.ts";
import { integer } from "../../schema/scalars.ts";
import { refine, type Schema } from "../../schema/schema.ts";
import { type BackendSpec, backendFields, checkBackend } from "../gateway-api/reference.ts";

/** A RequestMirror filter as read. */
export interface MirrorSpec {
	readonly backend: BackendSpec & { readonly path: string };
	/** 0 to 100. */
	readonly percent: number;
}

const backend = refine(object(backendFields), (value, _node, reader) => {
	const checked = checkBackend(value, reader);
	return checked === undefined ? undefined : { ...checked, path: reader.path };
});

const fraction = refine(
	object({
		numerator: required(integer({ min: 0, max: 2_147_483_647 }), "Requests of every `denominator` that are copied"),
		denominator: optional(integer({ min: 1, max: 2_147_483_647 }), "100 when absent"),
	}),
	({ numerator, denominator = 100 }, _node, reader) => {
		if (numerator <= denominator) return (numerator / denominator) * 100;
		return reader.field("numerator").refuse(`must be at most the denominator, ${denominator}`);
	},
);

/** A RequestMirror filter. */
export const mirror: Schema<MirrorSpec> = refine(
	object({
		backendRef: required(backend, "Service that gets copies of the requests; its answers are dropped"),
		percent: optional(integer({ min: 0, max: 100 }), "Share of requests that are copied; all when absent"),
		fraction: optional(fraction, "The share as a fraction"),
	}),
	(value, _node, reader) => {
		if (value.percent !== undefined && value.fraction !== undefined)
			return reader.field("fraction").refuse("percent and fraction exclude each other");
		return { backend: value.backendRef, percent: value.percent ?? value.fraction ?? 100 };
	},
);
