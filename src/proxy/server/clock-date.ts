import type { Clock } from "../../core/index.ts";

/** The text of a Date header (RFC 9110 section 5.6.7), made once a second. */
export function createDates(clock: Clock): { current(): string } {
	let second = -1;
	let text = "";
	return {
		current() {
			const now = Math.floor(clock.wall() / 1000);
			if (now !== second) {
				second = now;
				text = new Date(now * 1000).toUTCString();
			}
			return text;
		},
	};
}
