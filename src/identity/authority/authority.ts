import {
	type Clock,
	describeError,
	type Log,
	MeshError,
	silentLog,
	systemClock,
	type Timer,
} from "../../core/index.ts";
import { parseSpiffeId } from "../../model/index.ts";
import { formatCertificates, readSigningRequest } from "../x509/index.ts";
import type { AuditEntry } from "./audit.ts";
import { canSign, isRenewalDue } from "./authority-slot.ts";
import {
	type AuthorityState,
	type AuthorityStep,
	applyStep,
	checkRooted,
	findUnpublished,
	type IssuerSlot,
	planSteps,
	type RootSlot,
} from "./authority-state.ts";
import type {
	Authority,
	AuthorityOptions,
	AuthorityStatus,
	DownstreamRequest,
	FederatedBundle,
	IssuedSvid,
	JwtAuthority,
	SignedDownstream,
	SignRequest,
	TokenRequest,
} from "./authority-types.ts";
import { checkIdentity, checkWanted, expired, refused } from "./check-request.ts";
import { describeAuthority, listCertificates } from "./describe-authority.ts";
import { openFolderStorage } from "./folder-storage.ts";
import { issueLeaf } from "./issue.ts";
import { signToken } from "./jwt-key.ts";
import { createAuthorityKeys, type KeySlot } from "./key-provider.ts";
import { type LoadedState, loadSlots } from "./loaded-slots.ts";
import { NeighbourAuthorities } from "./neighbour-authorities.ts";
import { signDownstream, signingRootOf } from "./sign-downstream.ts";
import { createSlotMaker, type SlotMaker } from "./slot-maker.ts";
import { sentenceOf } from "./step-sentences.ts";
import { Turns } from "./turns.ts";
import type { SignedIssuer } from "./upstream.ts";

/** A retired JWT key stays published for as long as a token lives at most. */
const timing = { jwtPublishMs: 300_000, maxTokenMs: 3_600_000 };
/** Time after which what could not be done is tried again; an issuer lasts for months. */
const retryMs = 600_000;
/** How often it looks whether something is due. */
const checkMs = 15_000;
/** A holder that does not acknowledge is counted in steps of this, so that a state is not written with each signature. */
const neededStepMs = 3_600_000;
/** Others may save at the same time; so often is a change tried. */
const maxSaves = 20;

/** Opens the authority of a folder or a storage, and creates it when there is none.
 *  @throws MeshError `AUTHORITY_DAMAGED`, `AUTHORITY_FOREIGN`, `AUTHORITY_EXPIRED`, `AUTHORITY_FOLDER` */
export async function createAuthority(options: AuthorityOptions): Promise<Authority> {
	parseSpiffeId(`spiffe://${options.trustDomain}`);
	const authority = new SlotAuthority(options);
	await authority.open();
	return authority;
}

class SlotAuthority implements Authority {
	readonly trustDomain: string;
	readonly #options: AuthorityOptions;
	readonly #clock: Clock;
	readonly #log: Log;
	readonly #storage;
	readonly #keys;
	readonly #maker: SlotMaker;
	readonly #neighbours: NeighbourAuthorities;
	readonly #listeners = new Set<() => void>();
	readonly #stops: (() => void)[] = [];
	#loaded!: LoadedState;
	#federated: readonly FederatedBundle[] = [];
	/** Changes of the state. */
	readonly #changes = new Turns();
	/** New slots. Invariant: its turn is taken before, never within, one of the changes, which wait for nobody upstream. */
	readonly #preparing = new Turns();
	#timer: Timer | undefined;
	#retryAt = 0;
	/** A root that is to be activated whoever is missing. */
	#forced: string | undefined;
	#isClosed = false;

