import * as fs from "fs";

type Gap = [start: number, end: number];

const width = ([start, end]: Gap): number => end - start;

function widestGap(posts: number[]): Gap {
    const sorted = [...posts].sort((a, b) => a - b);
    const gaps = sorted.slice(1).map((end, i): Gap => [sorted[i], end]);
    return gaps.reduce((widest, gap) => (width(gap) > width(widest) ? gap : widest));
}

const posts = fs.readFileSync(0, "utf8").trim().split(" ").map(Number);
console.log(widestGap(posts).join(" "));
