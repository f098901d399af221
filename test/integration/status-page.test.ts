/** The status page of a mesh that `amime up` started, in a real browser: what an operator reads at night, with eyes, by keyboard, or read aloud. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { chromium, type Page } from "playwright-core";
import { eventually } from "../support/eventually.ts";
import { findChromium, skipWithout } from "../support/peers.ts";
import { startMesh } from "../support/running-mesh.ts";

const browserPath = findChromium();
const server = `require("node:http").createServer((_, answer) => answer.end("ok")).listen(process.env.PORT, "127.0.0.1")`;

const workload = (name: string, script: string): string => `
apiVersion: amime.dev/v1alpha1
kind: Workload
metadata: { name: ${name}, namespace: shop, labels: { app: ${name} } }
spec: { command: [node, -e, ${JSON.stringify(script)}], serviceAccount: ${name}, ports: [{ name: http, protocol: http }] }
---
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec: { selector: { app: ${name} }, ports: [{ name: http, port: 80, targetPort: http }] }
---`;

const policy = `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: orders, namespace: shop }
spec:
  selector: { matchLabels: { app: orders } }
  action: DENY
  rules:
    - to: [{ operation: { paths: ["/secret*"] } }]
`;

const brokenRoute = `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: web, namespace: shop }
spec:
  parentRefs: [{ group: "", kind: Service, name: web }]
  rules:
    - backendRefs: [{ name: web, port: 80, weight: -1 }]
`;

/** A page that tells of everything its browser complains about. */
async function openPage(t: TestContext, url: string): Promise<{ page: Page; complaints: string[] }> {
	const browser = await chromium.launch({ executablePath: browserPath!, args: ["--no-sandbox"] });
	t.after(() => browser.close());
	const page = await browser.newPage();
	const complaints: string[] = [];
	page.on("console", (message) => {
		if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
	});
	page.on("pageerror", (error) => complaints.push(String(error)));
	await page.clock.install();
	await page.goto(url);
	return { page, complaints };
}

/** The texts of the rows below a heading. */
function rowsOf(page: Page, title: string): Promise<string[]> {
	return page.getByRole("region", { name: title }).locator("tbody tr").allInnerTexts();
}

/** Lets the page look again until it shows what is wanted. */
function follow(page: Page, check: () => Promise<void>): Promise<void> {
	return eventually(
		async () => {
			await page.clock.runFor(5_000);
			await check();
		},
		{ deadlineMs: 60_000 },
	);
}

/** The least contrast of texts with the background (WCAG 2.2, 1.4.3), of every element that has text of its own. */
const leastContrast = `
	const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
	const luminance = (colour) => {
		context.fillStyle = colour;
		context.fillRect(0, 0, 1, 1);
		const parts = [...context.getImageData(0, 0, 1, 1).data].slice(0, 3).map((part) => part / 255);
		const [r, g, b] = parts.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
		return 0.2126 * r + 0.7152 * g + 0.0722 * b;
	};
	const hasText = ({ childNodes }) => [...childNodes].some((node) => node.nodeType === 3 && node.textContent.trim() !== "");
	const background = luminance(getComputedStyle(document.getElementById("note")).backgroundColor);
	const texts = [...document.body.querySelectorAll(":not(script)")].filter(hasText);
	const contrasts = texts.map((element) => {
		const text = luminance(getComputedStyle(element).color);
		return (Math.max(text, background) + 0.05) / (Math.min(text, background) + 0.05);
	});
	Math.min(...contrasts);
`;

