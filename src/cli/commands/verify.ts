import { resolve } from "node:path";
import type { Command } from "commander";
import { MeshError } from "../../core/index.ts";
import type { JudgedExpectation } from "../../explain/index.ts";
import { type CliContext, withExamples, withState } from "../context.ts";
import { openEvaluator } from "../mesh/evaluator.ts";
import { readText } from "../mesh/read-text.ts";
import { formatProblem } from "../output/problems.ts";
import { formatVerification, type VerificationFormat, verificationFormats } from "../output/verification.ts";
import { createChoiceOption } from "../parse-arguments.ts";

interface VerifyOptions {
	readonly file: string;
	readonly directory?: string;
	readonly state?: string;
	readonly output: VerificationFormat;
}

/** `amime verify -f EXPECTATIONS`: whether calls end as they should; for CI. */
export function addVerifyCommand(program: Command, context: CliContext): void {
	const { host } = context;
	const command = program
		.command("verify")
		.description(
			"check a file of expectations (allow, deny, routes-to, answer) against a folder of config or the running mesh",
		)
		.requiredOption("-f, --file <file>", "the expectations, YAML; - reads standard input")
		.option(
			"-d, --directory <path>",
			"a folder of config, or a file, without a running mesh (default: the running mesh)",
		)
		.addOption(createChoiceOption("-o, --output <format>", "how to print", verificationFormats, "table"))
		.addHelpText("after", "\nExit codes: 0 all hold, 1 one does not, or the file has problems; 2 usage\n")
		.action(async ({ file, directory, state, output }: VerifyOptions) => {
			const text = file === "-" ? await host.readStdin() : await readText(resolve(host.folder, file), file);
			const { judgeExpectation, readExpectations } = await import("../../explain/index.ts");
			const { expectations, problems } = readExpectations(text, file);
			for (const problem of problems) host.err.write(`${formatProblem(problem)}\n`);
			if (problems.length > 0) context.setExitCode(1);
			else if (expectations.length === 0) throw new MeshError("CONFIG_EMPTY", `${file} holds no expectation`);
			const evaluator = await openEvaluator(context, {
				...(directory !== undefined && { folder: directory }),
				...(state !== undefined && { state }),
			});
			const judged: JudgedExpectation[] = [];
			for (const expectation of expectations) {
				// One at a time, so that a source that is nobody fails its own expectation.
				const result = await evaluator.explain([expectation.query]).catch((error: unknown) => {
					if (error instanceof MeshError && error.code === "OBJECT_NOT_FOUND") return error.message;
					throw error;
				});
				const { name, line } = expectation;
				judged.push(
					typeof result === "string"
						? { name, file, line, ok: false, message: result, summary: "" }
						: judgeExpectation(expectation, result[0]!),
				);
			}
			host.out.write(formatVerification(output, file, judged, context.palette));
			if (judged.some(({ ok }) => !ok)) context.setExitCode(1);
		});
	withExamples(withState(command), [
		["amime verify -f expectations.yaml -d config/", "in CI, before a change is merged"],
		["amime verify -f expectations.yaml -d config/ -o junit > verify.xml", "for a CI server's report"],
		["amime verify -f expectations.yaml", "against the running mesh"],
	]);
}
