import assert from "node:assert/strict";
import { test } from "node:test";
import { createSeededRandom } from "./index.ts";
import { type ListMember, MemberList } from "./member-list.ts";

test("a list has those that were added and not taken out, in whatever order they go", () => {
	const random = createSeededRandom(7);
	const list = new MemberList<ListMember & { readonly name: number }>();
	const expected = new Map<number, ListMember & { readonly name: number }>();
	for (let step = 0; step < 2000; step++) {
		if (random.next() < 0.55) {
			const member = { place: -1, name: step };
			list.add(member);
			expected.set(step, member);
		} else {
			const names = [...expected.keys()];
			const name = names[Math.floor(random.next() * names.length)];
			if (name === undefined) continue;
			list.delete(expected.get(name)!);
			expected.delete(name);
		}
		assert.equal(list.size, expected.size);
	}
	const left = list.list().map(({ name }) => name);
	assert.deepEqual(
		left.sort((a, b) => a - b),
		[...expected.keys()],
	);
});

test("taking out what is not in, or in another list, changes nothing", () => {
	const [one, other] = [new MemberList<ListMember>(), new MemberList<ListMember>()];
	const [member, stranger] = [{ place: -1 }, { place: -1 }];
	one.add(member);
	other.add(stranger);
	one.delete(stranger);
	one.delete({ place: -1 });
	assert.deepEqual(one.list(), [member]);
	assert.deepEqual(other.list(), [stranger]);
});
