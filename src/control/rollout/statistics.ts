/** How sure a comparison has to be: it is made every second or two, for several series, and one in a hundred rollouts at most may be taken
 *  back by chance. */
export const surely = 0.0002;

/** Probability that of two groups with the same share of hits, the first has so many more than the second by chance (Fisher's exact test,
 *  one-sided). */
export function chanceOfMore(
	first: { readonly hits: number; readonly of: number },
	second: { readonly hits: number; readonly of: number },
): number {
	const hits = first.hits + second.hits;
	const all = first.of + second.of;
	const most = Math.min(hits, first.of);
	let sum = 0;
	for (let count = first.hits; count <= most; count++) {
		const term = Math.exp(logChoose(hits, count) + logChoose(all - hits, first.of - count) - logChoose(all, first.of));
		sum += term;
		// The terms fall from here on, quickly.
		if (term < sum * 1e-12) break;
	}
	return Math.min(1, sum);
}

/** Probability of so many hits or more when each is one with probability `share` (binomial, one-sided). */
export function chanceOfAtLeast({ hits, of }: { readonly hits: number; readonly of: number }, share: number): number {
	if (hits === 0 || share >= 1) return 1;
	if (share <= 0) return 0;
	let sum = 0;
	for (let count = hits; count <= of; count++) {
		const term = Math.exp(logChoose(of, count) + count * Math.log(share) + (of - count) * Math.log1p(-share));
		sum += term;
		if (count > of * share && term < sum * 1e-12) break;
	}
	return Math.min(1, sum);
}

function logChoose(of: number, count: number): number {
	if (count < 0 || count > of) return Number.NEGATIVE_INFINITY;
	return logGamma(of + 1) - logGamma(count + 1) - logGamma(of - count + 1);
}

/** Stirling's series, after the value was raised to where it is good to 12 digits. */
function logGamma(value: number): number {
	let [shifted, correction] = [value, 0];
	while (shifted < 10) correction -= Math.log(shifted++);
	const square = 1 / (shifted * shifted);
	const series = (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680))) / shifted;
	return correction + (shifted - 0.5) * Math.log(shifted) - shifted + halfLogTau + series;
}

const halfLogTau = Math.log(2 * Math.PI) / 2;
