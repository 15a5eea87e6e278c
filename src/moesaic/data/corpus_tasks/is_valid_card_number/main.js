function isValidCardNumber(number) {
    const digits = number.replace(/ /g, "").split("").reverse().map(Number);
    const sum = digits.reduce((total, digit, index) => {
        const value = index % 2 === 1 ? 2 * digit : digit;
        return total + (value > 9 ? value - 9 : value);
    }, 0);
    return sum % 10 === 0;
}

const number = require("fs").readFileSync(0, "utf8").trim();
console.log(isValidCardNumber(number) ? "yes" : "no");
