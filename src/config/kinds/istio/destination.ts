import type { BackendRef } from "../../../model/index.ts";
import { defaulted, object, optional, required } from "../../schema/object.ts";
import { integer, string } from "../../schema/scalars.ts";
import { refine, type Schema } from "../../schema/schema.ts";
import { headerChanges } from "./headers.ts";
import { destinationHost } from "./names.ts";

/** A port number from 1 to 65535. */
export function portNumber(): Schema<number> {
	return integer({ min: 1, max: 65_535 });
}

/** `port` of a destination: `{number: 80}`. */
export function portSelector(): Schema<number> {
	return refine(object({ number: required(portNumber(), "Port of the service") }), ({ number }) => number);
}

/** A place requests go to; its host is not completed yet. */
export interface NamedDestination {
	readonly host: string;
	readonly subset: string | undefined;
	readonly port: number | undefined;
}

/** `destination` of Istio. */
export const destination: Schema<NamedDestination> = object({
	host: required(destinationHost(), "Service by its short name in the object's namespace, or by its full name"),
	subset: optional(
		string({ format: "the name of a subset", pattern: /^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/, maxLength: 63 }),
		"Subset of a DestinationRule",
	),
	port: optional(portSelector(), "Port of the service; the only one, or that of the request, when absent"),
});

const weight = defaulted(integer({ min: 0, max: 2 ** 31 - 1 }), 0, "Share of the requests; needed beside others", "0");

/** One of `route` of an HTTP rule. */
export const httpDestination: Schema<BackendRef> = refine(
	object({
		destination: required(destination, "Where requests go"),
		weight,
		headers: optional(headerChanges, "Header changes for requests that go here"),
	}),
	(value): BackendRef => ({
		...toBackend(value.destination, value.weight),
		...(value.headers?.request !== undefined && { requestHeaders: value.headers.request }),
		...(value.headers?.response !== undefined && { responseHeaders: value.headers.response }),
		...(value.headers?.hostname !== undefined && { hostname: value.headers.hostname }),
	}),
);

/** One of `route` of a TCP or TLS rule. */
export const streamDestination: Schema<BackendRef> = refine(
	object({ destination: required(destination, "Where connections go"), weight }),
	(value): BackendRef => toBackend(value.destination, value.weight),
);

/** Checks the weights of one rule: a single destination needs none, of several at least one must have one (else a proxy refuses
 *  the routes of every other host too). */
export function weightedBackends(items: Schema<readonly BackendRef[]>): Schema<readonly BackendRef[]> {
	return refine(items, (backends, _node, reader) => {
		if (backends.length === 1) return [{ ...backends[0]!, weight: 1 }];
		const total = backends.reduce((sum, backend) => sum + backend.weight, 0);
		if (backends.length > 1 && total === 0)
			return reader.refuse("has several destinations and no weight: give each a 'weight'");
		if (total > 2 ** 32 - 1) return reader.refuse("has weights whose sum is above 4294967295");
		return backends;
	});
}

function toBackend({ host, subset, port }: NamedDestination, share: number): BackendRef {
	return {
		destination: { kind: "host", host },
		...(subset !== undefined && { subset }),
		...(port !== undefined && { port }),
		weight: share,
	};
}