test("the status page in a browser", { skip: skipWithout("chromium", browserPath) }, async (t) => {
	const mesh = await startMesh(t, undefined, (folder) => {
		writeFileSync(join(folder, "mesh.yaml"), workload("web", server) + workload("orders", server) + policy);
	});
	const { page, complaints } = await openPage(t, mesh.adminUrl());

	await t.test("a sound mesh has no problem, and every part of the page its heading", async () => {
		await follow(page, async () =>
			assert.equal(await page.locator("#mesh > p").first().innerText(), "No problem is known."),
		);
		assert.equal(await page.title(), `amime: amime`);
		assert.deepEqual(await page.getByRole("heading", { level: 1 }).allInnerTexts(), ["amime"]);
		assert.deepEqual(await page.getByRole("heading", { level: 2 }).allInnerTexts(), [
			...["Problems", "Workloads", "Services", "Last failed requests", "Certificates that end soon", "Proxies"],
			"Last changes",
		]);
		assert.equal(await page.locator("html").getAttribute("lang"), "en");
		for (const landmark of ["main", "banner"] as const) assert.equal(await page.getByRole(landmark).count(), 1);
		assert.ok((await page.locator("th").count()) > 0);
		assert.equal(await page.locator("th:not([scope])").count(), 0);
	});

	await t.test(
		"what breaks comes to the top by itself, with the reason, file and line, and the command to ask on",
		async () => {
			const { status, headers } = await mesh.call("web-0", "http://orders/secret/plans");
			assert.equal(status, 403);
			writeFileSync(join(mesh.folder, "route.yaml"), brokenRoute);
			writeFileSync(join(mesh.folder, "zz.yaml"), workload("zz", "process.exit(3)"));
			await follow(page, async () => {
				assert.match((await rowsOf(page, "Problems"))[0] ?? "", /route\.yaml:7.*HTTPRoute shop\/web.*weight/);
				assert.match((await rowsOf(page, "Workloads"))[0]!, /shop\/zz\s+0\/1 ready\nzz-0 is starting: .*exit code 3/);
				assert.match((await rowsOf(page, "Services"))[0]!, /shop\/zz:80\s+0\/1 ready\nzz-0 is starting: .*exit code 3/);
				const [failed = ""] = await rowsOf(page, "Last failed requests");
				assert.match(failed, /shop\/orders-0.*GET orders\/secret\/plans\s+403/);
				assert.match(failed, /denied by AuthorizationPolicy shop\/orders, rules\[0\]/);
				assert.match(failed, /AuthorizationPolicy shop\/orders spec\.rules\[0\] \(.*mesh\.yaml:\d+\)/);
				assert.ok(failed.includes(`amime why ${headers["x-request-id"]}`), failed);
			});
			assert.match(await page.title(), /^\(\d\) amime: amime$/);
			const links = await page
				.locator("#mesh > p a")
				.evaluateAll((all) => all.map((link) => link.getAttribute("href")));
			assert.deepEqual(links, ["#problems", "#workloads", "#services"]);
			const story = await mesh.run("why", String(headers["x-request-id"]));
			assert.match(story, /objects +AuthorizationPolicy shop\/orders spec\.rules\[0\] \(.*mesh\.yaml:\d+\)/);
		},
	);

	await t.test("who changed what is told with the command that shows it", async () => {
		const { status, body } = await mesh.admin("PUT", "/v1/config", policy.replace("name: orders", "name: added"));
		assert.equal(status, 200, body);
		await follow(page, async () =>
			assert.match(
				(await rowsOf(page, "Last changes"))[0] ?? "",
				/amime history \d+.*owner.*AuthorizationPolicy shop\/added/s,
			),
		);
	});

	await t.test("the keyboard reaches links and tables, and stays where it is when the page follows", async () => {
		const reached: string[] = [];
		for (let at = 0; at < 20 && !reached.includes("Proxies"); at++) {
			await page.keyboard.press("Tab");
			reached.push(
				await page.evaluate<string>(
					`document.activeElement.getAttribute("aria-label") ?? document.activeElement.getAttribute("href") ?? ""`,
				),
			);
		}
		for (const name of ["/metrics", "#problems", "#services", "Problems", "Workloads", "Proxies"])
			assert.ok(reached.includes(name), `${name} in ${reached.join(", ")}`);
		const outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle");
		assert.equal(outline, "solid", "where the focus is can be seen");
		writeFileSync(join(mesh.folder, "route.yaml"), `# one line more\n${brokenRoute}`);
		await follow(page, async () => assert.match((await rowsOf(page, "Problems"))[0]!, /route\.yaml:8/));
		assert.equal(await page.evaluate(`document.activeElement.getAttribute("aria-label")`), "Proxies");
	});

	await t.test("texts can be read in light and dark, and on a narrow screen nothing lies beside it", async () => {
		for (const colorScheme of ["light", "dark"] as const) {
			await page.emulateMedia({ colorScheme });
			const contrast = await page.evaluate<number>(leastContrast);
			assert.ok(contrast >= 4.5, `${colorScheme}: ${contrast}`);
		}
		await page.setViewportSize({ width: 320, height: 640 });
		assert.ok((await page.evaluate<number>("document.documentElement.scrollWidth")) <= 320);
	});

	await t.test("the browser has nothing to complain about, and runs no script but the page's", async () => {
		assert.deepEqual(complaints, []);
		await page.evaluate(`
			const script = document.createElement("script");
			script.textContent = "window.injected = true";
			document.body.append(script);
		`);
		assert.equal(await page.evaluate(`"injected" in window`), false);
		assert.match(complaints.join(), /Content Security Policy/);
	});

	await t.test("a page whose control plane is gone says so, and how old it is", async () => {
		const note = page.getByRole("status");
		assert.equal(await note.innerText(), "");
		await mesh.stop();
		await follow(page, async () => {
			assert.match(await note.innerText(), /does not answer; proxies go on/);
			assert.match(await page.locator("#note").innerText(), /What is below is (?:[1-9]\d* s|\d+ min) old\./);
		});
		assert.ok(await note.isVisible());
	});
});
