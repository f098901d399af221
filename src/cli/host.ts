import type { FolderSnapshot } from "../config/index.ts";
import type { AdminApi, ControlFile } from "./mesh/admin-api.ts";

/** Where text goes. */
export interface TextSink {
	write(text: string): unknown;
	/** Whether a person reads it: decides about colour. */
	readonly isTerminal: boolean;
}

/** What the command line needs from the process it runs in; src/main fills it in. */
export interface CliHost {
	readonly out: TextSink;
	readonly err: TextSink;
	/** False when `NO_COLOR` is set. */
	readonly allowsColour: boolean;
	/** The working directory. */
	readonly folder: string;
	/** Of this package. */
	readonly version: string;
	readStdin(): Promise<string>;
	/** Resolves after some time. */
	pause(ms: number): Promise<void>;
	connect(control: ControlFile): AdminApi;
	/** Where a mesh answers that the environment or the file of contexts names; undefined when neither does.
	 *  @throws MeshError `CONTEXT_INVALID` */
	findContext(name: string | undefined): ControlFile | undefined;
	/** What `GET /v1/analysis` answers, of documents that no mesh serves. */
	analyze(config: FolderSnapshot): Promise<readonly unknown[]>;
	/** Each runs until it is told to stop, and answers with the exit code. */
	runUp(options: UpCommandOptions): Promise<number>;
	runProxy(options: ProxyCommandOptions): Promise<number>;
	runControlPlane(options: ControlPlaneCommandOptions): Promise<number>;
	runAgent(options: AgentCommandOptions): Promise<number>;
	runPkcs11Plugin(options: Pkcs11CommandOptions): Promise<number>;
}

/** What a control plane is told of identity. */
export interface AuthorityCommandOptions {
	/** Where agents are served; not at all without it. */
	readonly agentAddress?: string;
	/** File that says how nodes may attest. */
	readonly attestation?: string;
	/** A program with its arguments that keeps keys, or one word `unix:PATH`. */
	readonly keyPlugin?: readonly string[];
	/** Files of an authority that signs the mesh's issuers, or a program that does. */
	readonly upstreamCert?: string;
	readonly upstreamKey?: string;
	readonly upstreamRoots?: string;
	readonly upstreamCommand?: readonly string[];
	/** Agent addresses of a mesh above, and the socket of the Workload API that says who this is there. */
	readonly upstreamServer?: readonly string[];
	readonly upstreamSocket?: string;
	/** Where the trust bundle is published. */
	readonly bundleEndpoint?: string;
	/** Files with PEM for it, and the roots that the endpoints of others are trusted by. */
	readonly bundleEndpointCert?: string;
	readonly bundleEndpointKey?: string;
	readonly federationCa?: string;
}

/** `amime key-plugin pkcs11` as given. */
export interface Pkcs11CommandOptions {
	readonly module: string;
	readonly token: string;
	readonly pinFile?: string;
	readonly labelPrefix: string;
	readonly logLevel: string;
}

/** `amime up` as given. */
export interface UpCommandOptions extends AuthorityCommandOptions {
	readonly folder: string;
	readonly state?: string;
	readonly output: "table" | "json";
	readonly adminPort?: number;
	readonly xdsPort?: number;
	readonly logLevel: string;
}

/** `amime control-plane` as given. */
export interface ControlPlaneCommandOptions extends AuthorityCommandOptions {
	readonly config?: string;
	readonly state?: string;
	readonly adminAddress: string;
	readonly xdsAddress: string;
	/** Where xDS answers over mutual TLS besides. */
	readonly xdsTlsAddress?: string;
	readonly logLevel: string;
	/** File with the tokens of the admin API. */
	readonly tokens?: string;
	/** The admin API over TLS: with the mesh's own authority, or with these files of PEM. */
	readonly adminTls?: boolean;
	readonly adminTlsCert?: string;
	readonly adminTlsKey?: string;
	readonly adminClientCa?: string;
	readonly adminAllowPlaintext?: boolean;
	/** Address of an etcd. */
	readonly store?: string;
	/** Files with PEM for TLS towards it. */
	readonly storeCa?: string;
	readonly storeCert?: string;
	readonly storeKey?: string;
}

/** `amime agent` as given. */
export interface AgentCommandOptions {
	readonly server: readonly string[];
	readonly trustBundle: string;
	readonly trustDomain?: string;
	readonly socket: string;
	/** Folder of its own identity; false to keep none. */
	readonly state: string | false;
	/** One of three ways to attest. */
	readonly joinToken?: string;
	readonly x509Cert?: string;
	readonly x509Key?: string;
	readonly kubernetesCluster?: string;
	readonly kubernetesToken: string;
	readonly kubelet?: string;
	readonly kubeletCa?: string;
	readonly kubeletToken?: string;
	readonly logLevel: string;
}

/** `amime proxy` as given: Envoy's flags. */
export interface ProxyCommandOptions {
	readonly configPath?: string;
	readonly configYaml?: string;
	readonly mode: "serve" | "validate" | "init_only";
	readonly concurrency?: number;
	readonly serviceNode?: string;
	readonly serviceCluster?: string;
	readonly serviceZone?: string;
	readonly drainTimeSeconds: number;
	readonly drainStrategy: "gradual" | "immediate";
	readonly parentShutdownTimeSeconds: number;
	readonly restartEpoch: number;
	readonly hotRestart: {
		readonly enabled: boolean;
		readonly baseId: number;
		/** Takes a free base id in place of `baseId`. */
		readonly isBaseIdDynamic: boolean;
		/** Where the base id is written. */
		readonly baseIdPath?: string;
		/** A parent that is not there is no fault. */
		readonly skipsMissingParent: boolean;
	};
	readonly logLevel: string;
	/** `name:level,…`. */
	readonly componentLogLevel?: string;
	/** Envoy's pattern of a log line. */
	readonly logFormat?: string;
	/** The log goes to this file. */
	readonly logPath?: string;
	/** Where the address of the admin port is written. */
	readonly adminAddressPath?: string;
	readonly allowsUnknownStaticFields: boolean;
	readonly refusesUnknownDynamicFields: boolean;
	readonly ignoresUnknownDynamicFields: boolean;
	readonly fileFlushIntervalMs: number;
	readonly fileFlushMinSizeKb: number;
	/** `name:value`. */
	readonly statsTags: readonly string[];
	/** Flags of Envoy that change nothing here, as `/server_info` shows them. */
	readonly harmless: Readonly<Record<string, unknown>>;
	/** Folder for what must outlive a restart: the last good configuration. */
	readonly state?: string;
}
