function wrapText(text, width) {
    const lines = [];
    let line = "";
    for (const word of text.split(" ")) {
        const longer = line ? `${line} ${word}` : word;
        if (longer.length <= width) {
            line = longer;
        } else {
            lines.push(line);
            line = word;
        }
    }
    return [...lines, line];
}

const [width, text] = require("fs").readFileSync(0, "utf8").trim().split("\n");
console.log(wrapText(text, Number(width)).join("\n"));
