/** `envoy.config.core.v3.RuntimeFractionalPercent`: a share with an optional runtime key that overrides it. */
export interface RuntimeFraction {
	readonly numerator: number;
	/** 100, 10 000 or 1 000 000. */
	readonly denominator: number;
	/** Empty when there is none. */
	readonly runtimeKey: string;
}

/** The values of `layered_runtime`. */
export interface Runtime {
	/** The value of a key, or undefined: a number, a boolean, a text, or a `FractionalPercent` as an object. */
	get(key: string): unknown;
	/** Changes whenever a value does; absent where none ever does. */
	readonly version?: number;
}

/** A runtime in which no key is set. */
export const emptyRuntime: Runtime = { get: () => undefined };

/** A runtime of layers, the last one that knows a key wins. Nested objects are keys with dots, as in Envoy. */
export function createRuntime(layers: readonly Readonly<Record<string, unknown>>[]): Runtime {
	const values = new Map<string, unknown>();
	for (const layer of layers) flatten(layer, "", values);
	return { get: (key) => values.get(key) };
}

/** A layer's values by their keys with dots. */
export function flattenRuntimeLayer(layer: Readonly<Record<string, unknown>>): Map<string, unknown> {
	const values = new Map<string, unknown>();
	flatten(layer, "", values);
	return values;
}

/** The first key of a layer whose value is none: a list, or null. Undefined when all are. */
export function findInvalidRuntimeKey(layer: Readonly<Record<string, unknown>>): string | undefined {
	for (const [key, value] of flattenRuntimeLayer(layer)) if (value === null || Array.isArray(value)) return key;
	return undefined;
}

/** Whether a draw in [0, 1) falls into the fraction. */
export function isInFraction(fraction: RuntimeFraction, random: number, runtime: Runtime): boolean {
	return random < computeShare(fraction, runtime);
}

/** The share in [0, 1] (or above, which is always). A plain number in the runtime is a percentage. */
export function computeShare(fraction: RuntimeFraction, runtime: Runtime): number {
	if (fraction.runtimeKey !== "") {
		const override = runtime.get(fraction.runtimeKey);
		if (typeof override === "number") return override / 100;
		if (isFraction(override)) return (override.numerator ?? 0) / denominatorOf(override.denominator);
	}
	return fraction.numerator / fraction.denominator;
}

/** A number from the runtime, or the default. */
export function getRuntimeNumber(runtime: Runtime, key: string, defaultValue: number): number {
	const value = key === "" ? undefined : runtime.get(key);
	return typeof value === "number" ? value : defaultValue;
}

/** Whether a draw in [0, 1) falls into the percentage that a key has, as Envoy's `featureEnabled`. */
export function isFeatureEnabled(runtime: Runtime, key: string, defaultPercent: number, random: number): boolean {
	const fraction = { numerator: defaultPercent, denominator: 100, runtimeKey: key };
	return isInFraction(fraction, random, runtime);
}

interface FractionObject {
	readonly numerator?: number;
	readonly denominator?: string | number;
}

function isFraction(value: unknown): value is FractionObject {
	return typeof value === "object" && value !== null && ("numerator" in value || "denominator" in value);
}

function denominatorOf(name: string | number | undefined): number {
	if (name === "TEN_THOUSAND" || name === 1) return 10_000;
	if (name === "MILLION" || name === 2) return 1_000_000;
	return 100;
}

function flatten(layer: Readonly<Record<string, unknown>>, prefix: string, values: Map<string, unknown>): void {
	for (const [key, value] of Object.entries(layer)) {
		const isValue = typeof value !== "object" || value === null || Array.isArray(value) || isFraction(value);
		if (isValue) values.set(prefix + key, value);
		else flatten(value as Record<string, unknown>, `${prefix}${key}.`, values);
	}
}
