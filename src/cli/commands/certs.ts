import type { Command } from "commander";
import { type CliContext, type MeshOptions, openMesh, print, withExamples, withMeshOptions } from "../context.ts";
import type { CertificateStatus } from "../mesh/admin-api.ts";
import { formatTable } from "../output/table.ts";

/** `amime certs`: the certificates the control plane has signed and that are still good. */
export function addCertsCommand(program: Command, context: CliContext): void {
	const command = program
		.command("certs")
		.description("show the certificates of the mesh: who, serial number, from when until when")
		.action(async (options: MeshOptions) => {
			const certificates = (await openMesh(context, options).list("/v1/certificates")) as CertificateStatus[];
			await print(context, options.output, certificates, () => formatCertificates(certificates));
		});
	withExamples(withMeshOptions(command), [["amime certs -o json", "for an expiry alarm"]]);
}

function formatCertificates(certificates: readonly CertificateStatus[]): string {
	if (certificates.length === 0) return "no certificates\n";
	const rows = certificates.map(({ spiffeId, serial, notBefore, notAfter }) => [spiffeId, serial, notBefore, notAfter]);
	return formatTable(["IDENTITY", "SERIAL", "NOT BEFORE", "NOT AFTER"], rows);
}