	constructor(options: AuthorityOptions) {
		const { folder, trustDomain } = options;
		this.#options = options;
		this.trustDomain = trustDomain;
		this.#clock = options.clock ?? systemClock;
		this.#log = (options.log ?? silentLog).child("identity");
		this.#storage = typeof folder === "string" ? openFolderStorage(folder, this.#log, this.#clock) : folder;
		this.#keys = createAuthorityKeys(this.#storage, options.keys);
		this.#neighbours = new NeighbourAuthorities(options.upstream?.feed);
		this.#maker = createSlotMaker({
			trustDomain,
			storage: this.#storage,
			keys: this.#keys,
			upstream: options.upstream,
			record: (entry) => this.#record(entry),
		});
	}

	async open(): Promise<void> {
		void this.#options.keys?.probe();
		const found = await this.#load();
		if (found !== undefined) this.#loaded = found;
		else await this.#create();
		const now = this.#clock.wall();
		const root = this.#loaded.state.roots.find(({ phase }) => phase === "active");
		if (root !== undefined && !canSign(root, now)) throw expired(this.trustDomain, "root", root);
		await this.advance();
		this.#usableSigner(now);
		const onSaved = (): Promise<void> => this.#changes.run(() => this.#reload()).then(() => this.advance());
		this.#stops.push(this.#storage.onChange(() => void onSaved().catch((error) => this.#onLost(error))));
		const feed = this.#options.upstream?.feed;
		if (feed !== undefined)
			this.#stops.push(
				feed.onChange(() => {
					this.#onNeighbours();
					void this.advance();
				}),
			);
		this.#neighbours.report(this.#loaded, this.#ownKeys());
		if (this.#options.holders !== undefined)
			this.#stops.push(this.#options.holders.onChange(() => void this.advance()));
		this.#arm();
	}

	async sign(request: SignRequest): Promise<IssuedSvid> {
		const spiffeId = checkIdentity(request.spiffeId, this.trustDomain);
		const dnsNames = request.dnsNames ?? [];
		const wanted = readSigningRequest(request.csr);
		checkWanted(wanted, spiffeId, dnsNames);
		const now = this.#clock.wall();
		const due = this.#loaded.signer?.slot;
		if ((due === undefined || isRenewalDue(due, now)) && now >= this.#retryAt) await this.#renewForUse(due, now);
		const signer = this.#usableSigner(now);
		const issued = await issueLeaf(signer, { ...request, wanted, spiffeId, dnsNames }, now);
		const { serial, notBefore, notAfter } = issued;
		const isWaitedFor = request.holder === undefined && request.followsAuthority !== true;
		if (isWaitedFor && notAfter > signer.slot.neededUntil) await this.#need(signer.slot.name, notAfter);
		this.#log.info("svid signed", { spiffeId, serial, notAfter: new Date(notAfter).toISOString() });
		const by = request.holder ?? spiffeId;
		this.#record({ kind: "x509-svid", subject: spiffeId, by, serial, until: notAfter, names: dnsNames });
		const chain = formatCertificates([issued.der, ...signer.chain.map(({ der }) => der)]);
		return { spiffeId, chain, bundle: this.bundle().pem, serial, notBefore, notAfter, root: signer.slot.root };
	}

	async signJwt(request: TokenRequest): Promise<{ readonly token: string; readonly expiresAt: number }> {
		const spiffeId = checkIdentity(request.spiffeId, this.trustDomain);
		if (request.audiences.length === 0) throw refused("a token must have an audience");
		const now = this.#clock.wall();
		const { jwt } = this.#loaded;
		if (jwt === undefined || !canSign(jwt.slot, now)) {
			throw new MeshError("AUTHORITY_EXPIRED", `${this.trustDomain} has no JWT key in use; check the machine's clock`);
		}
		const wantedEnd = now + Math.min(Math.max(request.ttlMs, 1000), timing.maxTokenMs);
		const expiresAt = Math.floor(Math.min(wantedEnd, jwt.slot.notAfter) / 1000) * 1000;
		const { audiences } = request;
		const token = await signToken(jwt.key, jwt.slot.keyId, { spiffeId, audiences, issuedAt: now, expiresAt });
		const by = request.holder ?? spiffeId;
		this.#record({
			kind: "jwt-svid",
			subject: spiffeId,
			by,
			serial: jwt.slot.keyId,
			until: expiresAt,
			names: audiences,
		});
		return { token, expiresAt };
	}

	async signDownstream(request: DownstreamRequest): Promise<SignedDownstream> {
		const now = this.#clock.wall();
		this.#usableSigner(now);
		const signed = await signDownstream(request, this.#loaded, this.#keys, this.trustDomain, now);
		const { serial, notAfter: until } = signed;
		const subject = `spiffe://${this.trustDomain}`;
		this.#record({ kind: "issuer", subject, by: request.spiffeId, serial, until, names: request.dnsNames });
		this.#log.info("issuer signed for another authority", { by: request.spiffeId, serial });
		return signed;
	}

	trust() {
		const rootIds = this.#loaded.bundle.authorities.map(({ id }) => id);
		return { rootIds, signingRootId: signingRootOf(this.#loaded), jwtKeys: this.jwtKeys() };
	}

	setDownstreamJwtKeys(keys: readonly JwtAuthority[]): void {
		this.#neighbours.setBelow(keys);
		this.#onNeighbours();
	}

	bundle() {
		return this.#loaded.bundle;
	}

	jwtKeys(): readonly JwtAuthority[] {
		return this.#neighbours.withOwn(this.#ownKeys());
	}

	sequence(): number {
		return this.#loaded.state.sequence;
	}

	federatedBundles(): readonly FederatedBundle[] {
		return this.#federated;
	}

	setFederatedBundles(bundles: readonly FederatedBundle[]): void {
		this.#federated = bundles;
		this.#tell();
	}

	onChange(listener: () => void): () => void {
		this.#listeners.add(listener);
		return () => this.#listeners.delete(listener);
	}

	certificates() {
		return listCertificates(this.#loaded);
	}

	status(): AuthorityStatus {
		const { trustDomain } = this;
		const { holders } = this.#options;
		const keys = this.#keys.status();
		return describeAuthority({ trustDomain, loaded: this.#loaded, holders, unpublished: this.#unpublished(), keys });
	}

	async rotate(what: "issuer" | "root" | "jwt", { by = "operator", force = false } = {}): Promise<void> {
		await this.#preparing.run(async () => {
			const { issuers, jwtKeys } = this.#loaded.state;
			const prepared = (what === "jwt" ? jwtKeys : issuers).find(({ phase }) => phase === "prepared");
			if (prepared !== undefined && !force) {
				throw new MeshError(
					"AUTHORITY_ROTATING",
					`${prepared.name} is prepared already and waits for its turn; 'amime ca status' shows for whom`,
				);
			}
			if (prepared === undefined) await this.#prepare(`prepare-${what === "jwt" ? "jwt-key" : what}`, by);
			if (force) this.#forced = this.#loaded.state.issuers.find(({ phase }) => phase === "prepared")?.root;
		});
		await this.advance();
	}

	requestIssuer(by = "operator"): Promise<string> {
		return this.#changes.run(async () => {
			const requested = this.#loaded.state.issuers.find(({ phase }) => phase === "requested");
			if (requested !== undefined) return this.#maker.requestOf(requested);
			const { slot, csr } = await this.#maker.request(this.#clock.wall());
			await this.#save((state) => ({ ...state, issuers: [...state.issuers, slot] }));
			this.#log.info("issuer requested", { trustDomain: this.trustDomain, slot: slot.name, by });
			return csr;
		});
	}

	async installIssuer(signed: SignedIssuer, by = "operator"): Promise<void> {
		await this.#changes.run(async () => {
			const requested = this.#loaded.state.issuers.find(({ phase }) => phase === "requested");
			if (requested === undefined) {
				throw new MeshError("AUTHORITY_UPSTREAM", "no issuer was requested: 'amime ca csr' makes the request to sign");
			}
			await this.#save(await this.#maker.install(requested, signed, this.#loaded, by, this.#clock.wall()));
		});
		await this.advance();
	}

	async advance(): Promise<void> {
		for (let count = 0; count < maxSaves; count++) {
			await this.#changes.run(() => this.#takeNext(false));
			if (this.#findNext(true) === undefined) return;
			await this.#preparing.run(() => this.#takeNext(true));
		}
	}

	close(): void {
		this.#isClosed = true;
		this.#timer?.cancel();
		for (const stop of this.#stops) stop();
		this.#listeners.clear();
	}

	#unpublished(): RootSlot[] {
		return findUnpublished(this.#loaded.state, this.#clock.wall(), this.#options.rootPublishMs ?? 0);
	}

	#plan(now: number): AuthorityStep[] {
		const { holders } = this.#options;
		const { state, roots } = this.#loaded;
		const idsOf = (root: string): string[] => (roots.get(root) ?? []).map(({ id }) => id);
		const facts = {
			now,
			isAcknowledged: (name: string) =>
				name === this.#forced ||
				((holders?.missing(idsOf(name)).length ?? 0) === 0 && !this.#unpublished().some((root) => root.name === name)),
			isOutdated: (issuer: IssuerSlot) => this.#neighbours.isOutdated(issuer, this.#loaded),
			isHeld: (root: string) => (holders?.holding(root).length ?? 0) > 0,
		};
		return planSteps(state, facts, timing);
	}

	/** @param slow what is made by somebody upstream or a device, or what is a change of the state alone */
	#findNext(slow: boolean): AuthorityStep | undefined {
		const isLeader = this.#forced !== undefined || (this.#options.isLeader?.() ?? true);
		const now = this.#clock.wall();
		if (!isLeader || this.#isClosed || (slow && now < this.#retryAt)) return undefined;
		return this.#plan(now).find(({ kind }) => kind.startsWith("prepare-") === slow);
	}

	async #takeNext(slow: boolean): Promise<void> {
		for (let count = 0; count < maxSaves; count++) {
			const step = this.#findNext(slow);
			if (step === undefined) return;
			const now = this.#clock.wall();
			try {
				await this.#take(step, now);
			} catch (error) {
				this.#retryAt = now + retryMs;
				const what = step.kind === "prepare-issuer" ? "issuer not renewed" : `${step.kind} failed`;
				this.#log.error(what, { trustDomain: this.trustDomain, error: describeError(error), retryInMs: retryMs });
				if (!slow) return;
			}
		}
	}

	/** Signatures wait for an issuer to come only where there is no other, or where it is made here. */
	async #renewForUse(due: IssuerSlot | undefined, now: number): Promise<void> {
		const isNeeded = due === undefined || !canSign(due, now) || this.#options.upstream === undefined;
		if (isNeeded) await this.advance();
		else if (this.#preparing.busy === 0) void this.advance();
	}

	async #take(step: AuthorityStep, now: number): Promise<void> {
		switch (step.kind) {
			case "prepare-root":
			case "prepare-issuer":
			case "prepare-jwt-key":
				return this.#prepare(step.kind, "amime");
			default:
				await this.#save((state) => applyStep(state, step, now));
				this.#log.info(sentenceOf[step.kind], { trustDomain: this.trustDomain, slot: step.name });
		}
	}

	/** A key that stays behind in its device does no harm: nothing is under it any more. */
	async #removeSlot(slot: KeySlot): Promise<void> {
		await this.#storage.removeSlot(slot.name);
		await this.#keys.remove(slot).catch((error: unknown) => {
			this.#log.warn("key not removed", { slot: slot.name, error: describeError(error) });
		});
	}

	async #prepare(kind: "prepare-root" | "prepare-issuer" | "prepare-jwt-key", by: string): Promise<void> {
		const now = this.#clock.wall();
		const make =
			kind === "prepare-jwt-key"
				? this.#maker.makeJwtKey(by, now)
				: this.#maker.makeIssuer(this.#loaded, kind === "prepare-root", by, now);
		const change = await make;
		await this.#changes.run(() => this.#save((state) => checkRooted(change(state))));
		this.#log.info(sentenceOf[kind], { trustDomain: this.trustDomain, by });
	}

	/** Roots and first keys of an authority that is not there; another process may be faster. */
	async #create(): Promise<void> {
		const now = this.#clock.wall();
		const empty: AuthorityState = { trustDomain: this.trustDomain, sequence: 0, roots: [], issuers: [], jwtKeys: [] };
		const change = await this.#maker.makeFirst(now);
		if (await this.#storage.save(JSON.stringify(change(empty)), 0)) {
			this.#log.info("authority created", { trustDomain: this.trustDomain, folder: this.#storage.place });
		}
		const created = await this.#load();
		if (created === undefined)
			throw new MeshError("AUTHORITY_FOLDER", `certificate authority: ${this.#storage.place} stays empty`);
		this.#loaded = created;
	}

	/** Changes the state, over whatever others have made of it meanwhile. */
	async #save(change: (state: AuthorityState) => AuthorityState): Promise<void> {
		for (let attempt = 0; attempt < maxSaves; attempt++) {
			const { state, revision } = this.#loaded;
			const next = change(state);
			const isSaved = await this.#storage.save(JSON.stringify(next), revision);
			await this.#reload();
			if (!isSaved) continue;
			const kept = new Set(slotsOf(next).map(({ name }) => name));
			for (const slot of slotsOf(state)) if (!kept.has(slot.name)) await this.#removeSlot(slot);
			return;
		}
		throw new MeshError(
			"AUTHORITY_FOLDER",
			`certificate authority: ${this.#storage.place} is changed by others all the time`,
		);
	}

	async #reload(): Promise<void> {
		const loaded = await this.#load(this.#loaded);
		if (loaded === undefined || this.#isClosed) return;
		const before = this.#loaded;
		this.#loaded = loaded;
		this.#neighbours.report(this.#loaded, this.#ownKeys());
		const isSame =
			before.state.sequence === loaded.state.sequence && before.signer?.slot.name === loaded.signer?.slot.name;
		if (!isSame) this.#tell();
	}

	async #load(known?: LoadedState): Promise<LoadedState | undefined> {
		try {
			return await loadSlots(this.#storage, this.#keys, this.trustDomain, known);
		} catch (error) {
			if (error instanceof MeshError) throw error;
			throw new MeshError("AUTHORITY_FOLDER", `certificate authority: ${this.#storage.place} cannot be used`, {
				cause: error,
			});
		}
	}

	#need(issuer: string, until: number): Promise<void> {
		return this.#changes.run(async () => {
			const held = this.#loaded.state.issuers.find(({ name }) => name === issuer);
			if (held === undefined || held.neededUntil >= until) return;
			const neededUntil = until + neededStepMs;
			await this.#save((state) => ({
				...state,
				issuers: state.issuers.map((slot) => (slot.name === issuer ? { ...slot, neededUntil } : slot)),
			}));
		});
	}

	#usableSigner(now: number) {
		const { signer, state } = this.#loaded;
		const root = state.roots.find(({ name }) => name === signer?.slot.root);
		if (signer === undefined || !canSign(signer.slot, now)) throw expired(this.trustDomain, "issuer", signer?.slot);
		if (root !== undefined && !canSign(root, now)) throw expired(this.trustDomain, "root", root);
		return signer;
	}

	#arm(): void {
		if (this.#isClosed) return;
		this.#timer = this.#clock.setTimer(
			checkMs,
			() => {
				void this.#options.keys?.probe();
				void this.advance().finally(() => this.#arm());
			},
			{ unref: true },
		);
	}

	#ownKeys(): readonly JwtAuthority[] {
		return this.#loaded.state.jwtKeys.map(({ keyId, publicJwk, notAfter }) => ({ keyId, publicJwk, notAfter }));
	}

	/** With other keys what is published is another bundle. */
	#onNeighbours(): void {
		const change = this.#neighbours.takeChange();
		if (change === "none") return;
		const isLeader = this.#options.isLeader?.() ?? true;
		void this.#changes
			.run(async () => {
				if (change === "changed" && isLeader) await this.#save((state) => ({ ...state, sequence: state.sequence + 1 }));
				else this.#tell();
			})
			.catch((error) => this.#onLost(error));
	}

	/** What is loaded goes on serving. */
	#onLost(error: unknown): void {
		this.#log.warn("state of the authority not read", { trustDomain: this.trustDomain, error: describeError(error) });
	}

	#tell(): void {
		for (const listener of [...this.#listeners]) listener();
	}

	#record(entry: Omit<AuditEntry, "at" | "until"> & { readonly until: number }): void {
		const { until, names, ...rest } = entry;
		this.#options.audit?.record({
			at: new Date(this.#clock.wall()).toISOString(),
			...rest,
			until: new Date(until).toISOString(),
			...(names !== undefined && names.length > 0 && { names }),
		});
	}
}

function slotsOf({ roots, issuers, jwtKeys }: AuthorityState): readonly KeySlot[] {
	return [...roots, ...issuers, ...jwtKeys];
}
