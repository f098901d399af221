import { resolve } from "node:path";
import type { Command } from "commander";
import {
	type CliContext,
	type MeshOptions,
	openMesh,
	print,
	withExamples,
	withMeshOptions,
	withState,
} from "../context.ts";
import type { RelationStatus } from "../mesh/admin-api.ts";
import { readText } from "../mesh/read-text.ts";
import { formatTable } from "../output/table.ts";
import { createChoiceOption } from "../parse-arguments.ts";

interface CreateOptions extends MeshOptions {
	readonly url?: string;
	readonly profile: "https_web" | "https_spiffe";
	readonly spiffeId?: string;
	readonly bundle?: string;
}

const path = "/v1/identity/federation";

/** `amime federation`: the trust domains that this one relates to. */
export function addFederationCommand(program: Command, context: CliContext): void {
	const group = program
		.command("federation")
		.description(
			"relate this trust domain to others: their workloads may show themselves, policies say what they may do",
		);
	addCreate(group, context);
	addList(group, context);
	addDelete(group, context);
	addRefresh(group, context);
	addBundle(group, context);
	withExamples(group, [
		["amime federation bundle > here.json", "what the other side is given"],
		["amime federation create other.example --bundle other.json", "trust what its bundle says"],
	]);
}

function addCreate(group: Command, context: CliContext): void {
	const command = group
		.command("create")
		.description("relate to a trust domain, or change how its bundle is got")
		.argument("<trust-domain>", "such as other.example")
		.option("--url <url>", "where it publishes its bundle; without one the bundle given stays as it is")
		.addOption(
			createChoiceOption(
				"--profile <profile>",
				"how the server is known: by a certificate of the web, or by its SPIFFE ID",
				["https_web", "https_spiffe"],
				"https_web",
			),
		)
		.option(
			"--spiffe-id <id>",
			"of the server, for https_spiffe (default: spiffe://<trust-domain>/amime/bundle-endpoint)",
		)
		.option("--bundle <file>", "its bundle in the SPIFFE format, needed at first unless the profile is https_web")
		.action(async (trustDomain: string, options: CreateOptions) => {
			const { url, profile, bundle } = options;
			const spiffeId = options.spiffeId ?? `spiffe://${trustDomain}/amime/bundle-endpoint`;
			const body = {
				...(url !== undefined && { endpoint: { url, profile, ...(profile === "https_spiffe" && { spiffeId }) } }),
				...(bundle !== undefined && { bundle: await readText(resolve(context.host.folder, bundle), bundle) }),
			};
			const answer = await openMesh(context, options).request("PUT", pathOf(trustDomain), body);
			await print(context, options.output, answer, () => formatRelations([answer as RelationStatus]));
		});
	withExamples(withMeshOptions(command), [
		["amime federation create other.example --url https://other.example:8443/", "by a certificate of the web"],
		[
			"amime federation create other.example --url https://10.0.0.9:8443/ --profile https_spiffe --bundle other.json",
			"by its SPIFFE ID",
		],
	]);
}

function addList(group: Command, context: CliContext): void {
	const command = group
		.command("list")
		.description("show related trust domains, how old their bundles are, and what went wrong")
		.action(async (options: MeshOptions) => {
			const relations = (await openMesh(context, options).list(path)) as RelationStatus[];
			await print(context, options.output, relations, () => formatRelations(relations));
		});
	withExamples(withMeshOptions(command), [["amime federation list", "which relations there are"]]);
}

function addDelete(group: Command, context: CliContext): void {
	const command = group
		.command("delete")
		.description("end a relation: proxies no longer trust the other domain's roots")
		.argument("<trust-domain>", "such as other.example")
		.action(async (trustDomain: string, options: { readonly state?: string }) => {
			await openMesh(context, options).request("DELETE", pathOf(trustDomain));
			context.host.out.write(`relation to ${trustDomain} deleted\n`);
		});
	withExamples(withState(command), [["amime federation delete other.example", "from now on it is a stranger"]]);
}

function addRefresh(group: Command, context: CliContext): void {
	const command = group
		.command("refresh")
		.description("get the bundle of a related trust domain now")
		.argument("<trust-domain>", "such as other.example")
		.action(async (trustDomain: string, options: MeshOptions) => {
			const answer = await openMesh(context, options).request("POST", `${pathOf(trustDomain)}/refresh`);
			await print(context, options.output, answer, () => formatRelations([answer as RelationStatus]));
		});
	withExamples(withMeshOptions(command), [["amime federation refresh other.example", "after a rotation over there"]]);
}

function addBundle(group: Command, context: CliContext): void {
	const command = group
		.command("bundle")
		.description("print the bundle of this trust domain in the SPIFFE format")
		.action(async (options: { readonly state?: string }) => {
			const bundle = await openMesh(context, options).request("GET", `${path}-bundle`);
			context.host.out.write(`${typeof bundle === "string" ? bundle : JSON.stringify(bundle)}\n`);
		});
	withExamples(withState(command), [["amime federation bundle > here.json", "to be given to the other side"]]);
}

function pathOf(trustDomain: string): string {
	return `${path}/${encodeURIComponent(trustDomain)}`;
}

function formatRelations(relations: readonly RelationStatus[]): string {
	if (relations.length === 0) return "no relation to another trust domain\n";
	const rows = relations.map(({ trustDomain, endpoint, keys, sequence, fetchedAt, error }) => [
		trustDomain,
		endpoint?.profile ?? "-",
		endpoint?.url ?? "-",
		keys === undefined ? "-" : String(keys),
		sequence === undefined ? "-" : String(sequence),
		fetchedAt ?? "never",
		error ?? "",
	]);
	return formatTable(["TRUST DOMAIN", "PROFILE", "URL", "KEYS", "SEQUENCE", "BUNDLE OF", "ERROR"], rows);
}
