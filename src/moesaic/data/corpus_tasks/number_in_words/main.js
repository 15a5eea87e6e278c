const small = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
const teens = [
    "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen",
    "eighteen", "nineteen"
];
const tens = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];

function numberInWords(number) {
    if (number < 10) {
        return small[number];
    }
    if (number < 20) {
        return teens[number - 10];
    }
    const isBelow100 = number < 100;
    const unit = isBelow100 ? 10 : 100;
    const count = Math.floor(number / unit);
    const words = [isBelow100 ? tens[count - 2] : `${small[count]} hundred`];
    if (number % unit > 0) {
        words.push(numberInWords(number % unit));
    }
    return words.join(isBelow100 ? "-" : " and ");
}

const input = require("fs").readFileSync(0, "utf8").trim();
console.log(numberInWords(Number(input)));
