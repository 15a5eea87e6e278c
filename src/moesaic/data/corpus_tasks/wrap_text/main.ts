import * as fs from "fs";

function wrapText(text: string, width: number): string[] {
    const lines: string[] = [];
    let rest = text;
    while (rest.length > width) {
        const end = rest.lastIndexOf(" ", width);
        lines.push(rest.slice(0, end));
        rest = rest.slice(end + 1);
    }
    lines.push(rest);
    return lines;
}

const [width, text] = fs.readFileSync(0, "utf8").trim().split("\n");
wrapText(text, Number(width)).forEach((line) => console.log(line));
