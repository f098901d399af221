/** Where amime deliberately does something else than Envoy 1.40; docs/reference/envoy-support.md shows them, and the acceptance suite
 *  accepts them. */
export interface Deviation {
	/** What differs. */
	readonly what: string;
	/** Why that is better. */
	readonly why: string;
	/** Cases of the acceptance suite that show it. */
	readonly cases: readonly string[];
}

export const deviations: readonly Deviation[] = [
	{
		what: "A chunk that is followed by anything but CR LF ends the request with 400 before any of it goes on.",
		why: "A server behind the proxy that reads such framing differently could be made to see a second request.",
		cases: ["bad-requests/chunk data too long", "bad-requests/(totals)"],
	},
];
