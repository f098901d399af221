import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { proxylessPeerName } from "../test/support/peers.ts";

const project = resolve(import.meta.dirname, "..");
const cache = join(project, ".cache/peers");
const grpcVersion = "1.85.1";

/** Builds the gRPC program of the conformance tests with the Go toolchain that is there. */
export function installProxylessGo(): string {
	return build("go", 400_000, (scratch, timeout) => {
		const env = { ...process.env, GOFLAGS: "-mod=mod", GOCACHE: join(project, ".cache/go-build") };
		cpSync(join(project, "test/proxyless/go"), join(scratch, "source"), { recursive: true });
		run("go", ["build", "-o", join(scratch, "peer"), "."], timeout, { cwd: join(scratch, "source"), env });
		rmSync(join(scratch, "source"), { recursive: true });
	});
}

/** Unpacks gRPC for Python from its wheels. */
export function installProxylessPython(): string {
	return build("python", 300_000, (scratch, timeout) => {
		const packages = [`grpcio==${grpcVersion}`, "typing_extensions>=4.12"];
		const options = ["--quiet", "--no-deps", "--only-binary", ":all:", "--root-user-action", "ignore"];
		run("python3", ["-m", "pip", "install", ...options, "--target", join(scratch, "lib"), ...packages], timeout);
	});
}

/** Fetches gRPC for Java with Maven and compiles the program. */
export function installProxylessJava(): string {
	return build("java", 300_000, (scratch, timeout) => {
		const source = join(project, "test/proxyless/java");
		const lib = join(scratch, "lib");
		const goal = ["dependency:copy-dependencies", `-DoutputDirectory=${lib}`];
		run("mvn", ["-q", "-B", "-f", join(source, "pom.xml"), ...goal], timeout);
		run("javac", ["-cp", `${lib}/*`, "-d", join(scratch, "classes"), join(source, "Main.java")], timeout);
	});
}

/** Makes a peer in a scratch folder, so that one that was cut off is no peer. */
function build(
	language: "go" | "python" | "java",
	timeoutMs: number,
	make: (scratch: string, timeoutMs: number) => void,
): string {
	const target = join(cache, proxylessPeerName(language));
	if (existsSync(target)) return target;
	const scratch = join(cache, `proxyless-${language}-build`);
	rmSync(scratch, { recursive: true, force: true });
	mkdirSync(scratch, { recursive: true });
	try {
		make(scratch, timeoutMs);
		renameSync(scratch, target);
	} finally {
		rmSync(scratch, { recursive: true, force: true });
	}
	return target;
}

function run(program: string, args: readonly string[], timeout: number, more: object = {}): void {
	execFileSync(program, args, { stdio: ["ignore", "ignore", "pipe"], timeout, ...more });
}
