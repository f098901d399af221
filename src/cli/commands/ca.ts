import { resolve } from "node:path";
import { type Command, Option } from "commander";
import {
	type CliContext,
	type MeshOptions,
	openMesh,
	print,
	withExamples,
	withMeshOptions,
	withState,
} from "../context.ts";
import type { AuthorityStatus } from "../mesh/admin-api.ts";
import { readText } from "../mesh/read-text.ts";
import { describeAwaited, formatAuthority, formatWaiting } from "../output/authority-table.ts";

interface RotateOptions extends MeshOptions {
	readonly root?: true;
	readonly issuer?: true;
	readonly jwt?: true;
	readonly dryRun?: true;
	readonly force?: true;
}

/** `amime ca`: the certificate authority: what it signs with, and the way to other keys without an outage. */
export function addCaCommand(program: Command, context: CliContext): void {
	const group = program.command("ca").description("show and rotate the keys of the mesh's certificate authority");
	addStatus(group, context);
	addRotate(group, context);
	addRequest(group, context);
	addInstall(group, context);
	withExamples(group, [
		["amime ca status", "what signs, until when, and who is waited for"],
		["amime ca rotate --root", "another root, without an outage"],
	]);
}

function addStatus(group: Command, context: CliContext): void {
	const command = group
		.command("status")
		.description("show roots, issuers and JWT keys, and the proxies that a rotation waits for")
		.action(async (options: MeshOptions) => {
			const status = (await openMesh(context, options).request("GET", "/v1/identity/authority")) as AuthorityStatus;
			await print(context, options.output, status, () => formatAuthority(status));
		});
	withExamples(withMeshOptions(command), [["amime ca status -o json", "for an alarm before something ends"]]);
}

function addRotate(group: Command, context: CliContext): void {
	const command = group
		.command("rotate")
		.description(
			"replace the issuer (default), the root or the JWT key; a new root signs when every live proxy trusts it, and the old one goes when nobody shows a certificate under it",
		)
		.addOption(new Option("--issuer", "the key that signs certificates of workloads").conflicts(["root", "jwt"]))
		.addOption(new Option("--root", "the root, and the issuer with it").conflicts("jwt"))
		.option("--jwt", "the key that signs tokens")
		.option("--dry-run", "only say what would be waited for")
		.option("--force", "do not wait for proxies that do not acknowledge: they will refuse new certificates")
		.action(async (options: RotateOptions) => {
			const what = (["root", "jwt"] as const).find((name) => options[name] === true) ?? "issuer";
			const body = { what, dryRun: options.dryRun === true, force: options.force === true };
			const answer = await openMesh(context, options).request("POST", "/v1/identity/authority/rotate", body);
			const status = answer as AuthorityStatus;
			await print(context, options.output, status, () => formatRotation(status, what, options.dryRun === true));
		});
	withExamples(withMeshOptions(command), [
		["amime ca rotate", "a new issuer under the same root"],
		["amime ca rotate --root --dry-run", "who would be waited for"],
		["amime ca rotate --root", "begin; 'amime ca status' shows how far it is"],
	]);
}

function formatRotation(status: AuthorityStatus, what: string, isDryRun: boolean): string {
	const prepared = [...status.issuers, ...status.jwtKeys].some(({ phase }) => phase === "prepared");
	const named = what === "jwt" ? "JWT key" : what;
	if (isDryRun) {
		const wait = what === "root" ? `${describeAwaited(status)}\n${formatWaiting(status)}` : "no proxy is waited for\n";
		return `a new ${named} would be made; ${wait}`;
	}
	if (what !== "root")
		return `a new ${named} is made${prepared && what === "jwt" ? " and published; it signs in 5 minutes" : ""}\n`;
	return prepared
		? `a new root is in the bundle; ${describeAwaited(status)}\n${formatWaiting(status)}`
		: "a new root is in use; the old one goes when nobody shows a certificate under it\n";
}

function addRequest(group: Command, context: CliContext): void {
	const command = group
		.command("csr")
		.description("print a signing request for an issuer, to be signed by an authority outside of the mesh")
		.action(async (options: { readonly state?: string }) => {
			const answer = await openMesh(context, options).request("POST", "/v1/identity/authority/request");
			context.host.out.write((answer as { readonly csr: string }).csr);
		});
	withExamples(withState(command), [["amime ca csr > issuer.csr", "have it signed as an authority of path length 0"]]);
}

function addInstall(group: Command, context: CliContext): void {
	const command = group
		.command("install")
		.description(
			"take the certificate for the request of 'amime ca csr'; it signs when every live proxy trusts its root",
		)
		.argument("<chain>", "PEM file: the certificate, then intermediates")
		.requiredOption("--roots <file>", "PEM file: the root it leads to, and others to trust")
		.action(async (chain: string, options: MeshOptions & { readonly roots: string }) => {
			const read = (file: string): Promise<string> => readText(resolve(context.host.folder, file), file);
			const body = { chain: await read(chain), roots: await read(options.roots) };
			const status = await openMesh(context, options).request("POST", "/v1/identity/authority/install", body);
			await print(context, options.output, status, () => formatAuthority(status as AuthorityStatus));
		});
	withExamples(withMeshOptions(command), [
		["amime ca install issuer.pem --roots corporate-root.pem", "take what was signed"],
	]);
}
