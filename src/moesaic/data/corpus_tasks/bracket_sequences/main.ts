import * as fs from "fs";

function bracketSequences(opening: number, closing: number): string[] {
    if (closing === 0) {
        return [""];
    }
    const sequences: string[] = [];
    if (opening > 0) {
        sequences.push(...bracketSequences(opening - 1, closing).map((rest) => "(" + rest));
    }
    if (closing > opening) {
        sequences.push(...bracketSequences(opening, closing - 1).map((rest) => ")" + rest));
    }
    return sequences;
}

const pairs: number = parseInt(fs.readFileSync(0, "utf8"));
for (const sequence of bracketSequences(pairs, pairs)) {
    console.log(sequence);
}
