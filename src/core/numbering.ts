/** Gives each name a number from `first` on, one of `count`: the same one whatever other names there are, unless two want the same, and
 *  different ones until all are taken. For numbers that are made up and compared later. */
export function createNumbering(first: number, count: number): (name: string) => number {
	const taken = new Set<number>();
	return (name) => {
		if (taken.size === count) taken.clear();
		let number = hash(name) % count;
		while (taken.has(number)) number = (number + 1) % count;
		taken.add(number);
		return first + number;
	};
}

/** FNV-1a over UTF-16 units, 32 bits. */
function hash(text: string): number {
	let value = 0x811c_9dc5;
	for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x0100_0193);
	return value >>> 0;
}
