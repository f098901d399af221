/** A block of addresses, `10.96.0.0/22`. */
export interface AddressBlock {
	readonly address: string;
	readonly length: number;
}

/** The fewest blocks that hold exactly some addresses; IPv6 addresses stay as they are. */
export function collapseAddresses(addresses: Iterable<string>): AddressBlock[] {
	const others: AddressBlock[] = [];
	let numbers: number[] = [];
	for (const address of new Set(addresses))
		if (address.includes(":")) others.push({ address, length: 128 });
		else numbers.push(toNumber(address));
	const blocks: AddressBlock[] = [];
	// Two halves of a block are the block, one length after the other.
	for (let length = 32; numbers.length > 0; length--) {
		numbers.sort((a, b) => a - b);
		const size = 2 ** (32 - length);
		const merged: number[] = [];
		for (let position = 0; position < numbers.length; position++) {
			const first = numbers[position]!;
			if (length > 0 && first % (size * 2) === 0 && numbers[position + 1] === first + size) {
				merged.push(first);
				position++;
			} else blocks.push({ address: toAddress(first), length });
		}
		numbers = merged;
	}
	return [...blocks, ...others].sort((a, b) => (a.address < b.address ? -1 : 1));
}

function toNumber(address: string): number {
	return address.split(".").reduce((value, part) => value * 256 + Number(part), 0);
}

function toAddress(value: number): string {
	return [2 ** 24, 2 ** 16, 2 ** 8, 1].map((unit) => Math.floor(value / unit) % 256).join(".");
}
