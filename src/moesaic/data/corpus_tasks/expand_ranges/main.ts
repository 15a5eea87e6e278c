import * as fs from "fs";

function expandRanges(entries: string[]): number[] {
    const pages: number[] = [];
    for (const entry of entries) {
        const ends = entry.split("-").map(Number);
        for (let page = ends[0]; page <= ends[ends.length - 1]; page++) {
            pages.push(page);
        }
    }
    return pages;
}

const entries = fs.readFileSync(0, "utf8").trim().split(",");
console.log(expandRanges(entries).join(" "));
