/** A line of a proxy's log about something that left the mesh, or would have. */
export interface EgressLine {
	readonly event: string;
	readonly source: string;
	readonly verdict: string;
	readonly destination: string | null;
	/** Where a captured connection was going. */
	readonly captured_address: string;
}

/** The lines of JSON that tell what left the mesh. */
export function readEgressLog(output: string): EgressLine[] {
	return output.split("\n").flatMap((line) => {
		if (!line.startsWith("{")) return [];
		try {
			const value = JSON.parse(line) as Partial<EgressLine>;
			return value.event === "egress" ? [value as EgressLine] : [];
		} catch {
			// The last line is not whole yet.
			return [];
		}
	});
}
