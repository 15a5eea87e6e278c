const values = [1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1];
const symbols = "M CM D CD C XC L XL X IX V IV I".split(" ");

function romanNumeral(number) {
    let numeral = "";
    for (let i = 0; i < values.length; i++) {
        while (number >= values[i]) {
            numeral += symbols[i];
            number -= values[i];
        }
    }
    return numeral;
}

const input = require("fs").readFileSync(0, "utf8").trim();
const number = Number(input);
console.log(romanNumeral(number));
