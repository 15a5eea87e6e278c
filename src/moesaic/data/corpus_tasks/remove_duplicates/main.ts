import * as fs from "fs";

function removeDuplicates(numbers: number[]): number[] {
    const seen = new Set<number>();
    return numbers.filter((number) => {
        if (seen.has(number)) {
            return false;
        }
        seen.add(number);
        return true;
    });
}

const numbers = fs.readFileSync(0, "utf8").trim().split(" ").map(Number);
console.log(removeDuplicates(numbers).join("\n"));
