import { grpcStatusNames } from "../../../core/index.ts";
import type { Fault, Mirror, Percent } from "../../../model/index.ts";
import { list } from "../../schema/collections.ts";
import { istioDuration } from "../../schema/durations.ts";
import { defaulted, object, optional, refused, required } from "../../schema/object.ts";
import { integer, number, oneOf } from "../../schema/scalars.ts";
import { refine, type Schema } from "../../schema/schema.ts";
import { destination, type NamedDestination } from "../istio/destination.ts";

/** `percentage` of Istio: `{value: 12.5}`; an empty one is 0. */
const percentage: Schema<Percent> = refine(
	object({ value: defaulted(number({ min: 0, max: 100 }), 0, "Percent, fractions allowed", "0") }),
	({ value }) => value,
);
const oldPercent = integer({ min: 0, max: 100 });

const delay = refine(
	object({
		fixedDelay: required(istioDuration(), "How long requests wait"),
		percentage: optional(percentage, "Share of the requests; none when absent"),
		percent: optional(oldPercent, "Old form of percentage"),
		exponentialDelay: refused("no proxy has it: use fixedDelay"),
	}),
	(value) => ({ durationMs: value.fixedDelay, percent: value.percentage ?? value.percent ?? 0 }),
);

const abort = refine(
	object({
		httpStatus: optional(integer({ min: 200, max: 599 }), "Status of the answer"),
		grpcStatus: optional(oneOf(grpcStatusNames), "gRPC status of the answer"),
		percentage: optional(percentage, "Share of the requests; none when absent"),
		http2Error: refused("no proxy has it: use httpStatus or grpcStatus"),
	}),
	(value, _node, reader): Fault["abort"] => {
		const percent = value.percentage ?? 0;
		if ((value.httpStatus === undefined) === (value.grpcStatus === undefined))
			return reader.refuse("must have one of httpStatus and grpcStatus");
		return value.httpStatus !== undefined
			? { httpStatus: value.httpStatus, percent }
			: { grpcStatus: grpcStatusNames.indexOf(value.grpcStatus!), percent };
	},
);

/** `fault` of an HTTP rule. */
export const fault: Schema<Fault> = refine(
	object({
		delay: optional(delay, "Requests that wait"),
		abort: optional(abort, "Requests that are answered with an error"),
	}),
	(value, _node, reader): Fault | undefined => {
		if (value.delay === undefined && value.abort === undefined) return reader.refuse("must have a delay or an abort");
		return {
			...(value.delay !== undefined && { delay: value.delay }),
			...(value.abort !== undefined && { abort: value.abort }),
		};
	},
);

/** Fields of an HTTP rule that say what is mirrored. */
export const mirrorFields = {
	mirror: optional(destination, "Service that gets a copy of the requests; its answers are dropped"),
	mirrorPercentage: optional(percentage, "Share that is mirrored; all when absent"),
	mirrorPercent: optional(oldPercent, "Old form of mirrorPercentage"),
	mirror_percent: optional(oldPercent, "Older form of mirrorPercentage"),
	mirrors: optional(
		list(
			object({
				destination: required(destination, "Service that gets a copy"),
				percentage: optional(percentage, "Share that is mirrored; all when absent"),
			}),
			{ max: 64 },
		),
		"Several services that get a copy",
	),
};

/** The mirrors of a rule; a share of 0 is none. */
export function toMirrors(value: {
	readonly mirror: NamedDestination | undefined;
	readonly mirrorPercentage: Percent | undefined;
	readonly mirrorPercent: number | undefined;
	readonly mirror_percent: number | undefined;
	readonly mirrors:
		| readonly { readonly destination: NamedDestination; readonly percentage: Percent | undefined }[]
		| undefined;
}): readonly Mirror[] {
	const percent = value.mirrorPercentage ?? value.mirrorPercent ?? value.mirror_percent;
	const one = value.mirror === undefined ? [] : [toMirror(value.mirror, percent)];
	const several = (value.mirrors ?? []).map((item) => toMirror(item.destination, item.percentage));
	return [...one, ...several].filter((mirror) => mirror.percent > 0);
}

function toMirror({ host, subset, port }: NamedDestination, percent: Percent = 100): Mirror {
	return {
		destination: { kind: "host", host },
		...(subset !== undefined && { subset }),
		...(port !== undefined && { port }),
		percent,
	};
}
