function gcd(a, b) {
    return b === 0 ? a : gcd(b, a % b);
}

function sumOfFractions(fractions) {
    let [top, bottom] = [0, 1];
    for (const [numerator, denominator] of fractions) {
        top = top * denominator + numerator * bottom;
        bottom *= denominator;
        const divisor = gcd(top, bottom);
        top /= divisor;
        bottom /= divisor;
    }
    return `${top}/${bottom}`;
}

const words = require("fs").readFileSync(0, "utf8").trim().split(" ");
const fractions = words.map((word) => word.split("/").map(Number));
console.log(sumOfFractions(fractions));
