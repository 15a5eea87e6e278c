function hasZeroSumRun(numbers) {
    const sums = new Set([0]);
    let sum = 0;
    return numbers.some((number) => {
        sum += number;
        const seen = sums.has(sum);
        sums.add(sum);
        return seen;
    });
}

const numbers = require("fs").readFileSync(0, "utf8").trim().split(" ").map(Number);
console.log(hasZeroSumRun(numbers) ? "yes" : "no");
