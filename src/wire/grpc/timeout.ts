const units: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** Milliseconds of a `grpc-timeout` header; undefined when it is none. */
export function parseGrpcTimeout(text: string): number | undefined {
	const match = /^(\d{1,8})([HMSmun])$/.exec(text);
	return match === null ? undefined : Number(match[1]) * units[match[2]!]!;
}

/** A `grpc-timeout` header: the finest unit, from milliseconds up, in which the number has eight digits at most. */
export function formatGrpcTimeout(ms: number): string {
	for (const unit of ["m", "S", "M"]) {
		const amount = Math.ceil(ms / units[unit]!);
		if (amount < 100_000_000) return `${amount}${unit}`;
	}
	return `${Math.min(99_999_999, Math.ceil(ms / 3_600_000))}H`;
}
