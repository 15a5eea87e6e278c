import * as fs from "fs";

function localPeaks(heights: number[]): number[] {
    const isPeak = (height: number, i: number): boolean =>
        i > 0 && i < heights.length - 1 && height > Math.max(heights[i - 1], heights[i + 1]);
    return heights.filter(isPeak);
}

const heights = fs.readFileSync(0, "utf8").trim().split(" ").map(Number);
const peaks = localPeaks(heights);
console.log(peaks.length ? peaks.join(" ") : "flat");
