import * as fs from "fs";

function makeSlug(heading: string): string {
    let slug = "";
    let isGap = false;
    for (const symbol of heading.toLowerCase()) {
        if (!/[a-z0-9]/.test(symbol)) {
            isGap = true;
            continue;
        }
        if (isGap && slug !== "") {
            slug += "-";
        }
        slug += symbol;
        isGap = false;
    }
    return slug;
}

const heading: string = fs.readFileSync(0, "utf8");
console.log(makeSlug(heading));
