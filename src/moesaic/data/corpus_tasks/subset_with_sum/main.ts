import * as fs from "fs";

function subsetWithSum(weights: number[], target: number, next = 0): boolean {
    if (target === 0) {
        return true;
    }
    if (target < 0 || next === weights.length) {
        return false;
    }
    const choices = [target, target - weights[next]];
    return choices.some((left) => subsetWithSum(weights, left, next + 1));
}

const [target, list] = fs.readFileSync(0, "utf8").trim().split("\n");
const weights = list.split(" ").map(Number);
console.log(subsetWithSum(weights, Number(target)) ? "yes" : "no");
