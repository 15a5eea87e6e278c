import * as fs from "fs";

function* egyptianFraction(numerator: bigint, denominator: bigint): Generator<bigint> {
    while (numerator > 0n) {
        const part = (denominator + numerator - 1n) / numerator;
        yield part;
        numerator = numerator * part - denominator;
        denominator *= part;
    }
}

const [numerator, denominator] = fs.readFileSync(0, "utf8").trim().split(" ").map(BigInt);
console.log([...egyptianFraction(numerator, denominator)].join(" "));
