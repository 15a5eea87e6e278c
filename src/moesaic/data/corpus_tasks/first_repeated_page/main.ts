import * as fs from "fs";

function firstRepeatedPage(links: number[]): {page: number; clicks: number} {
    const visits: boolean[] = [];
    let page = 1;
    let clicks = 0;
    for (; !visits[page]; clicks++) {
        visits[page] = true;
        page = links[page - 1];
    }
    return {page, clicks};
}

const links = fs.readFileSync(0, "utf8").trim().split(" ").map(Number);
const {page, clicks} = firstRepeatedPage(links);
console.log(`${page} ${clicks}`);
