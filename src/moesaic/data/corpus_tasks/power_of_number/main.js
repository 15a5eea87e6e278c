function powerOfNumber(base, exponent) {
    if (exponent === 0) {
        return 1;
    }
    const half = powerOfNumber(base, Math.floor(exponent / 2));
    if (exponent % 2 === 0) {
        return half * half;
    }
    return half * half * base;
}

const input = require("fs").readFileSync(0, "utf8").trim();
const [base, exponent] = input.split(" ").map(Number);
console.log(powerOfNumber(base, exponent));
