/** `envoy.type.v3.FractionalPercent` as a share in [0, 1], with an optional runtime key that overrides it. */
export interface RuntimeFraction {
	readonly numerator: number;
	/** 100, 10 000 or 1 000 000. */
	readonly denominator: number;
	/** Empty when there is none. */
	readonly runtimeKey: string;
}

/** The values of `layered_runtime`, last layer wins. */
export interface Runtime {
	/** The value of a key, or undefined: a number, a boolean, a text, or a `FractionalPercent` as an object. */
	get(key: string): unknown;
}
