function egyptianFraction(numerator, denominator) {
    if (numerator === 0) {
        return [];
    }
    const part = Math.ceil(denominator / numerator);
    return [part, ...egyptianFraction(numerator * part - denominator, denominator * part)];
}

const input = require("fs").readFileSync(0, "utf8").trim();
const [numerator, denominator] = input.split(" ").map(Number);
console.log(egyptianFraction(numerator, denominator).join(" "));
