import type { FilterStream } from "../filter.ts";
import type { HeaderChange } from "../request-fields.ts";

/** What a filter in shadow mode would have done, in the stream's filter state: its camelCase fields are what `TYPED` shows, its text what `PLAIN` shows,
 *  `check_result` and `status_code` what `FIELD` reads. Spec: `envoy.extensions.filters.http.ext_authz.v3.ShadowDecision`. */
class ShadowDecision {
	readonly checkResult: string;
	readonly statusCode: number;
	readonly responseHeaders?: readonly object[];

	constructor(result: "OK" | "DENIED" | "ERROR", status: number, headers: readonly HeaderChange[]) {
		this.checkResult = result;
		this.statusCode = status;
		if (headers.length > 0) this.responseHeaders = headers.map(({ name, value }) => ({ key: name, value }));
	}

	get check_result(): string {
		return this.checkResult;
	}

	get status_code(): number {
		return this.statusCode;
	}

	toString(): string {
		const { check_result, status_code, responseHeaders: response_headers } = this;
		return JSON.stringify({ check_result, status_code, response_headers });
	}
}

/** Notes under `NAME.shadow` what the filter NAME would have done. */
export function noteShadowDecision(
	{ record }: FilterStream,
	name: string,
	result: "OK" | "DENIED" | "ERROR",
	status: number,
	headers: readonly HeaderChange[] = [],
): void {
	record.filterState ??= new Map();
	record.filterState.set(`${name}.shadow`, new ShadowDecision(result, status, headers));
}
