import * as fs from "fs";

function powerOfNumber(base: number, exponent: number): number {
    if (exponent === 0) {
        return 1;
    }
    const half = powerOfNumber(base, Math.floor(exponent / 2));
    return exponent % 2 === 0 ? half * half : half * half * base;
}

const [base, exponent] = fs.readFileSync(0, "utf8").split(" ").map(Number);
console.log(powerOfNumber(base, exponent));
