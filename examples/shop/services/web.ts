import type { IncomingMessage } from "node:http";
import { call, readBody, sendJson, serve } from "./common.ts";

interface Product {
	readonly id: number;
	readonly name: string;
	readonly price: number;
}

interface Review {
	readonly version: string;
	readonly text: string;
	readonly stars: string;
	readonly ratedBy: string;
}

interface Orders {
	readonly count: number;
	readonly latest: readonly { readonly number: number; readonly product: number }[];
}

interface Page {
	readonly products: readonly (Product & { readonly review: Review })[];
	readonly orders: Orders;
}

serve("web", {
	"GET /": async (request, response) => {
		const html = renderPage(await collectPage(request));
		response.writeHead(200, { "content-type": "text/html; charset=utf-8" });
		response.end(html);
	},

	"GET /page.json": async (request, response) => sendJson(response, 200, await collectPage(request)),

	"POST /order": async (request, response) => {
		const product = Number(new URLSearchParams(await readBody(request)).get("product"));
		await call(request, "http://orders/orders", {
			method: "POST",
			headers: { "content-type": "application/json" },
			body: JSON.stringify({ product }),
		});
		response.writeHead(303, { location: "/" });
		response.end();
	},
});

/** Asks every service of the shop; `reviews` asks `ratings` in turn. */
async function collectPage(request: IncomingMessage): Promise<Page> {
	const [products, orders] = await Promise.all([
		call<readonly Product[]>(request, "http://catalog/products"),
		call<Orders>(request, "http://orders/orders"),
	]);
	const reviews = await Promise.all(
		products.map((product) => call<Review>(request, `http://reviews/reviews?product=${product.id}`)),
	);
	return { products: products.map((product, index) => ({ ...product, review: reviews[index]! })), orders };
}

function renderPage(page: Page): string {
	const rows = page.products.map(
		({ id, name, price, review }) => `<tr>
	<td>${escapeHtml(name)}</td><td>${price} €</td><td>${escapeHtml(review.stars)}</td>
	<td>${escapeHtml(review.text)}<br><small>reviews ${escapeHtml(review.version)}, rated by ${escapeHtml(review.ratedBy)}</small></td>
	<td><form method="post" action="/order"><button name="product" value="${id}">Order</button></form></td>
</tr>`,
	);
	return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>The net shop</title>
<style>body { font: 16px/1.5 system-ui; max-width: 50rem; margin: 2rem auto; padding: 0 1rem } td { padding: .3rem .8rem .3rem 0; vertical-align: top }</style>
<h1>The net shop</h1>
<table>
${rows.join("\n")}
</table>
<p>${page.orders.count} orders so far${page.orders.latest.map((order) => ` · no. ${order.number}: product ${order.product}`).join("")}</p>
</html>
`;
}

function escapeHtml(text: string): string {
	return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
