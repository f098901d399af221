/** What became of a path: `redirect` asks the client to come back with it. */
export type PathOutcome =
	| { readonly kind: "accept"; readonly path: string }
	| { readonly kind: "redirect"; readonly path: string }
	/** `path` is how access logs show it. */
	| { readonly kind: "reject"; readonly path: string };

/** Which normalisations apply, as the connection manager is configured. */
export interface PathOptions {
	readonly normalizePath: boolean;
	readonly mergeSlashes: boolean;
	readonly escapedSlashes: "keep" | "reject" | "unescape-and-redirect" | "unescape-and-forward";
}

/** Brings the path of a request (with query) into its normal form, in Envoy's order: fragments, escaped slashes, RFC 3986, slashes. */
export function normalizeRequestPath(path: string, options: PathOptions): PathOutcome {
	if (path.includes("#")) return { kind: "reject", path };
	const queryStart = path.indexOf("?");
	let bare = queryStart === -1 ? path : path.slice(0, queryStart);
	const query = queryStart === -1 ? "" : path.slice(queryStart);
	let unescaped = false;
	if (options.escapedSlashes !== "keep" && /%2f|%5c/i.test(bare)) {
		bare = bare.replace(/%2f/gi, "/").replace(/%5c/gi, "\\");
		if (options.escapedSlashes === "reject") return { kind: "reject", path: bare + query };
		unescaped = options.escapedSlashes === "unescape-and-redirect";
	}
	// Where some would end the path and others read on.
	if (options.normalizePath && bare.includes("%00")) return { kind: "reject", path: bare + query };
	if (options.normalizePath) bare = canonicalizePath(bare);
	if (options.mergeSlashes) bare = bare.replace(/\/{2,}/g, "/");
	return { kind: unescaped ? "redirect" : "accept", path: bare + query };
}

/** RFC 3986 section 6 as browsers do it: backslashes are slashes, unreserved characters unescaped, dot segments gone. */
function canonicalizePath(path: string): string {
	if (!/[%\\."<>`{}]/.test(path)) return path;
	const plain = path
		.replaceAll("\\", "/")
		.replace(/%([0-9a-fA-F]{2})/g, (escaped, digits: string) => {
			const character = String.fromCharCode(Number.parseInt(digits, 16));
			return /[A-Za-z0-9\-._~]/.test(character) ? character : escaped;
		})
		.replace(/["<>`{}]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
	const segments = plain.split("/").slice(1);
	const kept: string[] = [];
	segments.forEach((segment, index) => {
		const name = segment.split(";", 1)[0];
		const isLast = index === segments.length - 1;
		if (name === "..") {
			kept.pop();
			if (isLast) kept.push("");
		} else if (name === ".") {
			if (isLast) kept.push("");
		} else {
			kept.push(segment);
		}
	});
	return `/${kept.join("/")}`;
}
