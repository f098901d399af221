import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { parse } from "yaml";
import { type Clock, MeshError, type Problem } from "../../core/index.ts";
import { type JsonWebKeyEntry, type JsonWebKeySet, parseTrustBundle } from "../../identity/index.ts";
import type { IdentityRegistry } from "../../registry/index.ts";
import { createJoinTokenAttestor } from "./join-token.ts";
import { createKubernetesTokenAttestor, type KubernetesCluster } from "./kubernetes-token.ts";
import { type NodeAttestor, unavailable } from "./node-attestor.ts";
import { createProofOfPossessionAttestor } from "./proof-of-possession.ts";

const namePattern = /^[A-Za-z0-9._-]{1,63}$/;
const knownFields: Readonly<Record<string, readonly string[]>> = {
	"": ["x509pop", "kubernetes"],
	x509pop: ["roots"],
	kubernetes: ["cluster", "serviceAccounts", "audiences", "api", "ca", "token", "jwks", "issuer"],
};

/** The ways in which nodes may attest: join tokens always, others as a YAML file says:
 *  `x509pop: {roots: FILE}` and `kubernetes: [{cluster, serviceAccounts: [ns:name], audiences, api: https://…, ca: FILE, token: FILE}]`,
 *  or `jwks: FILE` and `issuer` in place of `api`. Files are named from the folder of this one.
 *  @throws MeshError `ATTESTATION_FILE_INVALID` with every problem */
export function createNodeAttestors(
	file: string | undefined,
	{ secrets, challenges }: Pick<IdentityRegistry, "secrets" | "challenges">,
	clock: Clock,
): readonly NodeAttestor[] {
	const tokens = createJoinTokenAttestor(secrets);
	if (file === undefined) return [tokens];
	const problems: Problem[] = [];
	const config = readObject(parseFile(file), "", problems);
	const open = createOpener(dirname(file), problems);
	const attestors: NodeAttestor[] = [tokens];
	if (config["x509pop"] !== undefined) {
		const pem = open(readObject(config["x509pop"], "x509pop", problems), "roots", "x509pop");
		const roots = pem === "" ? undefined : readRoots(pem, problems);
		if (roots !== undefined) attestors.push(createProofOfPossessionAttestor({ roots, challenges, clock }));
	}
	const clusters = config["kubernetes"] ?? [];
	if (!Array.isArray(clusters)) problems.push({ path: "kubernetes", problem: "must be a list of clusters" });
	else if (clusters.length > 0) {
		const read = clusters.map((item, at) => readCluster(item, `kubernetes[${at}]`, open, dirname(file), problems));
		attestors.push(createKubernetesTokenAttestor(read, clock));
	}
	if (problems.length === 0) return attestors;
	const text = problems.map(({ path, problem }) => `${path}: ${problem}`).join("; ");
	throw new MeshError("ATTESTATION_FILE_INVALID", `attestation file ${file}: ${text}`);
}

type Opener = (from: Fields, field: string, path: string) => string;
type Fields = Readonly<Record<string, unknown>>;

function parseFile(file: string): unknown {
	try {
		return parse(readFileSync(file, "utf8")) ?? {};
	} catch (cause) {
		throw new MeshError("ATTESTATION_FILE_INVALID", `attestation file ${file} cannot be read as YAML`, { cause });
	}
}

