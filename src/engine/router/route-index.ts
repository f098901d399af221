import type { PathMatch } from "./route-config.ts";

/** Which routes of a virtual host can take a path, in their order. Exact paths and prefixes are looked up, so that the cost grows with
 *  the length of the path and not with the number of routes; regular expressions, templates and CONNECT routes are candidates for
 *  every path. What a candidate wants besides its path is for the caller to compare. */
export class RouteIndex {
	readonly #exact = new Map<string, number[]>();
	readonly #foldedExact = new Map<string, number[]>();
	readonly #prefixes = new PrefixTree();
	readonly #foldedPrefixes = new PrefixTree();
	readonly #others: number[] = [];
	/** The lists that hold the candidates of the path at hand, and how far each was read. */
	readonly #lists: (readonly number[])[] = [];
	readonly #places: number[] = [];
	#count = 0;
	/** Tree nodes that the newest path led through. */
	visited = 0;

	constructor(matches: readonly PathMatch[]) {
		for (const [index, match] of matches.entries()) {
			if (match.kind === "exact") append(match.ignoreCase ? this.#foldedExact : this.#exact, match.value, index);
			else if (match.kind === "prefix" || match.kind === "separated-prefix")
				(match.ignoreCase ? this.#foldedPrefixes : this.#prefixes).add(match.value, index);
			else this.#others.push(index);
		}
	}

	/** Begins with the candidates of a path; {@link next} gives them. `lowerPath` is the path in lower case. */
	open(path: string, lowerPath: string): void {
		this.#count = 0;
		this.visited = 0;
		this.#take(this.#exact.get(path));
		if (this.#foldedExact.size > 0) this.#take(this.#foldedExact.get(lowerPath));
		this.#walk(this.#prefixes, path);
		this.#walk(this.#foldedPrefixes, lowerPath);
		if (this.#others.length > 0) this.#take(this.#others);
	}

	/** The number of the next candidate; -1 when there is none left. */
	next(): number {
		let best = -1;
		let bestList = -1;
		for (let list = 0; list < this.#count; list++) {
			const index = this.#lists[list]![this.#places[list]!];
			if (index !== undefined && (best === -1 || index < best)) {
				best = index;
				bestList = list;
			}
		}
		if (bestList !== -1) this.#places[bestList]!++;
		return best;
	}

	#walk(tree: PrefixTree, path: string): void {
		let node: PrefixNode | undefined = tree.root;
		let depth = 0;
		while (node !== undefined) {
			this.visited++;
			if (!path.startsWith(node.label, depth)) return;
			depth += node.label.length;
			this.#take(node.routes);
			node = node.children.get(path.charCodeAt(depth));
		}
	}

	#take(list: readonly number[] | undefined): void {
		if (list === undefined) return;
		this.#lists[this.#count] = list;
		this.#places[this.#count] = 0;
		this.#count++;
	}
}

interface PrefixNode {
	/** The characters between the parent and this node. */
	label: string;
	/** Routes whose prefix ends here, in order. */
	routes: number[] | undefined;
	/** By the first character of their labels. */
	children: Map<number, PrefixNode>;
}

/** A radix tree of prefixes. */
class PrefixTree {
	readonly root: PrefixNode = { label: "", routes: undefined, children: new Map() };

	add(prefix: string, index: number): void {
		let node = this.root;
		let rest = prefix;
		while (rest !== "") {
			const child = node.children.get(rest.charCodeAt(0));
			if (child === undefined) {
				const leaf: PrefixNode = { label: rest, routes: undefined, children: new Map() };
				node.children.set(rest.charCodeAt(0), leaf);
				node = leaf;
				break;
			}
			const shared = countShared(child.label, rest);
			if (shared < child.label.length) split(child, shared);
			node = child;
			rest = rest.slice(shared);
		}
		node.routes ??= [];
		node.routes.push(index);
	}
}

/** Makes a node end after `length` characters of its label; a child has the rest. */
function split(node: PrefixNode, length: number): void {
	const lower: PrefixNode = { label: node.label.slice(length), routes: node.routes, children: node.children };
	node.label = node.label.slice(0, length);
	node.routes = undefined;
	node.children = new Map([[lower.label.charCodeAt(0), lower]]);
}

function countShared(left: string, right: string): number {
	let length = 0;
	while (length < left.length && length < right.length && left[length] === right[length]) length++;
	return length;
}

function append(map: Map<string, number[]>, key: string, index: number): void {
	const list = map.get(key);
	if (list === undefined) map.set(key, [index]);
	else list.push(index);
}
