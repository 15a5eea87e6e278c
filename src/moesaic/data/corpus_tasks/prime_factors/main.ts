import * as fs from "fs";

function primeFactors(number: number): number[] {
    const factors: number[] = [];
    let divisor = 2;
    while (divisor * divisor <= number) {
        if (number % divisor === 0) {
            factors.push(divisor);
            number /= divisor;
        } else {
            divisor++;
        }
    }
    if (number > 1) {
        factors.push(number);
    }
    return factors;
}

const number = Number(fs.readFileSync(0, "utf8"));
for (const factor of primeFactors(number)) {
    console.log(factor);
}
