/** A member of a {@link MemberList}. */
export interface ListMember {
	/** Written by the list only; below 0 when it is in none. */
	place: number;
}

/** Members that come and go often, such as connections; in no order. A Set leaves its outgrown tables behind, each of which keeps what was in it
 *  through young collections once one of them is old: here nothing is left of a member that went. */
export class MemberList<Member extends ListMember> {
	readonly #members: Member[] = [];

	get size(): number {
		return this.#members.length;
	}

	/** Adds one that is in no list. */
	add(member: Member): void {
		member.place = this.#members.length;
		this.#members.push(member);
	}

	/** Takes one out; nothing where it is not in. */
	delete(member: Member): void {
		const { place } = member;
		if (place < 0 || this.#members[place] !== member) return;
		member.place = -1;
		const last = this.#members.pop()!;
		if (last === member) return;
		this.#members[place] = last;
		last.place = place;
	}

	/** Those of this moment, whatever happens to them meanwhile. */
	list(): Member[] {
		return this.#members.slice();
	}
}