function readObject(value: unknown, path: string, problems: Problem[]): Fields {
	if (typeof value !== "object" || value === null || Array.isArray(value)) {
		problems.push({ path, problem: "must be an object" });
		return {};
	}
	const known = knownFields[path.replace(/\[.*/, "")]!;
	for (const field of Object.keys(value))
		if (!known.includes(field)) problems.push({ path: `${path}.${field}`, problem: `is none of ${known.join(", ")}` });
	return value as Fields;
}

function createOpener(folder: string, problems: Problem[]): Opener {
	return (from, field, path) => {
		const name = from[field];
		if (typeof name !== "string") {
			problems.push({ path: `${path}.${field}`, problem: "must name a file" });
			return "";
		}
		try {
			return readFileSync(resolve(folder, name), "utf8");
		} catch {
			problems.push({ path: `${path}.${field}`, problem: `${resolve(folder, name)} cannot be read` });
			return "";
		}
	};
}

function readRoots(pem: string, problems: Problem[]) {
	try {
		return parseTrustBundle("the nodes' certificates", pem);
	} catch (error) {
		if (!(error instanceof MeshError)) throw error;
		problems.push({ path: "x509pop.roots", problem: error.message });
		return undefined;
	}
}

function readCluster(
	value: unknown,
	path: string,
	open: Opener,
	folder: string,
	problems: Problem[],
): KubernetesCluster {
	const fields = readObject(value, path, problems);
	const texts = (field: string): string[] => {
		const list = fields[field];
		if (Array.isArray(list) && list.length > 0 && list.every((item) => typeof item === "string")) return list;
		problems.push({ path: `${path}.${field}`, problem: "must be a list of texts" });
		return [];
	};
	const name = fields["cluster"];
	if (typeof name !== "string" || !namePattern.test(name))
		problems.push({ path: `${path}.cluster`, problem: "must be a name of letters, digits, '.', '_' and '-'" });
	return {
		name: String(name),
		serviceAccounts: texts("serviceAccounts"),
		audiences: fields["audiences"] === undefined ? ["amime"] : texts("audiences"),
		check: fields["api"] === undefined ? readKeys() : readApi(fields["api"]),
	};

	function readApi(api: unknown): KubernetesCluster["check"] {
		if (typeof api !== "string" || !URL.canParse(api) || new URL(api).protocol !== "https:")
			problems.push({ path: `${path}.api`, problem: "must be an https:// address" });
		const ca = fields["ca"] === undefined ? undefined : open(fields, "ca", path);
		open(fields, "token", path);
		const tokenFile = resolve(folder, String(fields["token"]));
		const token = (): string => readAgain(tokenFile, (text) => text.trim());
		return { kind: "review", api: String(api), ...(ca === undefined ? {} : { ca }), token };
	}

	function readKeys(): KubernetesCluster["check"] {
		const issuer = fields["issuer"];
		if (typeof issuer !== "string") problems.push({ path: `${path}.issuer`, problem: "must be the tokens' issuer" });
		const text = open(fields, "jwks", path);
		const keysFile = resolve(folder, String(fields["jwks"]));
		try {
			if (text !== "") readKeySet(text);
		} catch (error) {
			problems.push({ path: `${path}.jwks`, problem: `${keysFile}: ${(error as Error).message}` });
		}
		return { kind: "keys", issuer: String(issuer), keys: () => readAgain(keysFile, readKeySet) };
	}
}

/** Reads a file anew, as for each call: projected tokens and keys are exchanged in place.
 *  @throws MeshError `ATTESTATION_UNAVAILABLE` */
function readAgain<T>(file: string, read: (text: string) => T): T {
	try {
		return read(readFileSync(file, "utf8"));
	} catch (cause) {
		throw unavailable(`${file} cannot be read now`, cause);
	}
}

/** A JSON Web Key Set; keys of it that are none are found out when a token names them.
 *  @throws Error */
function readKeySet(text: string): JsonWebKeySet {
	const value: unknown = parseKeys(text);
	const keys: unknown = typeof value === "object" && value !== null && "keys" in value ? value.keys : undefined;
	if (!Array.isArray(keys) || !keys.every((key) => typeof key === "object" && key !== null))
		throw new Error("must be a JSON Web Key Set: an object with the list 'keys'");
	return { keys: keys as JsonWebKeyEntry[] };
}

function parseKeys(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch (cause) {
		throw new Error("is no JSON", { cause });
	}
}
