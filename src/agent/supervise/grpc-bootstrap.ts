import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { X509Svid } from "../../identity/index.ts";
import type { WorkloadInstance } from "../../model/index.ts";
import { formatNodeId, nodeMetadata } from "./bootstrap.ts";

/** What the bootstrap of a gRPC process says besides its instance. */
export interface GrpcBootstrapOptions {
	readonly instance: WorkloadInstance;
	/** `host:port` of the xDS servers of the control planes; a library asks the first that answers. */
	readonly xdsAddresses: readonly string[];
	/** Absolute path of the folder that `writeSvidFiles` keeps. */
	readonly certificateFolder: string;
	readonly meshName: string;
	readonly clusterDomain: string;
}

const files = { certificate: "certificate.pem", key: "key.pem", bundle: "bundle.pem" };

/** How often a library looks whether its certificate was renewed. */
const refreshInterval = "60s";

/** The document that `GRPC_XDS_BOOTSTRAP` names (gRFC A27, A29), with the names that Istio's agent gives. */
export function buildGrpcBootstrap(options: GrpcBootstrapOptions): Record<string, unknown> {
	const { instance, certificateFolder, clusterDomain, meshName } = options;
	return {
		xds_servers: options.xdsAddresses.map((address) => ({
			server_uri: address,
			channel_creds: [{ type: "insecure" }],
			server_features: ["xds_v3"],
		})),
		node: {
			id: formatNodeId(instance, clusterDomain),
			cluster: `${instance.workload}.${instance.namespace}`,
			// Some libraries insist on one.
			locality: {
				region: instance.locality?.region ?? "",
				zone: instance.locality?.zone ?? "",
				sub_zone: instance.locality?.subZone ?? "",
			},
			metadata: { ...nodeMetadata(instance, meshName), GENERATOR: "grpc" },
		},
		certificate_providers: {
			default: {
				plugin_name: "file_watcher",
				config: {
					certificate_file: join(certificateFolder, files.certificate),
					private_key_file: join(certificateFolder, files.key),
					ca_certificate_file: join(certificateFolder, files.bundle),
					refresh_interval: refreshInterval,
				},
			},
		},
		server_listener_resource_name_template: "xds.istio.io/grpc/lds/inbound/%s",
	};
}

/** Writes a certificate, its key and the trust bundle where a gRPC library watches for them; only the owner may read them. Each file is
 *  replaced at once; a library that reads between two of them finds that they do not fit, and reads again. */
export function writeSvidFiles(folder: string, svid: X509Svid): void {
	mkdirSync(folder, { recursive: true, mode: 0o700 });
	const write = (name: string, text: string): void => {
		const path = join(folder, name);
		writeFileSync(`${path}.new`, text, { mode: 0o600 });
		renameSync(`${path}.new`, path);
	};
	write(files.bundle, svid.bundlePem);
	write(files.key, svid.privateKeyPem);
	write(files.certificate, svid.certificateChainPem);
}
