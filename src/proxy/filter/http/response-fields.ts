import type { FilterStream } from "./filter.ts";
import type { PassResponseHead } from "./pass-head.ts";
import { changeFields, type HeaderChange, isForAnswers } from "./request-fields.ts";

/** Changes an answer's head as a service asks. What cannot be a field of it is left out.
 *  @returns whether the answer still has a status: one number, where a service may set `:status` and add to it */
export function changeResponse(head: PassResponseHead, change: HeaderChange): boolean {
	const { action, name, value } = change;
	if (name !== ":status") {
		if (isForAnswers(change)) changeFields(head.headers, change);
		return true;
	}
	if (action === "add-if-absent") return true;
	if (action === "add" || action === "append" || !/^\d{1,9}$/.test(value)) return false;
	head.status = Number(value);
	return true;
}

/** Answers in place of an answer that has lost its status. */
export function refuseWithoutStatus(stream: FilterStream): void {
	stream.sendLocalReply({
		status: 502,
		body: "missing required header: :status",
		details: "filter_removed_required_response_headers{missing required header: :status}",
		flags: 0,
	});
}
