function isLeapYear(year) {
    return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

const input = require("fs").readFileSync(0, "utf8").trim();
const year = Number(input);
console.log(isLeapYear(year) ? "yes" : "no");
