function decimalToBinary(number) {
    let digits = "";
    while (number > 0) {
        digits = (number % 2) + digits;
        number = Math.floor(number / 2);
    }
    return digits || "0";
}

const input = require("fs").readFileSync(0, "utf8").trim();
const number = Number(input);
console.log(decimalToBinary(number));
