/** Registration entries, plain unless told otherwise. */
import { parseSpiffeId, type RegistrationEntry } from "../../src/model/index.ts";

export function entryOf(change: Partial<RegistrationEntry> = {}): RegistrationEntry {
	return {
		id: "entry",
		spiffeId: parseSpiffeId("spiffe://cluster.local/web"),
		parentId: parseSpiffeId("spiffe://cluster.local/node"),
		selectors: ["unix:uid:1"],
		dnsNames: [],
		hint: "",
		federatesWith: [],
		admin: false,
		downstream: false,
		createdAt: 0,
		...change,
	};
}
