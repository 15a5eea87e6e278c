import * as fs from "fs";

function editDistance(first: string, second: string): number {
    const table: number[][] = [];
    for (let i = 0; i <= first.length; i++) {
        table.push([i]);
        for (let j = 1; j <= second.length; j++) {
            if (i === 0) {
                table[i].push(j);
            } else if (first[i - 1] === second[j - 1]) {
                table[i].push(table[i - 1][j - 1]);
            } else {
                const cheapest = Math.min(table[i - 1][j - 1], table[i - 1][j], table[i][j - 1]);
                table[i].push(cheapest + 1);
            }
        }
    }
    return table[first.length][second.length];
}

const [first, second] = fs.readFileSync(0, "utf8").trim().split("\n");
console.log(editDistance(first, second));
