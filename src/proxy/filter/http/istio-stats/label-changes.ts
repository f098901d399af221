import { type Expression, evaluate, formatValue, isFailure } from "../../../../engine/expression/index.ts";
import type { StreamInfo } from "../../../../engine/format/index.ts";
import type { Label, LabelChanges } from "../../../../telemetry/index.ts";
import { httpLabelNames, tcpLabelNames } from "./labels.ts";

/** What is changed of one metric (`stats.MetricConfig`). */
export interface MetricChange {
	/** Without `istio_`, such as `requests_total`; empty for all metrics. */
	readonly name: string;
	readonly dimensions: readonly (readonly [label: string, value: Expression])[];
	readonly tagsToRemove: readonly string[];
	readonly drop: boolean;
}

/** The changes of the metrics of one filter, made ready. */
export interface ChangedLabels<M extends string> {
	/** What the expressions say of a stream; `unknown` for one that fails. */
	evaluate(stream: StreamInfo): readonly string[];
	/** The labels of the changed metrics: of the standard values, and what {@link evaluate} gave. */
	apply(standard: readonly string[], values: readonly string[]): LabelChanges<M>;
}

/** What becomes of one metric; numbers are places among the expressions, undefined is a label that goes. */
interface Plan {
	isDropped: boolean;
	readonly replaced: Map<string, number | undefined>;
	readonly added: Map<string, number>;
}

const standardLabels: ReadonlySet<string> = new Set([...httpLabelNames, ...tcpLabelNames]);

/** Makes changes ready for the metrics of these names (with `istio_`); undefined when nothing changes for them. Names that no metric
 *  has change nothing, as in Istio; a label can be added to any metric, and removed or replaced where it is. */
export function prepareChanges<M extends string>(
	changes: readonly MetricChange[],
	metricNames: readonly M[],
	labelNames: readonly string[],
): ChangedLabels<M> | undefined {
	const plans = new Map<M, Plan>();
	const expressions: Expression[] = [];
	const planOf = (metric: M): Plan => {
		const plan = plans.get(metric) ?? { isDropped: false, replaced: new Map(), added: new Map() };
		plans.set(metric, plan);
		return plan;
	};
	for (const { name, dimensions, tagsToRemove, drop } of changes) {
		const metrics = metricNames.filter((metric) => metric === `istio_${name}` || (name === "" && !drop));
		if (metrics.length === 0) continue;
		const values = drop
			? []
			: dimensions.map(([label, value]) => [sanitize(label), expressions.push(value) - 1] as const);
		for (const metric of metrics) {
			const plan = planOf(metric);
			if (drop) plan.isDropped = true;
			else for (const label of tagsToRemove) plan.replaced.set(label, undefined);
			for (const [label, at] of values) {
				if (standardLabels.has(label)) plan.replaced.set(label, at);
				else plan.added.set(label, at);
			}
		}
	}
	if (plans.size === 0) return undefined;
	const labelsOf = (
		{ replaced, added }: Plan,
		standard: readonly string[],
		values: readonly string[],
	): readonly Label[] => [
		...labelNames.flatMap((label, index): Label[] => {
			if (!replaced.has(label)) return [[label, standard[index]!]];
			const at = replaced.get(label);
			return at === undefined ? [] : [[label, values[at]!]];
		}),
		...[...added].map(([label, at]): Label => [label, values[at]!]),
	];
	return {
		evaluate: (stream) =>
			expressions.map((expression) => {
				const value = evaluate(expression, stream);
				return isFailure(value) ? "unknown" : formatValue(value);
			}),
		apply: (standard, values) =>
			new Map(
				[...plans].map(
					([metric, plan]) => [metric, plan.isDropped ? undefined : labelsOf(plan, standard, values)] as const,
				),
			),
	};
}

/** A name as Prometheus takes it. */
function sanitize(label: string): string {
	return label.replace(/\W/g, "_").replace(/^(?=\d)/, "_");
}
